// The JavaScript class of a native consumer; lib/binding.ts types it.
#pragma once

#include "napi_setup.h"

namespace odradek {

Napi::Function DefineConsumer(Napi::Env env);

}  // namespace odradek

// The JavaScript class of a native producer; lib/binding.ts types it.
#pragma once

#include "napi_setup.h"

namespace odradek {

Napi::Function DefineProducer(Napi::Env env);

}  // namespace odradek

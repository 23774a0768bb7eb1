// The JavaScript class of the embedded cluster; lib/binding.ts types it.
#pragma once

#include "napi_setup.h"

namespace odradek {

Napi::Function DefineMockCluster(Napi::Env env);

}  // namespace odradek

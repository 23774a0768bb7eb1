// The JavaScript class of an admin client's own handle. What it does, every client can.
#pragma once

#include "napi_setup.h"

namespace odradek {

Napi::Function DefineAdmin(Napi::Env env);

}  // namespace odradek

// The JavaScript class of a native consumer; lib/binding.ts types it.
#pragma once

#include <memory>

#include "napi_setup.h"

namespace odradek {

class Consumer;

Napi::Function DefineConsumer(Napi::Env env);
// The consumer of an object that DefineConsumer's class has made; null for anything else.
std::shared_ptr<Consumer> ConsumerOf(const Napi::Value& value);

}  // namespace odradek

// From lib/'s validated name-value pairs to an rd_kafka_conf_t. JS thread.
#pragma once

#include "handle.h"
#include "kafka_error.h"
#include "napi_setup.h"

namespace odradek {

// `entries` is [name, value, name, value, …] (strings). On failure null, and `error` names the property; never its
// value, which may be a secret.
ConfHandle MakeConf(const Napi::Array& entries, int events, KafkaError* error);

}  // namespace odradek

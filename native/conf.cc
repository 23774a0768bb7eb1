#include "conf.h"
#include "js_read.h"

#include <string>

namespace odradek {

ConfHandle MakeConf(const Napi::Array& entries, int events, KafkaError* error) {
  ConfHandle conf(rd_kafka_conf_new());
  ErrorText text;
  const uint32_t length = entries.Length();
  for (uint32_t i = 0; i + 1 < length; i += 2) {
    const std::string name = Text(entries.Get(i));
    const std::string value = Text(entries.Get(i + 1));
    rd_kafka_conf_res_t result =
        rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text.data(), text.size());
    if (result == RD_KAFKA_CONF_OK) continue;
    std::string reason = result == RD_KAFKA_CONF_UNKNOWN ? "unknown property" : text.text;
    // librdkafka may repeat the value in its text.
    if (value.size() >= 3 && reason.find(value) != std::string::npos)
      reason = "not accepted by this build of librdkafka";
    *error = KafkaError::Of(RD_KAFKA_RESP_ERR__INVALID_ARG, "property '" + name + "': " + reason);
    return nullptr;
  }
  rd_kafka_conf_set_events(conf.get(), events);
  return conf;
}

}  // namespace odradek

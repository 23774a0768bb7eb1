// The module's entry: its export table, nothing else. No state is kept outside the objects, so it loads in any number
// of environments (worker_threads), in any order.
#include <string>

#include "admin_wrap.h"
#include "consumer_wrap.h"
#include "handle.h"
#include "mock_cluster.h"
#include "napi_setup.h"
#include "producer_wrap.h"

namespace odradek {

static Napi::Value Features(const Napi::CallbackInfo& info) {
  ConfHandle conf(rd_kafka_conf_new());
  char features[512];
  size_t size = sizeof(features);
  if (rd_kafka_conf_get(conf.get(), "builtin.features", features, &size) != RD_KAFKA_CONF_OK)
    features[0] = '\0';
  return Napi::String::New(info.Env(), features);
}

// [[code, name, description], …] of the linked librdkafka.
static Napi::Value ErrorDescriptions(const Napi::CallbackInfo& info) {
  const struct rd_kafka_err_desc* descriptions = nullptr;
  size_t count = 0;
  rd_kafka_get_err_descs(&descriptions, &count);
  Napi::Array array = Napi::Array::New(info.Env());
  uint32_t length = 0;
  for (size_t i = 0; i < count; i++) {
    if (descriptions[i].name == nullptr) continue;
    Napi::Array row = Napi::Array::New(info.Env(), 3);
    row.Set(0u, Napi::Number::New(info.Env(), descriptions[i].code));
    row.Set(1u, Napi::String::New(info.Env(), descriptions[i].name));
    row.Set(2u, Napi::String::New(info.Env(), descriptions[i].desc ? descriptions[i].desc : ""));
    array.Set(length++, row);
  }
  return array;
}

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("librdkafkaVersion", Napi::String::New(env, rd_kafka_version_str()));
  exports.Set("features", Napi::Function::New(env, Features));
  exports.Set("errorDescriptions", Napi::Function::New(env, ErrorDescriptions));
  exports.Set("Producer", DefineProducer(env));
  exports.Set("Consumer", DefineConsumer(env));
  exports.Set("Admin", DefineAdmin(env));
  exports.Set("MockCluster", DefineMockCluster(env));
  return exports;
}

}  // namespace odradek

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) { return odradek::Init(env, exports); }

NODE_API_MODULE(odradek, InitModule)

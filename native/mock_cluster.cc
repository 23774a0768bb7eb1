#include "mock_cluster.h"

#include <memory>
#include <string>
#include <thread>

#include "handle.h"
// After rdkafka.h, which it needs.
#include <librdkafka/rdkafka_mock.h>

#include "kafka_error.h"

namespace odradek {

namespace {

void ThrowError(Napi::Env env, const KafkaError& error) {
  Napi::Error thrown = Napi::Error::New(env, error.message);
  thrown.Value().Set("errno", Napi::Number::New(env, error.code));
  thrown.ThrowAsJavaScriptException();
}

// The cluster and the rd_kafka_t that hosts it. The mock API locks for itself; calls wait microseconds for its thread.
struct Cluster {
  rd_kafka_t* host = nullptr;
  rd_kafka_mock_cluster_t* mock = nullptr;
  ~Cluster() {
    if (mock != nullptr) rd_kafka_mock_cluster_destroy(mock);
    if (host != nullptr) rd_kafka_destroy(host);
  }
};

class MockClusterWrap final : public Napi::ObjectWrap<MockClusterWrap> {
 public:
  // new (brokers)
  explicit MockClusterWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    auto cluster = std::make_unique<Cluster>();
    ConfHandle conf(rd_kafka_conf_new());
    rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char*, const char*) {});
    ErrorText text;
    cluster->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), text.data(), text.size());
    if (cluster->host == nullptr) {
      ThrowError(info.Env(), KafkaError::Of(rd_kafka_last_error(), text.data()));
      return;
    }
    conf.release();
    cluster->mock = rd_kafka_mock_cluster_new(cluster->host, info[0].As<Napi::Number>().Int32Value());
    if (cluster->mock == nullptr) {
      ThrowError(info.Env(), KafkaError::Of(RD_KAFKA_RESP_ERR__FAIL, "the embedded cluster could not be started"));
      return;
    }
    // librdkafka's default of 3 s makes every first join of a test wait.
    rd_kafka_mock_group_initial_rebalance_delay_ms(cluster->mock, 0);
    cluster_ = std::move(cluster);
  }

  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "MockCluster",
                       {
                           InstanceMethod("bootstrapServers", &MockClusterWrap::BootstrapServers),
                           InstanceMethod("createTopic", &MockClusterWrap::CreateTopic),
                           InstanceMethod("close", &MockClusterWrap::Close),
                       });
  }

 private:
  Napi::Value BootstrapServers(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), rd_kafka_mock_cluster_bootstraps(cluster_->mock));
  }

  // createTopic(name, partitions, replicationFactor): { errno, … } | null
  Napi::Value CreateTopic(const Napi::CallbackInfo& info) {
    const std::string topic = info[0].ToString().Utf8Value();
    return KafkaError::Of(rd_kafka_mock_topic_create(cluster_->mock, topic.c_str(),
                                                     info[1].As<Napi::Number>().Int32Value(),
                                                     info[2].As<Napi::Number>().Int32Value()))
        .ToJs(info.Env());
  }

  // Joining the cluster's threads takes a moment: not on the JS thread.
  void Close(const Napi::CallbackInfo&) {
    if (cluster_) std::thread([cluster = std::move(cluster_)] {}).detach();
  }

  std::unique_ptr<Cluster> cluster_;
};

}  // namespace

Napi::Function DefineMockCluster(Napi::Env env) { return MockClusterWrap::Define(env); }

}  // namespace odradek

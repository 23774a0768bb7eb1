#include "metadata.h"

#include <algorithm>
#include <string>
#include <utility>

#include "json_writer.h"

namespace odradek {

namespace {

using MetadataHandle = Handle<const rd_kafka_metadata_t, &rd_kafka_metadata_destroy>;
using std::chrono::milliseconds;

// The first wait of a blocking call. Waits get longer, so that a slow cluster is not asked again and again; and they
// are short as long as closing is not to be kept waiting.
constexpr milliseconds kFirstSlice(250);

// Calls `ask(milliseconds)`, which returns whether it is through, until the deadline or the client's end.
template <typename F>
KafkaError AskUntil(Client* client, Client::Clock::time_point deadline, const char* what, F ask) {
  milliseconds slice = kFirstSlice;
  for (;; slice *= 2) {
    if (client->stopping()) return KafkaError::Of(RD_KAFKA_RESP_ERR__DESTROY, "The client is closed");
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Client::Clock::now());
    if (left <= milliseconds(0)) break;
    if (ask(static_cast<int>(std::min(left, slice).count()))) return KafkaError();
  }
  return KafkaError::Of(RD_KAFKA_RESP_ERR__TIMED_OUT,
                        std::string("Timed out waiting for ") + what + ": no broker has answered");
}

void WriteIds(JsonWriter* json, const char* name, const int32_t* ids, int count) {
  json->BeginArray(name);
  for (int i = 0; i < count; i++) json->Number(nullptr, ids[i]);
  json->EndArray();
}

void WriteCode(JsonWriter* json, rd_kafka_resp_err_t code) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  json->Number("errno", code);
}

void WriteTopic(JsonWriter* json, const rd_kafka_metadata_topic_t& topic) {
  json->BeginObject();
  json->Text("topic", topic.topic);
  WriteCode(json, topic.err);
  json->BeginArray("partitions");
  for (int i = 0; i < topic.partition_cnt; i++) {
    const rd_kafka_metadata_partition_t& partition = topic.partitions[i];
    json->BeginObject();
    json->Number("partition", partition.id);
    json->Number("leader", partition.leader);
    WriteIds(json, "replicas", partition.replicas, partition.replica_cnt);
    WriteIds(json, "isr", partition.isrs, partition.isr_cnt);
    WriteCode(json, partition.err);
    json->EndObject();
  }
  json->EndArray();
  json->EndObject();
}

std::string ToJson(const rd_kafka_metadata_t& metadata) {
  JsonWriter json;
  json.BeginObject();
  json.BeginObject("originBroker");
  json.Number("id", metadata.orig_broker_id);
  json.Text("name", metadata.orig_broker_name);
  json.EndObject();
  json.BeginArray("brokers");
  for (int i = 0; i < metadata.broker_cnt; i++) {
    json.BeginObject();
    json.Number("id", metadata.brokers[i].id);
    json.Text("host", metadata.brokers[i].host);
    json.Number("port", metadata.brokers[i].port);
    json.EndObject();
  }
  json.EndArray();
  json.BeginArray("topics");
  for (int i = 0; i < metadata.topic_cnt; i++) WriteTopic(&json, metadata.topics[i]);
  json.EndArray();
  json.EndObject();
  return json.Take();
}

// Errors that may pass while brokers are being connected to.
bool Passes(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

Result TextResult(KafkaError error, std::string text) {
  Result result;
  result.error = std::move(error);
  result.value = [text = std::move(text)](Napi::Env env) -> Napi::Value {
    return Napi::String::New(env, text);
  };
  return result;
}

}  // namespace

Client::Work QueryMetadata(Client* client, bool all_topics, Client::Clock::time_point deadline) {
  return [client, all_topics, deadline](rd_kafka_t* rk) {
    MetadataHandle metadata;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    KafkaError error = AskUntil(client, deadline, "metadata", [&](int ms) {
      const rd_kafka_metadata_t* answer = nullptr;
      code = rd_kafka_metadata(rk, all_topics ? 1 : 0, nullptr, &answer, ms);
      metadata.reset(answer);
      return !Passes(code);
    });
    if (!error) error = KafkaError::Of(code);
    return TextResult(std::move(error), metadata ? ToJson(*metadata) : std::string());
  };
}

Client::Work QueryClusterId(Client* client, Client::Clock::time_point deadline) {
  return [client, deadline](rd_kafka_t* rk) {
    std::string id;
    KafkaError error = AskUntil(client, deadline, "the cluster's id", [&](int ms) {
      char* text = rd_kafka_clusterid(rk, ms);
      if (text == nullptr) return false;
      id = text;
      rd_kafka_mem_free(rk, text);
      return true;
    });
    return TextResult(std::move(error), std::move(id));
  };
}

Client::Work QueryControllerId(Client* client, Client::Clock::time_point deadline) {
  return [client, deadline](rd_kafka_t* rk) {
    int32_t id = -1;
    Result result;
    result.error = AskUntil(client, deadline, "the controller's id", [&](int ms) {
      id = rd_kafka_controllerid(rk, ms);
      return id >= 0;
    });
    result.value = [id](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, id); };
    return result;
  };
}

}  // namespace odradek

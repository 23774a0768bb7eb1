#include "metadata.h"

#include <algorithm>
#include <string>
#include <utility>

#include "json_writer.h"

namespace odradek {

namespace {

using MetadataHandle = Handle<const rd_kafka_metadata_t, &rd_kafka_metadata_destroy>;
using std::chrono::milliseconds;

// The first slice of a question, and of those that librdkafka answers from what it knows. A question whose answer is
// fetched gets longer slices, so that a slow cluster is not asked again and again; and they are short as long as closing
// is not to be kept waiting.
constexpr milliseconds kFirstSlice(250);
constexpr milliseconds kLongestSlice(1000);
constexpr milliseconds kShortSlice(50);

// One turn of a question: `ask(milliseconds)` returns whether it is through.
class Question {
 public:
  Question(Client* client, Client::Clock::time_point deadline, const char* what)
      : client_(client), deadline_(deadline), what_(what) {}

  template <typename Ask>
  Result Turn(milliseconds slice, Ask ask) const {
    if (client_->stopping())
      return Result::Fail(KafkaError::Of(RD_KAFKA_RESP_ERR__DESTROY, "The client is closed"));
    const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - Client::Clock::now());
    if (left <= milliseconds(0)) {
      const std::string text = std::string("Timed out waiting for ") + what_ + ": no broker has answered";
      return Result::Fail(KafkaError::Of(RD_KAFKA_RESP_ERR__TIMED_OUT, text));
    }
    return ask(static_cast<int>(std::min(left, slice).count())) ? Result::Ok() : Result::Again();
  }

 private:
  Client* client_;
  Client::Clock::time_point deadline_;
  const char* what_;
};

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

std::function<Napi::Value(Napi::Env)> TextValue(std::string text) {
  return [text = std::move(text)](Napi::Env env) -> Napi::Value { return Napi::String::New(env, text); };
}

}  // namespace

Client::Work QueryMetadata(Client* client, bool all_topics, Client::Clock::time_point deadline) {
  return [question = Question(client, deadline, "metadata"), all_topics,
          slice = kFirstSlice](rd_kafka_t* rk) mutable {
    MetadataHandle metadata;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    Result result = question.Turn(slice, [&](int ms) {
      const rd_kafka_metadata_t* answer = nullptr;
      code = rd_kafka_metadata(rk, all_topics ? 1 : 0, nullptr, &answer, ms);
      metadata.reset(answer);
      return !Passes(code);
    });
    slice = std::min(slice * 2, kLongestSlice);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !result.again) result.error = KafkaError::Of(code);
    if (metadata) result.value = TextValue(ToJson(*metadata));
    return result;
  };
}

Client::Work QueryClusterId(Client* client, Client::Clock::time_point deadline) {
  return [question = Question(client, deadline, "the cluster's id")](rd_kafka_t* rk) {
    std::string id;
    Result result = question.Turn(kShortSlice, [&](int ms) {
      char* text = rd_kafka_clusterid(rk, ms);
      if (text == nullptr) return false;
      id = text;
      rd_kafka_mem_free(rk, text);
      return true;
    });
    result.value = TextValue(std::move(id));
    return result;
  };
}

Client::Work QueryControllerId(Client* client, Client::Clock::time_point deadline) {
  return [question = Question(client, deadline, "the controller's id")](rd_kafka_t* rk) {
    int32_t id = -1;
    Result result = question.Turn(kShortSlice, [&](int ms) {
      id = rd_kafka_controllerid(rk, ms);
      return id >= 0;
    });
    result.value = [id](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, id); };
    return result;
  };
}

}  // namespace odradek

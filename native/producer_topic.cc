// A producer's topics: their handles, and how many partitions they have.
#include <algorithm>
#include <utility>

#include "producer.h"

namespace odradek {

namespace {
using MetadataHandle = Handle<const rd_kafka_metadata_t, &rd_kafka_metadata_destroy>;
}  // namespace

int32_t Producer::AddTopic(std::string name, TopicConfHandle conf) {
  std::lock_guard<std::mutex> lock(topics_mutex_);
  topics_.push_back({std::move(name), std::move(conf), nullptr, {}});
  return static_cast<int32_t>(topics_.size() - 1);
}

// The handle is made when it is first needed: librdkafka takes the configuration that comes first, for good.
rd_kafka_topic_t* Producer::TopicFor(rd_kafka_t* rk, int32_t id, rd_kafka_resp_err_t* error) {
  std::lock_guard<std::mutex> lock(topics_mutex_);
  Topic& topic = topics_[static_cast<size_t>(id)];
  if (!topic.handle && !topic.error) {
    rd_kafka_topic_conf_t* conf = topic.conf ? topic.conf.release() : rd_kafka_default_topic_conf_dup(rk);
    rd_kafka_topic_conf_set_opaque(conf, reinterpret_cast<void*>(static_cast<intptr_t>(id)));
    topic.handle.reset(rd_kafka_topic_new(rk, topic.name.c_str(), conf));
    if (!topic.handle) topic.error = KafkaError::Of(rd_kafka_last_error());
  }
  *error = topic.error.code;
  return topic.handle.get();
}

// The answer brings librdkafka's own knowledge of the topic up to date too, so a partition that is counted here can be
// produced to.
KafkaError Producer::CountPartitions(rd_kafka_t* rk, int32_t id, int milliseconds, int32_t* count) {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  rd_kafka_topic_t* topic = TopicFor(rk, id, &error);
  if (topic == nullptr) return KafkaError::Of(error);
  const rd_kafka_metadata_t* answer = nullptr;
  error = rd_kafka_metadata(rk, 0, topic, &answer, milliseconds);
  MetadataHandle metadata(answer);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR && answer->topic_cnt != 1) error = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaError::Of(error);
  *count = answer->topics[0].partition_cnt;
  return KafkaError::Of(answer->topics[0].err);
}

}  // namespace odradek

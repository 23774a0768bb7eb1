#include "topic_partition.h"

#include <cstring>
#include <string>

#include "js_read.h"
#include "kafka_error.h"

namespace odradek {

SharedPartitionList Share(rd_kafka_topic_partition_list_t* list) {
  if (list == nullptr) return nullptr;
  return SharedPartitionList(list, rd_kafka_topic_partition_list_destroy);
}

SharedPartitionList PartitionListFromJs(const Napi::Value& given) {
  if (!given.IsArray()) return nullptr;
  Napi::Array array = given.As<Napi::Array>();
  const uint32_t length = array.Length();
  SharedPartitionList list = Share(rd_kafka_topic_partition_list_new(static_cast<int>(length)));
  for (uint32_t i = 0; i < length; i++) {
    Napi::Value value = array.Get(i);
    if (value.IsEmpty()) break;
    Napi::Object item = value.As<Napi::Object>();
    const std::string topic = Text(item.Get("topic"));
    const int32_t partition = Int(item.Get("partition"));
    rd_kafka_topic_partition_t* entry =
        rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    Napi::Value offset = item.Get("offset");
    if (offset.IsNumber()) entry->offset = offset.As<Napi::Number>().Int64Value();
    Napi::Value epoch = item.Get("leaderEpoch");
    if (epoch.IsNumber())
      rd_kafka_topic_partition_set_leader_epoch(entry, epoch.As<Napi::Number>().Int32Value());
    Napi::Value metadata = item.Get("metadata");
    if (metadata.IsString()) {
      const std::string text = Text(metadata);
      // librdkafka frees it, so it has to come from librdkafka's allocator.
      entry->metadata = rd_kafka_mem_malloc(nullptr, text.size() + 1);
      std::memcpy(entry->metadata, text.c_str(), text.size() + 1);
      entry->metadata_size = text.size();
    }
  }
  return list;
}

Napi::Value PartitionListToJs(Napi::Env env, const rd_kafka_topic_partition_list_t* list) {
  if (list == nullptr) return env.Null();
  Napi::Array array = Napi::Array::New(env, static_cast<size_t>(list->cnt));
  for (int i = 0; i < list->cnt; i++) {
    const rd_kafka_topic_partition_t& entry = list->elems[i];
    Napi::Object item = Napi::Object::New(env);
    item.Set("topic", Napi::String::New(env, entry.topic));
    item.Set("partition", Napi::Number::New(env, entry.partition));
    item.Set("offset", Napi::Number::New(env, static_cast<double>(entry.offset)));
    const int32_t epoch = rd_kafka_topic_partition_get_leader_epoch(&entry);
    item.Set("leaderEpoch", epoch < 0 ? env.Null() : Napi::Number::New(env, epoch));
    item.Set("metadata", entry.metadata == nullptr
                             ? env.Null()
                             : Napi::Value(Napi::String::New(env, static_cast<const char*>(entry.metadata),
                                                             entry.metadata_size)));
    item.Set("error", KafkaError::Of(entry.err).ToJs(env));
    array.Set(static_cast<uint32_t>(i), item);
  }
  return array;
}

}  // namespace odradek

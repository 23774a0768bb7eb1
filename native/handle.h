// One owning alias for every librdkafka type: who holds the alias destroys the object, nobody else does.
// The aliases are not thread-safe; whose thread may hold one is said where it is a member.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>

namespace odradek {

template <auto Destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* pointer) const {
    Destroy(pointer);
  }
};

template <typename T, auto Destroy>
using Handle = std::unique_ptr<T, Destroyer<Destroy>>;

using ConfHandle = Handle<rd_kafka_conf_t, &rd_kafka_conf_destroy>;
using TopicConfHandle = Handle<rd_kafka_topic_conf_t, &rd_kafka_topic_conf_destroy>;
using TopicHandle = Handle<rd_kafka_topic_t, &rd_kafka_topic_destroy>;
using QueueHandle = Handle<rd_kafka_queue_t, &rd_kafka_queue_destroy>;
using EventHandle = Handle<rd_kafka_event_t, &rd_kafka_event_destroy>;
using ErrorHandle = Handle<rd_kafka_error_t, &rd_kafka_error_destroy>;
using PartitionListHandle = Handle<rd_kafka_topic_partition_list_t, &rd_kafka_topic_partition_list_destroy>;
using HeadersHandle = Handle<rd_kafka_headers_t, &rd_kafka_headers_destroy>;
using GroupMetadataHandle =
    Handle<rd_kafka_consumer_group_metadata_t, &rd_kafka_consumer_group_metadata_destroy>;

// Room for librdkafka's error texts.
struct ErrorText {
  char text[512] = {};
  char* data() { return text; }
  static constexpr size_t size() { return sizeof(text); }
};

}  // namespace odradek

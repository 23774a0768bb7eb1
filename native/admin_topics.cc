// Admin operations on topics and their records.
#include <algorithm>
#include <iterator>
#include <string>

#include "admin_operations.h"
#include "js_read.h"

namespace odradek {

namespace {

using NewTopicHandle = Handle<rd_kafka_NewTopic_t, &rd_kafka_NewTopic_destroy>;
using DeleteTopicHandle = Handle<rd_kafka_DeleteTopic_t, &rd_kafka_DeleteTopic_destroy>;
using NewPartitionsHandle = Handle<rd_kafka_NewPartitions_t, &rd_kafka_NewPartitions_destroy>;
using DeleteRecordsHandle = Handle<rd_kafka_DeleteRecords_t, &rd_kafka_DeleteRecords_destroy>;
using TopicCollectionHandle = Handle<rd_kafka_TopicCollection_t, &rd_kafka_TopicCollection_destroy>;

// Kafka's own tools write ids in the alphabet for URLs, librdkafka in the other.
std::string TopicId(const rd_kafka_Uuid_t* id) {
  std::string text = rd_kafka_Uuid_base64str(id);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

// replicaAssignment: for each partition the ids of its brokers.
template <typename T, typename F>
KafkaError AssignReplicas(T* target, const Napi::Value& assignment, F set) {
  if (!assignment.IsArray()) return KafkaError();
  int32_t partition = 0;
  return ForEach(assignment, [&](const Napi::Value& value) {
    std::vector<int32_t> brokers;
    Napi::Array ids = value.As<Napi::Array>();
    for (uint32_t i = 0; i < ids.Length(); i++) brokers.push_back(Int(ids.Get(i)));
    ErrorText text;
    return KafkaError::Of(set(target, partition++, brokers.data(), brokers.size(), text.data(), text.size()),
                          text.data());
  });
}

// [{ topic, numPartitions, replicationFactor, replicaAssignment?, config: [[name, value], …] }]
KafkaError PrepareCreateTopics(const Napi::Value& arguments, AdminStart* start) {
  auto topics = std::make_shared<HandleList<NewTopicHandle>>();
  KafkaError error = ForEach(arguments, [&](const Napi::Value& value) {
    Napi::Object item = ObjectOf(value);
    ErrorText text;
    NewTopicHandle topic(rd_kafka_NewTopic_new(TextOf(item, "topic").c_str(), IntOf(item, "numPartitions"),
                                               IntOf(item, "replicationFactor"), text.data(), text.size()));
    if (!topic) return InvalidArgument(text.data());
    KafkaError failed =
        AssignReplicas(topic.get(), item.Get("replicaAssignment"), rd_kafka_NewTopic_set_replica_assignment);
    if (failed) return failed;
    failed = ForEach(item.Get("config"), [&](const Napi::Value& pair) {
      const std::string name = Text(ObjectOf(pair).Get(0u));
      const std::string setting = Text(ObjectOf(pair).Get(1u));
      return KafkaError::Of(rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), setting.c_str()));
    });
    topics->Add(std::move(topic));
    return failed;
  });
  *start = StartWith(topics, rd_kafka_CreateTopics);
  return error;
}

// [topic]
KafkaError PrepareDeleteTopics(const Napi::Value& arguments, AdminStart* start) {
  auto topics = std::make_shared<HandleList<DeleteTopicHandle>>();
  ForEach(arguments, [&](const Napi::Value& value) {
    topics->Add(DeleteTopicHandle(rd_kafka_DeleteTopic_new(Text(value).c_str())));
    return KafkaError();
  });
  *start = StartWith(topics, rd_kafka_DeleteTopics);
  return KafkaError();
}

// [{ topic, totalCount, replicaAssignment? }]
KafkaError PrepareCreatePartitions(const Napi::Value& arguments, AdminStart* start) {
  auto list = std::make_shared<HandleList<NewPartitionsHandle>>();
  KafkaError error = ForEach(arguments, [&](const Napi::Value& value) {
    Napi::Object item = ObjectOf(value);
    ErrorText text;
    NewPartitionsHandle partitions(rd_kafka_NewPartitions_new(TextOf(item, "topic").c_str(),
                                                              static_cast<size_t>(IntOf(item, "totalCount")),
                                                              text.data(), text.size()));
    if (!partitions) return InvalidArgument(text.data());
    KafkaError failed = AssignReplicas(partitions.get(), item.Get("replicaAssignment"),
                                       rd_kafka_NewPartitions_set_replica_assignment);
    list->Add(std::move(partitions));
    return failed;
  });
  *start = StartWith(list, rd_kafka_CreatePartitions);
  return error;
}

// [topic]
KafkaError PrepareDescribeTopics(const Napi::Value& arguments, AdminStart* start) {
  auto names = std::make_shared<NameList>(arguments);
  *start = [names](rd_kafka_t* rk, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
    TopicCollectionHandle topics(rd_kafka_TopicCollection_of_topic_names(names->data(), names->size()));
    rd_kafka_DescribeTopics(rk, topics.get(), options, queue);
  };
  return KafkaError();
}

// [{ topic, partition, offset }]: up to, not including, that offset
KafkaError PrepareDeleteRecords(const Napi::Value& arguments, AdminStart* start) {
  auto list = std::make_shared<HandleList<DeleteRecordsHandle>>();
  list->Add(DeleteRecordsHandle(rd_kafka_DeleteRecords_new(PartitionListFromJs(arguments).get())));
  *start = StartWith(list, rd_kafka_DeleteRecords);
  return KafkaError();
}

// [{ topic, partition, offset }]: the offset is a timestamp or an rd_kafka_OffsetSpec_t
KafkaError PrepareListOffsets(const Napi::Value& arguments, AdminStart* start) {
  SharedPartitionList list = PartitionListFromJs(arguments);
  *start = [list](rd_kafka_t* rk, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
    rd_kafka_ListOffsets(rk, list.get(), options, queue);
  };
  return KafkaError();
}

// [{ topic, error? }], of any of the result types that are lists of topics.
template <auto ResultOf, auto TopicsOf>
void WriteTopicResults(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_topic_result_t** topics = TopicsOf(ResultOf(event), &count);
  json->Objects(nullptr, topics, count, [json](const rd_kafka_topic_result_t* topic) {
    json->Text("topic", rd_kafka_topic_result_name(topic));
    WriteError(json, rd_kafka_topic_result_error(topic), rd_kafka_topic_result_error_string(topic));
  });
}

void WritePartitionInfo(JsonWriter* json, const rd_kafka_TopicPartitionInfo_t* partition) {
  size_t count = 0;
  json->Number("partition", rd_kafka_TopicPartitionInfo_partition(partition));
  WriteNode(json, "leader", rd_kafka_TopicPartitionInfo_leader(partition));
  const rd_kafka_Node_t** replicas = rd_kafka_TopicPartitionInfo_replicas(partition, &count);
  WriteNodes(json, "replicas", replicas, count);
  const rd_kafka_Node_t** isr = rd_kafka_TopicPartitionInfo_isr(partition, &count);
  WriteNodes(json, "isr", isr, count);
}

void WriteTopicDescriptions(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_TopicDescription_t** topics =
      rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event), &count);
  json->Objects(nullptr, topics, count, [json](const rd_kafka_TopicDescription_t* topic) {
    size_t items = 0;
    json->Text("topic", rd_kafka_TopicDescription_name(topic));
    json->Text("topicId", TopicId(rd_kafka_TopicDescription_topic_id(topic)));
    json->Boolean("isInternal", rd_kafka_TopicDescription_is_internal(topic) != 0);
    const rd_kafka_TopicPartitionInfo_t** partitions = rd_kafka_TopicDescription_partitions(topic, &items);
    json->Objects("partitions", partitions, items, [json](const rd_kafka_TopicPartitionInfo_t* partition) {
      WritePartitionInfo(json, partition);
    });
    const rd_kafka_AclOperation_t* operations =
        rd_kafka_TopicDescription_authorized_operations(topic, &items);
    WriteOperations(json, operations, items);
    WriteError(json, rd_kafka_TopicDescription_error(topic));
  });
}

void WriteDeletedRecords(rd_kafka_event_t* event, JsonWriter* json) {
  WritePartitions(json, nullptr,
                  rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event)));
}

void WriteOffsets(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_ListOffsetsResultInfo_t** infos =
      rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &count);
  json->Objects(nullptr, infos, count, [json](const rd_kafka_ListOffsetsResultInfo_t* info) {
    WritePartition(json, *rd_kafka_ListOffsetsResultInfo_topic_partition(info));
    json->Number("timestamp", rd_kafka_ListOffsetsResultInfo_timestamp(info));
  });
}

constexpr AdminOperation kTable[] = {
    {"createTopics", RD_KAFKA_ADMIN_OP_CREATETOPICS, RD_KAFKA_EVENT_CREATETOPICS_RESULT, PrepareCreateTopics,
     WriteTopicResults<rd_kafka_event_CreateTopics_result, rd_kafka_CreateTopics_result_topics>},
    {"deleteTopics", RD_KAFKA_ADMIN_OP_DELETETOPICS, RD_KAFKA_EVENT_DELETETOPICS_RESULT, PrepareDeleteTopics,
     WriteTopicResults<rd_kafka_event_DeleteTopics_result, rd_kafka_DeleteTopics_result_topics>},
    {"createPartitions", RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT,
     PrepareCreatePartitions,
     WriteTopicResults<rd_kafka_event_CreatePartitions_result, rd_kafka_CreatePartitions_result_topics>},
    {"describeTopics", RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT,
     PrepareDescribeTopics, WriteTopicDescriptions},
    {"deleteRecords", RD_KAFKA_ADMIN_OP_DELETERECORDS, RD_KAFKA_EVENT_DELETERECORDS_RESULT,
     PrepareDeleteRecords, WriteDeletedRecords},
    {"listOffsets", RD_KAFKA_ADMIN_OP_LISTOFFSETS, RD_KAFKA_EVENT_LISTOFFSETS_RESULT, PrepareListOffsets,
     WriteOffsets},
};

}  // namespace

extern const AdminOperations kTopicOperations = {kTable, std::size(kTable)};

}  // namespace odradek

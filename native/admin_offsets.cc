// Admin operations on the offsets of consumer groups. librdkafka takes one group a call.
#include <iterator>

#include "admin_operations.h"

namespace odradek {

namespace {

// { group, partitions: [{ topic, partition, offset?, … }] | null }
template <typename T, auto New, auto Destroy, auto Submit>
KafkaError PrepareOffsets(const Napi::Value& arguments, AdminStart* start) {
  Napi::Object item = ObjectOf(arguments);
  SharedPartitionList partitions = PartitionListFromJs(item.Get("partitions"));
  auto list = std::make_shared<HandleList<Handle<T, Destroy>>>();
  list->Add(Handle<T, Destroy>(New(TextOf(item, "group").c_str(), partitions.get())));
  *start = StartWith(list, Submit);
  return KafkaError();
}

// [{ group, partitions, error? }]
template <auto ResultOf, auto GroupsOf>
void WriteGroupOffsets(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_group_result_t** groups = GroupsOf(ResultOf(event), &count);
  json->Objects(nullptr, groups, count, [json](const rd_kafka_group_result_t* group) {
    json->Text("group", rd_kafka_group_result_name(group));
    WritePartitions(json, "partitions", rd_kafka_group_result_partitions(group));
    WriteError(json, rd_kafka_group_result_error(group));
  });
}

constexpr AdminOperation kTable[] = {
    {"listConsumerGroupOffsets", RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
     RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT,
     PrepareOffsets<rd_kafka_ListConsumerGroupOffsets_t, &rd_kafka_ListConsumerGroupOffsets_new,
                    &rd_kafka_ListConsumerGroupOffsets_destroy, &rd_kafka_ListConsumerGroupOffsets>,
     WriteGroupOffsets<rd_kafka_event_ListConsumerGroupOffsets_result,
                       rd_kafka_ListConsumerGroupOffsets_result_groups>},
    {"alterConsumerGroupOffsets", RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS,
     RD_KAFKA_EVENT_ALTERCONSUMERGROUPOFFSETS_RESULT,
     PrepareOffsets<rd_kafka_AlterConsumerGroupOffsets_t, &rd_kafka_AlterConsumerGroupOffsets_new,
                    &rd_kafka_AlterConsumerGroupOffsets_destroy, &rd_kafka_AlterConsumerGroupOffsets>,
     WriteGroupOffsets<rd_kafka_event_AlterConsumerGroupOffsets_result,
                       rd_kafka_AlterConsumerGroupOffsets_result_groups>},
    {"deleteConsumerGroupOffsets", RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS,
     RD_KAFKA_EVENT_DELETECONSUMERGROUPOFFSETS_RESULT,
     PrepareOffsets<rd_kafka_DeleteConsumerGroupOffsets_t, &rd_kafka_DeleteConsumerGroupOffsets_new,
                    &rd_kafka_DeleteConsumerGroupOffsets_destroy, &rd_kafka_DeleteConsumerGroupOffsets>,
     WriteGroupOffsets<rd_kafka_event_DeleteConsumerGroupOffsets_result,
                       rd_kafka_DeleteConsumerGroupOffsets_result_groups>},
};

}  // namespace

extern const AdminOperations kOffsetOperations = {kTable, std::size(kTable)};

}  // namespace odradek

// Admin operations on consumer groups.
#include <iterator>

#include "admin_operations.h"
#include "js_read.h"

namespace odradek {

namespace {

using DeleteGroupHandle = Handle<rd_kafka_DeleteGroup_t, &rd_kafka_DeleteGroup_destroy>;

KafkaError PrepareListGroups(const Napi::Value&, AdminStart* start) {
  *start = rd_kafka_ListConsumerGroups;
  return KafkaError();
}

// [group]
KafkaError PrepareDescribeGroups(const Napi::Value& arguments, AdminStart* start) {
  auto groups = std::make_shared<NameList>(arguments);
  *start = [groups](rd_kafka_t* rk, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
    rd_kafka_DescribeConsumerGroups(rk, groups->data(), groups->size(), options, queue);
  };
  return KafkaError();
}

// [group]
KafkaError PrepareDeleteGroups(const Napi::Value& arguments, AdminStart* start) {
  auto groups = std::make_shared<HandleList<DeleteGroupHandle>>();
  ForEach(arguments, [&](const Napi::Value& value) {
    groups->Add(DeleteGroupHandle(rd_kafka_DeleteGroup_new(Text(value).c_str())));
    return KafkaError();
  });
  *start = StartWith(groups, rd_kafka_DeleteGroups);
  return KafkaError();
}

// { groups, errors: [{ error }] }: each broker that does not answer is an error beside what the others said.
void WriteGroupListings(rd_kafka_event_t* event, JsonWriter* json) {
  const rd_kafka_ListConsumerGroups_result_t* result = rd_kafka_event_ListConsumerGroups_result(event);
  size_t count = 0;
  const rd_kafka_ConsumerGroupListing_t** groups = rd_kafka_ListConsumerGroups_result_valid(result, &count);
  json->BeginObject();
  json->Objects("groups", groups, count, [json](const rd_kafka_ConsumerGroupListing_t* group) {
    json->Text("group", rd_kafka_ConsumerGroupListing_group_id(group));
    json->Boolean("isSimple", rd_kafka_ConsumerGroupListing_is_simple_consumer_group(group) != 0);
    json->Number("state", rd_kafka_ConsumerGroupListing_state(group));
    json->Number("type", rd_kafka_ConsumerGroupListing_type(group));
  });
  const rd_kafka_error_t** errors = rd_kafka_ListConsumerGroups_result_errors(result, &count);
  json->Objects("errors", errors, count, [json](const rd_kafka_error_t* error) { WriteError(json, error); });
  json->EndObject();
}

// Null for what only KIP-848 has.
void WriteAssignment(JsonWriter* json, const char* name, const rd_kafka_MemberAssignment_t* assignment) {
  if (assignment == nullptr) return json->Null(name);
  const rd_kafka_topic_partition_list_t* list = rd_kafka_MemberAssignment_partitions(assignment);
  json->BeginArray(name);
  for (int i = 0; list != nullptr && i < list->cnt; i++) {
    json->BeginObject();
    json->Text("topic", list->elems[i].topic);
    json->Number("partition", list->elems[i].partition);
    json->EndObject();
  }
  json->EndArray();
}

void WriteMember(JsonWriter* json, const rd_kafka_MemberDescription_t* member) {
  json->BeginObject();
  json->Text("memberId", rd_kafka_MemberDescription_consumer_id(member));
  json->Text("instanceId", rd_kafka_MemberDescription_group_instance_id(member));
  json->Text("clientId", rd_kafka_MemberDescription_client_id(member));
  json->Text("host", rd_kafka_MemberDescription_host(member));
  WriteAssignment(json, "assignment", rd_kafka_MemberDescription_assignment(member));
  WriteAssignment(json, "targetAssignment", rd_kafka_MemberDescription_target_assignment(member));
  json->EndObject();
}

void WriteGroupDescriptions(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_ConsumerGroupDescription_t** groups = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event), &count);
  json->Objects(nullptr, groups, count, [json](const rd_kafka_ConsumerGroupDescription_t* group) {
    json->Text("group", rd_kafka_ConsumerGroupDescription_group_id(group));
    json->Boolean("isSimple", rd_kafka_ConsumerGroupDescription_is_simple_consumer_group(group) != 0);
    json->Text("assignor", rd_kafka_ConsumerGroupDescription_partition_assignor(group));
    json->Number("state", rd_kafka_ConsumerGroupDescription_state(group));
    json->Number("type", rd_kafka_ConsumerGroupDescription_type(group));
    WriteNode(json, "coordinator", rd_kafka_ConsumerGroupDescription_coordinator(group));
    const size_t members = rd_kafka_ConsumerGroupDescription_member_count(group);
    json->BeginArray("members");
    for (size_t i = 0; i < members; i++)
      WriteMember(json, rd_kafka_ConsumerGroupDescription_member(group, i));
    json->EndArray();
    size_t operations = 0;
    const rd_kafka_AclOperation_t* list =
        rd_kafka_ConsumerGroupDescription_authorized_operations(group, &operations);
    WriteOperations(json, list, operations);
    WriteError(json, rd_kafka_ConsumerGroupDescription_error(group));
  });
}

void WriteDeletedGroups(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_group_result_t** groups =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count);
  json->Objects(nullptr, groups, count, [json](const rd_kafka_group_result_t* group) {
    json->Text("group", rd_kafka_group_result_name(group));
    WriteError(json, rd_kafka_group_result_error(group));
  });
}

constexpr AdminOperation kTable[] = {
    {"listConsumerGroups", RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, RD_KAFKA_EVENT_LISTCONSUMERGROUPS_RESULT,
     PrepareListGroups, WriteGroupListings},
    {"describeConsumerGroups", RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
     RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT, PrepareDescribeGroups, WriteGroupDescriptions},
    {"deleteConsumerGroups", RD_KAFKA_ADMIN_OP_DELETEGROUPS, RD_KAFKA_EVENT_DELETEGROUPS_RESULT,
     PrepareDeleteGroups, WriteDeletedGroups},
};

}  // namespace

extern const AdminOperations kGroupOperations = {kTable, std::size(kTable)};

}  // namespace odradek

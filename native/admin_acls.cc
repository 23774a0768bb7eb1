// Admin operations on access control lists.
#include <iterator>

#include "admin_operations.h"

namespace odradek {

namespace {

// A filter is a binding, too.
using AclHandle = Handle<rd_kafka_AclBinding_t, &rd_kafka_AclBinding_destroy>;
using AclList = HandleList<AclHandle>;

// { resourceType, name, patternType, principal, host, operation, permission }: numbers and texts; in a filter null
// texts match all.
template <auto New>
AclHandle AclOf(const Napi::Value& value, KafkaError* error) {
  Napi::Object item = ObjectOf(value);
  std::string name;
  std::string principal;
  std::string host;
  ErrorText text;
  AclHandle acl(
      New(static_cast<rd_kafka_ResourceType_t>(IntOf(item, "resourceType")), TextOrNull(item, "name", &name),
          static_cast<rd_kafka_ResourcePatternType_t>(IntOf(item, "patternType")),
          TextOrNull(item, "principal", &principal), TextOrNull(item, "host", &host),
          static_cast<rd_kafka_AclOperation_t>(IntOf(item, "operation")),
          static_cast<rd_kafka_AclPermissionType_t>(IntOf(item, "permission")), text.data(), text.size()));
  if (!acl) *error = InvalidArgument(text.data());
  return acl;
}

// [binding], or [filter]
template <auto New, auto Submit>
KafkaError PrepareAcls(const Napi::Value& arguments, AdminStart* start) {
  auto acls = std::make_shared<AclList>();
  KafkaError error = ForEach(arguments, [&](const Napi::Value& value) {
    KafkaError failed;
    acls->Add(AclOf<New>(value, &failed));
    return failed;
  });
  *start = StartWith(acls, Submit);
  return error;
}

// filter
KafkaError PrepareDescribeAcls(const Napi::Value& arguments, AdminStart* start) {
  KafkaError error;
  std::shared_ptr<rd_kafka_AclBinding_t> filter = AclOf<rd_kafka_AclBindingFilter_new>(arguments, &error);
  *start = [filter](rd_kafka_t* rk, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
    rd_kafka_DescribeAcls(rk, filter.get(), options, queue);
  };
  return error;
}

void WriteAcls(JsonWriter* json, const char* name, const rd_kafka_AclBinding_t** acls, size_t count) {
  json->Objects(name, acls, count, [json](const rd_kafka_AclBinding_t* acl) {
    json->Number("resourceType", rd_kafka_AclBinding_restype(acl));
    json->Text("name", rd_kafka_AclBinding_name(acl));
    json->Number("patternType", rd_kafka_AclBinding_resource_pattern_type(acl));
    json->Text("principal", rd_kafka_AclBinding_principal(acl));
    json->Text("host", rd_kafka_AclBinding_host(acl));
    json->Number("operation", rd_kafka_AclBinding_operation(acl));
    json->Number("permission", rd_kafka_AclBinding_permission_type(acl));
    WriteError(json, rd_kafka_AclBinding_error(acl));
  });
}

void WriteCreatedAcls(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_acl_result_t** acls =
      rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &count);
  json->Objects(nullptr, acls, count, [json](const rd_kafka_acl_result_t* acl) {
    WriteError(json, rd_kafka_acl_result_error(acl));
  });
}

void WriteDescribedAcls(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_AclBinding_t** acls =
      rd_kafka_DescribeAcls_result_acls(rd_kafka_event_DescribeAcls_result(event), &count);
  WriteAcls(json, nullptr, acls, count);
}

// [{ matching, error? }], for each filter
void WriteDeletedAcls(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_DeleteAcls_result_response_t** filters =
      rd_kafka_DeleteAcls_result_responses(rd_kafka_event_DeleteAcls_result(event), &count);
  json->Objects(nullptr, filters, count, [json](const rd_kafka_DeleteAcls_result_response_t* filter) {
    size_t matching = 0;
    const rd_kafka_AclBinding_t** acls = rd_kafka_DeleteAcls_result_response_matching_acls(filter, &matching);
    WriteAcls(json, "matching", acls, matching);
    WriteError(json, rd_kafka_DeleteAcls_result_response_error(filter));
  });
}

constexpr AdminOperation kTable[] = {
    {"createAcls", RD_KAFKA_ADMIN_OP_CREATEACLS, RD_KAFKA_EVENT_CREATEACLS_RESULT,
     PrepareAcls<rd_kafka_AclBinding_new, rd_kafka_CreateAcls>, WriteCreatedAcls},
    {"describeAcls", RD_KAFKA_ADMIN_OP_DESCRIBEACLS, RD_KAFKA_EVENT_DESCRIBEACLS_RESULT, PrepareDescribeAcls,
     WriteDescribedAcls},
    {"deleteAcls", RD_KAFKA_ADMIN_OP_DELETEACLS, RD_KAFKA_EVENT_DELETEACLS_RESULT,
     PrepareAcls<rd_kafka_AclBindingFilter_new, rd_kafka_DeleteAcls>, WriteDeletedAcls},
};

}  // namespace

extern const AdminOperations kAclOperations = {kTable, std::size(kTable)};

}  // namespace odradek

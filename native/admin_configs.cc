// Admin operations on configurations: of topics, brokers and groups.
#include <iterator>

#include "admin_operations.h"

namespace odradek {

namespace {

using ConfigResourceHandle = Handle<rd_kafka_ConfigResource_t, &rd_kafka_ConfigResource_destroy>;
using ResourceList = HandleList<ConfigResourceHandle>;

KafkaError SetEntry(rd_kafka_ConfigResource_t* resource, const Napi::Object& entry) {
  std::string value;
  const std::string name = TextOf(entry, "name");
  const char* text = TextOrNull(entry, "value", &value);
  Napi::Value operation = entry.Get("op");
  if (!operation.IsNumber())
    return KafkaError::Of(rd_kafka_ConfigResource_set_config(resource, name.c_str(), text));
  const auto type = static_cast<rd_kafka_AlterConfigOpType_t>(operation.As<Napi::Number>().Int32Value());
  return KafkaError::Of(
      ErrorHandle(rd_kafka_ConfigResource_add_incremental_config(resource, name.c_str(), type, text)));
}

// [{ type, name, entries?: [{ name, value?, op? }] }], types and ops as numbers
template <auto Submit>
KafkaError PrepareResources(const Napi::Value& arguments, AdminStart* start) {
  auto resources = std::make_shared<ResourceList>();
  KafkaError error = ForEach(arguments, [&](const Napi::Value& value) {
    Napi::Object item = ObjectOf(value);
    ConfigResourceHandle resource(rd_kafka_ConfigResource_new(
        static_cast<rd_kafka_ResourceType_t>(IntOf(item, "type")), TextOf(item, "name").c_str()));
    if (!resource) return InvalidArgument("a configuration resource has a type and a name");
    KafkaError failed;
    if (item.Get("entries").IsArray()) {
      failed = ForEach(item.Get("entries"),
                       [&](const Napi::Value& entry) { return SetEntry(resource.get(), ObjectOf(entry)); });
    }
    resources->Add(std::move(resource));
    return failed;
  });
  *start = StartWith(resources, Submit);
  return error;
}

void WriteEntry(JsonWriter* json, const rd_kafka_ConfigEntry_t* entry) {
  json->Text("name", rd_kafka_ConfigEntry_name(entry));
  json->Text("value", rd_kafka_ConfigEntry_value(entry));
  json->Number("source", rd_kafka_ConfigEntry_source(entry));
  json->Boolean("isReadOnly", rd_kafka_ConfigEntry_is_read_only(entry) == 1);
  json->Boolean("isDefault", rd_kafka_ConfigEntry_is_default(entry) == 1);
  json->Boolean("isSensitive", rd_kafka_ConfigEntry_is_sensitive(entry) == 1);
  if (rd_kafka_ConfigEntry_is_synonym(entry)) return;  // they have none of their own
  size_t count = 0;
  const rd_kafka_ConfigEntry_t** synonyms = rd_kafka_ConfigEntry_synonyms(entry, &count);
  json->Objects("synonyms", synonyms, count,
                [json](const rd_kafka_ConfigEntry_t* synonym) { WriteEntry(json, synonym); });
}

// [{ type, name, entries, error? }]
template <auto ResultOf, auto ResourcesOf>
void WriteResources(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_ConfigResource_t** resources = ResourcesOf(ResultOf(event), &count);
  json->Objects(nullptr, resources, count, [json](const rd_kafka_ConfigResource_t* resource) {
    json->Number("type", rd_kafka_ConfigResource_type(resource));
    json->Text("name", rd_kafka_ConfigResource_name(resource));
    size_t entries = 0;
    const rd_kafka_ConfigEntry_t** list = rd_kafka_ConfigResource_configs(resource, &entries);
    json->Objects("entries", list, entries,
                  [json](const rd_kafka_ConfigEntry_t* entry) { WriteEntry(json, entry); });
    WriteError(json, rd_kafka_ConfigResource_error(resource), rd_kafka_ConfigResource_error_string(resource));
  });
}

constexpr AdminOperation kTable[] = {
    {"describeConfigs", RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT,
     PrepareResources<rd_kafka_DescribeConfigs>,
     WriteResources<rd_kafka_event_DescribeConfigs_result, rd_kafka_DescribeConfigs_result_resources>},
    {"incrementalAlterConfigs", RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS,
     RD_KAFKA_EVENT_INCREMENTALALTERCONFIGS_RESULT, PrepareResources<rd_kafka_IncrementalAlterConfigs>,
     WriteResources<rd_kafka_event_IncrementalAlterConfigs_result,
                    rd_kafka_IncrementalAlterConfigs_result_resources>},
    {"alterConfigs", RD_KAFKA_ADMIN_OP_ALTERCONFIGS, RD_KAFKA_EVENT_ALTERCONFIGS_RESULT,
     PrepareResources<rd_kafka_AlterConfigs>,
     WriteResources<rd_kafka_event_AlterConfigs_result, rd_kafka_AlterConfigs_result_resources>},
};

}  // namespace

extern const AdminOperations kConfigOperations = {kTable, std::size(kTable)};

}  // namespace odradek

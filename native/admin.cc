#include "admin.h"

#include <algorithm>

#include "admin_operations.h"
#include "js_read.h"

namespace odradek {

namespace {

const AdminOperation* FindOperation(const std::string& name) {
  for (const auto* area : {&kTopicOperations, &kConfigOperations, &kGroupOperations, &kOffsetOperations,
                           &kAclOperations, &kScramOperations, &kClusterOperations}) {
    for (const AdminOperation& operation : *area) {
      if (name == operation.name) return &operation;
    }
  }
  return nullptr;
}

template <typename T>
std::vector<T> NumbersOf(const Napi::Value& value) {
  std::vector<T> numbers;
  if (!value.IsArray()) return numbers;
  Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    numbers.push_back(static_cast<T>(Int(array.Get(i))));
  }
  return numbers;
}

void* OpaqueOf(uint32_t id) { return reinterpret_cast<void*>(static_cast<uintptr_t>(id)); }

}  // namespace

AdminSettings AdminSettings::From(const Napi::Object& object) {
  AdminSettings settings;
  const auto number = [&](const char* name) {
    Napi::Value value = object.Get(name);
    return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : -1;
  };
  settings.timeout = number("timeout");
  settings.operation_timeout = number("operationTimeout");
  settings.broker = number("broker");
  settings.isolation_level = number("isolationLevel");
  settings.validate_only = Flag(object.Get("validateOnly"));
  settings.require_stable_offsets = Flag(object.Get("requireStableOffsets"));
  settings.authorized_operations = Flag(object.Get("authorizedOperations"));
  settings.states = NumbersOf<rd_kafka_consumer_group_state_t>(object.Get("states"));
  settings.types = NumbersOf<rd_kafka_consumer_group_type_t>(object.Get("types"));
  return settings;
}

KafkaError AdminSettings::Apply(rd_kafka_AdminOptions_t* options) const {
  ErrorText text;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  const auto set = [&](int value, auto setter) {
    if (value >= 0 && code == RD_KAFKA_RESP_ERR_NO_ERROR)
      code = setter(options, value, text.data(), text.size());
  };
  set(timeout, rd_kafka_AdminOptions_set_request_timeout);
  set(operation_timeout, rd_kafka_AdminOptions_set_operation_timeout);
  set(broker, rd_kafka_AdminOptions_set_broker);
  set(validate_only ? 1 : -1, rd_kafka_AdminOptions_set_validate_only);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaError::Of(code, text.data());

  ErrorHandle error;
  if (isolation_level >= 0) {
    error.reset(rd_kafka_AdminOptions_set_isolation_level(
        options, static_cast<rd_kafka_IsolationLevel_t>(isolation_level)));
  }
  if (!error && require_stable_offsets)
    error.reset(rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
  if (!error && authorized_operations) {
    error.reset(rd_kafka_AdminOptions_set_include_authorized_operations(options, 1));
  }
  if (!error && !states.empty()) {
    error.reset(rd_kafka_AdminOptions_set_match_consumer_group_states(options, states.data(), states.size()));
  }
  if (!error && !types.empty()) {
    error.reset(rd_kafka_AdminOptions_set_match_consumer_group_types(options, types.data(), types.size()));
  }
  return KafkaError::Of(std::move(error));
}

KafkaError AdminRequest::From(const std::string& operation, const Napi::Value& arguments,
                              const Napi::Object& settings, AdminRequest* request) {
  request->operation = FindOperation(operation);
  if (request->operation == nullptr)
    return InvalidArgument(("no admin operation is called " + operation).c_str());
  request->settings = AdminSettings::From(settings);
  return request->operation->prepare(arguments, &request->start);
}

KafkaError AdminRequests::Start(rd_kafka_t* rk, rd_kafka_queue_t* queue, uint32_t id,
                                const AdminRequest& request) {
  AdminOptionsHandle options(rd_kafka_AdminOptions_new(rk, request.operation->id));
  KafkaError error = request.settings.Apply(options.get());
  if (error) return error;
  rd_kafka_AdminOptions_set_opaque(options.get(), OpaqueOf(id));
  in_flight_.emplace(id, request.operation);
  request.start(rk, options.get(), queue);
  return KafkaError();
}

std::optional<AdminAnswer> AdminRequests::Finish(rd_kafka_event_t* event) {
  const auto id = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(rd_kafka_event_opaque(event)));
  auto found = in_flight_.find(id);
  // Other events have opaques, too.
  if (found == in_flight_.end() || found->second->event != rd_kafka_event_type(event)) return std::nullopt;
  const AdminOperation* operation = found->second;
  in_flight_.erase(found);
  AdminAnswer answer;
  answer.id = id;
  const rd_kafka_resp_err_t code = rd_kafka_event_error(event);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    std::string text = rd_kafka_event_error_string(event);
    // Some responses have an error code and no text: "ConsumerGroupDescribe: ".
    if (text.size() >= 2 && text.compare(text.size() - 2, 2, ": ") == 0) text += rd_kafka_err2str(code);
    answer.error = KafkaError::Of(code, std::move(text));
  } else {
    JsonWriter json;
    operation->write(event, &json);
    answer.json = json.Take();
  }
  return answer;
}

std::vector<uint32_t> AdminRequests::GiveUp() {
  std::vector<uint32_t> ids;
  for (const auto& [id, operation] : in_flight_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  in_flight_.clear();
  return ids;
}

// --- Parts of results

void WriteError(JsonWriter* json, const KafkaError& error) {
  if (!error) return;
  json->BeginObject("error");
  json->Number("errno", error.code);
  json->Text("message", std::string_view(error.message));
  json->Boolean("fatal", error.fatal);
  json->Boolean("retriable", error.retriable);
  json->Boolean("txnRequiresAbort", error.txn_requires_abort);
  json->EndObject();
}

void WriteError(JsonWriter* json, const rd_kafka_error_t* error) {
  if (error == nullptr) return;
  KafkaError copy = KafkaError::Of(rd_kafka_error_code(error), rd_kafka_error_string(error));
  copy.retriable = rd_kafka_error_is_retriable(error) != 0;
  WriteError(json, copy);
}

void WriteError(JsonWriter* json, rd_kafka_resp_err_t code, const char* text) {
  WriteError(json, KafkaError::Of(code, text == nullptr || *text == '\0' ? rd_kafka_err2str(code) : text));
}

void WriteNode(JsonWriter* json, const char* name, const rd_kafka_Node_t* node) {
  if (node == nullptr || rd_kafka_Node_id(node) < 0) return json->Null(name);
  json->BeginObject(name);
  json->Number("id", rd_kafka_Node_id(node));
  json->Text("host", rd_kafka_Node_host(node));
  json->Number("port", rd_kafka_Node_port(node));
  json->Text("rack", rd_kafka_Node_rack(node));
  json->EndObject();
}

void WriteNodes(JsonWriter* json, const char* name, const rd_kafka_Node_t** nodes, size_t count) {
  json->BeginArray(name);
  for (size_t i = 0; i < count; i++) WriteNode(json, nullptr, nodes[i]);
  json->EndArray();
}

void WriteOperations(JsonWriter* json, const rd_kafka_AclOperation_t* operations, size_t count) {
  if (operations == nullptr) return json->Null("authorizedOperations");
  json->BeginArray("authorizedOperations");
  for (size_t i = 0; i < count; i++) json->Number(nullptr, operations[i]);
  json->EndArray();
}

void WritePartition(JsonWriter* json, const rd_kafka_topic_partition_t& partition) {
  json->Text("topic", partition.topic);
  json->Number("partition", partition.partition);
  json->Number("offset", partition.offset);
  const int32_t epoch = rd_kafka_topic_partition_get_leader_epoch(&partition);
  if (epoch < 0) {
    json->Null("leaderEpoch");
  } else {
    json->Number("leaderEpoch", epoch);
  }
  if (partition.metadata == nullptr) {
    json->Null("metadata");
  } else {
    json->Text("metadata",
               std::string_view(static_cast<const char*>(partition.metadata), partition.metadata_size));
  }
  WriteError(json, KafkaError::Of(partition.err));
}

void WritePartitions(JsonWriter* json, const char* name, const rd_kafka_topic_partition_list_t* list) {
  json->BeginArray(name);
  for (int i = 0; list != nullptr && i < list->cnt; i++) {
    json->BeginObject();
    WritePartition(json, list->elems[i]);
    json->EndObject();
  }
  json->EndArray();
}

}  // namespace odradek

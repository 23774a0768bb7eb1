// What the admin operations share: arguments from JavaScript, lists of librdkafka objects, parts of results.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "admin.h"
#include "js_read.h"
#include "topic_partition.h"

namespace odradek {

// Part of the table. Without a destructor: at the end of a process threads may still look at it.
struct AdminOperations {
  const AdminOperation* first;
  size_t count;
  const AdminOperation* begin() const { return first; }
  const AdminOperation* end() const { return first + count; }
};

// Each in the file that its name says.
extern const AdminOperations kTopicOperations;
extern const AdminOperations kConfigOperations;
extern const AdminOperations kGroupOperations;
extern const AdminOperations kOffsetOperations;
extern const AdminOperations kAclOperations;
extern const AdminOperations kScramOperations;
extern const AdminOperations kClusterOperations;

// --- Arguments (JS thread)

inline Napi::Object ObjectOf(const Napi::Value& value) { return value.As<Napi::Object>(); }
inline std::string TextOf(const Napi::Object& object, const char* name) { return Text(object.Get(name)); }
inline int32_t IntOf(const Napi::Object& object, const char* name) { return Int(object.Get(name)); }
// Null when it is null or undefined; `text` keeps the bytes.
inline const char* TextOrNull(const Napi::Object& object, const char* name, std::string* text) {
  Napi::Value value = object.Get(name);
  if (!value.IsString()) return nullptr;
  *text = value.As<Napi::String>().Utf8Value();
  return text->c_str();
}

// Calls use(Napi::Value) for each; stops at the first error.
template <typename F>
KafkaError ForEach(const Napi::Value& array, F use) {
  Napi::Array items = array.As<Napi::Array>();
  for (uint32_t i = 0; i < items.Length(); i++) {
    Napi::Value item = items.Get(i);
    if (item.IsEmpty()) break;
    KafkaError error = use(item);
    if (error) return error;
  }
  return KafkaError();
}

inline KafkaError InvalidArgument(const char* text) {
  return KafkaError::Of(RD_KAFKA_RESP_ERR__INVALID_ARG, text);
}

// Objects of librdkafka as its functions take them: an array of pointers.
template <typename OwnedHandle>
class HandleList {
 public:
  using Type = typename OwnedHandle::element_type;
  void Add(OwnedHandle handle) {
    pointers_.push_back(handle.get());
    owned_.push_back(std::move(handle));
  }
  Type** data() { return pointers_.data(); }
  size_t size() const { return pointers_.size(); }

 private:
  std::vector<OwnedHandle> owned_;
  std::vector<Type*> pointers_;
};

// The start of an operation that takes such a list: all of them have this form.
template <typename OwnedHandle>
AdminStart StartWith(std::shared_ptr<HandleList<OwnedHandle>> list,
                     void (*submit)(rd_kafka_t*, typename OwnedHandle::element_type**, size_t,
                                    const rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)) {
  return [list, submit](rd_kafka_t* rk, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
    submit(rk, list->data(), list->size(), options, queue);
  };
}

// Names as librdkafka takes them.
class NameList {
 public:
  explicit NameList(const Napi::Value& array) {
    Napi::Array items = array.As<Napi::Array>();
    for (uint32_t i = 0; i < items.Length(); i++) names_.push_back(Text(items.Get(i)));
    for (const std::string& name : names_) pointers_.push_back(name.c_str());
  }
  NameList(const NameList&) = delete;
  NameList& operator=(const NameList&) = delete;
  const char** data() { return pointers_.data(); }
  size_t size() const { return pointers_.size(); }

 private:
  std::vector<std::string> names_;
  std::vector<const char*> pointers_;
};

// --- Results (poll thread). An error is written as "error", and only when there is one.

void WriteError(JsonWriter* json, const KafkaError& error);
void WriteError(JsonWriter* json, const rd_kafka_error_t* error);
void WriteError(JsonWriter* json, rd_kafka_resp_err_t code, const char* text);
// A broker, or null.
void WriteNode(JsonWriter* json, const char* name, const rd_kafka_Node_t* node);
void WriteNodes(JsonWriter* json, const char* name, const rd_kafka_Node_t** nodes, size_t count);
// Null when they were not asked for.
void WriteOperations(JsonWriter* json, const rd_kafka_AclOperation_t* operations, size_t count);
// The fields of one partition, into an open object.
void WritePartition(JsonWriter* json, const rd_kafka_topic_partition_t& partition);
void WritePartitions(JsonWriter* json, const char* name, const rd_kafka_topic_partition_list_t* list);

}  // namespace odradek

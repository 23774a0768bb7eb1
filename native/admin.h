// Admin requests of a client, any kind of client: one generic request and a table of operations (admin.cc, admin_*.cc).
// Results come back on the client's main queue, with the command's id as their opaque; several are in flight at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "handle.h"
#include "json_writer.h"
#include "kafka_error.h"
#include "napi_setup.h"

namespace odradek {

using AdminOptionsHandle = Handle<rd_kafka_AdminOptions_t, &rd_kafka_AdminOptions_destroy>;

// Hands the request to librdkafka, which copies what it is given. Poll thread; does not block.
using AdminStart = std::function<void(rd_kafka_t*, const rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>;

struct AdminOperation {
  const char* name;
  rd_kafka_admin_op_t id;
  rd_kafka_event_type_t event;
  // JS thread: reads the arguments, which lib/ has checked.
  KafkaError (*prepare)(const Napi::Value& arguments, AdminStart* start);
  // Poll thread: writes the result, which is one JSON value.
  void (*write)(rd_kafka_event_t* event, JsonWriter* json);
};

// What JavaScript may set, read on the JS thread; -1 is not given.
struct AdminSettings {
  int timeout = -1;
  int operation_timeout = -1;
  int broker = -1;
  int isolation_level = -1;
  bool validate_only = false;
  bool require_stable_offsets = false;
  bool authorized_operations = false;
  std::vector<rd_kafka_consumer_group_state_t> states;
  std::vector<rd_kafka_consumer_group_type_t> types;

  static AdminSettings From(const Napi::Object& object);
  KafkaError Apply(rd_kafka_AdminOptions_t* options) const;
};

struct AdminRequest {
  const AdminOperation* operation = nullptr;
  AdminSettings settings;
  AdminStart start;

  // JS thread.
  static KafkaError From(const std::string& operation, const Napi::Value& arguments,
                         const Napi::Object& settings, AdminRequest* request);
};

struct AdminAnswer {
  uint32_t id = 0;
  KafkaError error;
  std::string json;
};

// The requests in flight of one client. Poll thread.
class AdminRequests {
 public:
  KafkaError Start(rd_kafka_t* rk, rd_kafka_queue_t* queue, uint32_t id, const AdminRequest& request);
  // The answer that an event of the queue is, if it is one. The event is not needed after this.
  std::optional<AdminAnswer> Finish(rd_kafka_event_t* event);
  // The ids of what has no answer yet, which are forgotten.
  std::vector<uint32_t> GiveUp();

 private:
  std::unordered_map<uint32_t, const AdminOperation*> in_flight_;
};

}  // namespace odradek

// Delivery reports on their way to JavaScript: fixed rows in a slab, read by lib/delivery-report.ts (ReportWindow).
// One thread at a time (the poll thread, the producing thread and the JS thread each fill their own).
#pragma once

#include <cstdint>

#include "handle.h"
#include "slab.h"

namespace odradek {

struct DeliveryRow {
  int32_t slot;
  int32_t index;
  int32_t error;
  int32_t topic;
  int32_t partition;
  int32_t status;  // rd_kafka_msg_status_t
  int32_t broker;
  int32_t size;      // key and value, bytes
  double offset;     // -1001: none
  double timestamp;  // ms, -1: none
  double latency;    // µs from produce to report
  double reserved;
};
static_assert(sizeof(DeliveryRow) == 64, "lib/delivery-report.ts (ReportWindow) reads rows of 64 bytes");

class DeliverySlab {
 public:
  static constexpr size_t kMaxRows = 4096;

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == kMaxRows; }
  size_t count() const { return count_; }
  // Rows with an error.
  size_t failed() const { return failed_; }
  // Room for at least `more` rows (at most kMaxRows in all), so that a slab of a few reports stays small.
  void Reserve(size_t more);
  DeliveryRow* Add();
  // Rows of a report, and of a record that never got into librdkafka's queue.
  void AddReport(const rd_kafka_message_t* message);
  void AddFailure(uint64_t id, rd_kafka_resp_err_t error, int32_t topic, int32_t partition, int32_t size);
  const DeliveryRow* row(size_t index) const {
    return reinterpret_cast<const DeliveryRow*>(slab_.data()) + index;
  }

 private:
  Slab slab_;
  size_t count_ = 0;
  size_t failed_ = 0;
};

}  // namespace odradek

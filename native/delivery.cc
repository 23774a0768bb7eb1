#include "delivery.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace odradek {

namespace {
void SetId(DeliveryRow* row, uint64_t id) { std::memcpy(&row->slot, &id, sizeof(id)); }
}  // namespace

void DeliverySlab::Reserve(size_t more) {
  const size_t rows = std::min(count_ + more, kMaxRows);
  const size_t bytes = rows * sizeof(DeliveryRow);
  if (bytes <= slab_.capacity()) return;
  Slab larger(std::min(std::max(bytes, slab_.capacity() * 2), kMaxRows * sizeof(DeliveryRow)));
  if (count_ > 0) std::memcpy(larger.data(), slab_.data(), count_ * sizeof(DeliveryRow));
  slab_ = std::move(larger);
}

DeliveryRow* DeliverySlab::Add() {
  Reserve(1);
  return reinterpret_cast<DeliveryRow*>(slab_.data()) + count_++;
}

void DeliverySlab::AddReport(const rd_kafka_message_t* message) {
  DeliveryRow* row = Add();
  SetId(row, reinterpret_cast<uintptr_t>(message->_private));
  row->error = message->err;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) failed_++;
  row->topic = static_cast<int32_t>(reinterpret_cast<intptr_t>(rd_kafka_topic_opaque(message->rkt)));
  row->partition = message->partition;
  row->status = rd_kafka_message_status(message);
  row->broker = rd_kafka_message_broker_id(message);
  row->size = static_cast<int32_t>(message->len + message->key_len);
  row->offset = static_cast<double>(message->offset);
  row->timestamp = static_cast<double>(rd_kafka_message_timestamp(message, nullptr));
  row->latency = static_cast<double>(rd_kafka_message_latency(message));
  row->reserved = 0;
}

void DeliverySlab::AddFailure(uint64_t id, rd_kafka_resp_err_t error, int32_t topic, int32_t partition,
                              int32_t size) {
  DeliveryRow* row = Add();
  *row = DeliveryRow{};
  SetId(row, id);
  row->error = error;
  failed_++;
  row->topic = topic;
  row->partition = partition;
  row->status = RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
  row->broker = -1;
  row->size = size;
  row->offset = RD_KAFKA_OFFSET_INVALID;
  row->timestamp = -1;
}

}  // namespace odradek

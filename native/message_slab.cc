#include "message_slab.h"

#include <algorithm>

namespace odradek {

namespace {
constexpr size_t kSlabBytes = 256 * 1024;

size_t HeadersSize(const rd_kafka_message_t* message, rd_kafka_headers_t** headers) {
  *headers = nullptr;
  if (rd_kafka_message_headers(message, headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    *headers = nullptr;
    return 0;
  }
  size_t size = 0;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t length = 0;
  for (size_t i = 0;
       rd_kafka_header_get_all(*headers, i, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
    size += 8 + std::strlen(name) + (value == nullptr ? 0 : length);
  }
  return size;
}

uint8_t* PutInt(uint8_t* at, int32_t value) {
  std::memcpy(at, &value, sizeof(value));
  return at + sizeof(value);
}

uint8_t* PutBytes(uint8_t* at, const void* bytes, size_t length) {
  if (length > 0) std::memcpy(at, bytes, length);
  return at + length;
}

uint8_t* PutHeaders(uint8_t* at, const rd_kafka_headers_t* headers, int32_t* count) {
  const char* name = nullptr;
  const void* value = nullptr;
  size_t length = 0;
  size_t i = 0;
  for (; rd_kafka_header_get_all(headers, i, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
    const size_t name_length = std::strlen(name);
    at = PutInt(at, static_cast<int32_t>(name_length));
    at = PutInt(at, value == nullptr ? -1 : static_cast<int32_t>(length));
    at = PutBytes(at, name, name_length);
    if (value != nullptr) at = PutBytes(at, value, length);
  }
  *count = static_cast<int32_t>(i);
  return at;
}

uint8_t* PutMessage(const rd_kafka_message_t* message, rd_kafka_headers_t* headers, int32_t slot,
                    uint8_t* base, uint8_t* at, MessageRow* row) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  row->offset = static_cast<double>(message->offset);
  row->timestamp = static_cast<double>(rd_kafka_message_timestamp(message, &type));
  row->slot = slot;
  row->leader_epoch = rd_kafka_message_leader_epoch(message);
  row->timestamp_type = type;
  row->error = message->err;
  row->delivery_count = 0;
  row->reserved = 0;
  row->key_position = static_cast<int32_t>(at - base);
  row->key_length = message->key == nullptr ? -1 : static_cast<int32_t>(message->key_len);
  if (message->key != nullptr) at = PutBytes(at, message->key, message->key_len);
  row->value_position = static_cast<int32_t>(at - base);
  row->value_length = message->payload == nullptr ? -1 : static_cast<int32_t>(message->len);
  if (message->payload != nullptr) at = PutBytes(at, message->payload, message->len);
  row->headers_position = static_cast<int32_t>(at - base);
  row->header_count = 0;
  if (headers != nullptr) at = PutHeaders(at, headers, &row->header_count);
  return at;
}
}  // namespace

int32_t PartitionSlots::SlotOf(const rd_kafka_message_t* message) {
  for (const Cached& cached : cache_) {
    if (cached.topic == message->rkt && cached.partition == message->partition) return cached.slot;
  }
  const std::string topic = message->rkt == nullptr ? "" : rd_kafka_topic_name(message->rkt);
  const std::string key = topic + '/' + std::to_string(message->partition);
  auto [entry, is_new] = slots_.emplace(key, static_cast<int32_t>(slots_.size()));
  if (is_new) new_.push_back({topic, message->partition});
  // A consumer of very many partitions looks the rest up by name.
  if (cache_.size() < 64) cache_.push_back({message->rkt, message->partition, entry->second});
  return entry->second;
}

std::vector<PartitionSlots::Slot> PartitionSlots::TakeNew() { return std::exchange(new_, {}); }

size_t FillMessageSlab(rd_kafka_message_t* const* messages, size_t count, PartitionSlots* slots, Slab* slab) {
  // Two passes, so that the slab is allocated once and at its size. The headers are parsed by the first.
  std::vector<rd_kafka_headers_t*> headers(count);
  size_t bytes = 0;
  size_t taken = 0;
  while (taken < count) {
    const rd_kafka_message_t* message = messages[taken];
    const size_t size =
        sizeof(MessageRow) + message->key_len + message->len + HeadersSize(message, &headers[taken]);
    if (taken > 0 && bytes + size > kSlabBytes) break;
    bytes += size;
    taken++;
  }
  *slab = Slab(bytes);
  uint8_t* base = slab->data();
  auto* rows = reinterpret_cast<MessageRow*>(base);
  uint8_t* at = base + taken * sizeof(MessageRow);
  for (size_t i = 0; i < taken; i++) {
    at = PutMessage(messages[i], headers[i], slots->SlotOf(messages[i]), base, at, &rows[i]);
  }
  slab->set_size(bytes);
  return taken;
}

}  // namespace odradek

#include "message_slab.h"

#include <algorithm>

namespace odradek {

namespace {
constexpr size_t kSlabBytes = 256 * 1024;

// -1 when they cannot be read: the message is handed out without any.
int32_t HeadersSize(const MessageDetails& details) {
  int32_t size = 0;
  const bool whole = ForEachHeader(details, [&](const uint8_t*, int32_t name, const uint8_t*, int32_t value) {
    size += 8 + name + std::max(value, 0);
  });
  return whole ? size : -1;
}

uint8_t* PutInt(uint8_t* at, int32_t value) {
  std::memcpy(at, &value, sizeof(value));
  return at + sizeof(value);
}

uint8_t* PutBytes(uint8_t* at, const void* bytes, int32_t length) {
  if (length > 0) std::memcpy(at, bytes, static_cast<size_t>(length));
  return at + std::max(length, 0);
}

uint8_t* PutHeaders(uint8_t* at, const MessageDetails& details, int32_t* count) {
  ForEachHeader(details,
                [&](const uint8_t* name, int32_t name_length, const uint8_t* value, int32_t value_length) {
                  at = PutInt(at, name_length);
                  at = PutInt(at, value_length);
                  at = PutBytes(at, name, name_length);
                  at = PutBytes(at, value, value_length);
                  (*count)++;
                });
  return at;
}

uint8_t* PutMessage(const rd_kafka_message_t* message, const SlabMessage& measured, int32_t slot,
                    uint8_t* base, uint8_t* at, MessageRow* row) {
  row->offset = static_cast<double>(message->offset);
  row->timestamp = static_cast<double>(measured.details.timestamp);
  row->slot = slot;
  row->leader_epoch = measured.details.leader_epoch;
  row->timestamp_type = measured.details.timestamp_type;
  row->error = message->err;
  row->delivery_count = 0;
  row->reserved = 0;
  row->key_position = static_cast<int32_t>(at - base);
  row->key_length = message->key == nullptr ? -1 : static_cast<int32_t>(message->key_len);
  at = PutBytes(at, message->key, row->key_length);
  row->value_position = static_cast<int32_t>(at - base);
  row->value_length = message->payload == nullptr ? -1 : static_cast<int32_t>(message->len);
  at = PutBytes(at, message->payload, row->value_length);
  row->headers_position = static_cast<int32_t>(at - base);
  row->header_count = 0;
  return measured.headers_size > 0 ? PutHeaders(at, measured.details, &row->header_count) : at;
}

SlabMessage Measure(const rd_kafka_message_t* message) {
  if (message->err) {
    SlabMessage without{};
    without.details.leader_epoch = -1;
    return without;
  }
  const MessageDetails details = DetailsOf(message);
  return {details, HeadersSize(details)};
}
}  // namespace

int32_t PartitionSlots::SlotOf(const rd_kafka_message_t* message) {
  // They come in runs.
  if (last_ < cache_.size() && IsOf(cache_[last_], message)) return cache_[last_].slot;
  for (last_ = 0; last_ < cache_.size(); last_++) {
    if (IsOf(cache_[last_], message)) return cache_[last_].slot;
  }
  const std::string topic = message->rkt == nullptr ? "" : rd_kafka_topic_name(message->rkt);
  const std::string key = topic + '/' + std::to_string(message->partition);
  auto [entry, is_new] = slots_.emplace(key, static_cast<int32_t>(slots_.size()));
  if (is_new) new_.push_back({topic, message->partition});
  // A consumer of very many partitions looks the rest up by name.
  if (cache_.size() < 64) cache_.push_back({message->rkt, message->partition, entry->second});
  return entry->second;
}

bool PartitionSlots::IsOf(const Cached& cached, const rd_kafka_message_t* message) {
  return cached.topic == message->rkt && cached.partition == message->partition;
}

std::vector<PartitionSlots::Slot> PartitionSlots::TakeNew() { return std::exchange(new_, {}); }

size_t MessageSlabs::Fill(rd_kafka_message_t* const* messages, size_t count, Slab* slab, bool* has_errors) {
  // Two passes, so that the slab is allocated once and at its size.
  measured_.clear();
  size_t bytes = 0;
  *has_errors = false;
  while (measured_.size() < count) {
    const rd_kafka_message_t* message = messages[measured_.size()];
    const SlabMessage measured = Measure(message);
    const size_t headers = static_cast<size_t>(std::max(measured.headers_size, 0));
    const size_t size = sizeof(MessageRow) + message->key_len + message->len + headers;
    if (!measured_.empty() && bytes + size > kSlabBytes) break;
    bytes += size;
    measured_.push_back(measured);
    *has_errors |= message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  const size_t taken = measured_.size();
  *slab = Slab(bytes);
  uint8_t* base = slab->data();
  auto* rows = reinterpret_cast<MessageRow*>(base);
  uint8_t* at = base + taken * sizeof(MessageRow);
  for (size_t i = 0; i < taken; i++) {
    at = PutMessage(messages[i], measured_[i], slots_.SlotOf(messages[i]), base, at, &rows[i]);
  }
  slab->set_size(bytes);
  return taken;
}

}  // namespace odradek

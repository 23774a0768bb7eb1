// A consumed message's timestamp, leader epoch and headers. Headers are read where the fetched bytes are; only with a
// system's librdkafka, whose internals are not ours to know, through the public calls.
//
// Poll thread. Nothing here outlives the message.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <cstring>

#ifdef ODRADEK_PINNED_LIBRDKAFKA
#include "message_internals.h"
#endif

namespace odradek {

#ifdef ODRADEK_PINNED_LIBRDKAFKA

using MessageDetails = odradek_message_internals_t;

inline MessageDetails DetailsOf(const rd_kafka_message_t* message) {
  MessageDetails details;
  odradek_message_internals(message, &details);
  return details;
}

class VarintReader {
 public:
  VarintReader(const uint8_t* bytes, size_t length) : at_(bytes), end_(bytes + length) {}

  // Zigzag-encoded, at most 32 bits, as all lengths are.
  bool Int(int32_t* value) {
    uint32_t bits = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      if (at_ == end_) return false;
      const uint32_t byte = *at_++;
      bits |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        *value = static_cast<int32_t>((bits >> 1) ^ (~(bits & 1) + 1));
        return true;
      }
    }
    return false;
  }

  bool Bytes(int32_t length, const uint8_t** bytes) {
    if (length < 0 || length > end_ - at_) return false;
    *bytes = at_;
    at_ += length;
    return true;
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

// librdkafka's own limit, which also keeps the lengths that are summed up from these small.
constexpr int32_t kMaxHeaders = 100000;

// Calls `visit(name, name_length, value, value_length)` for each; a null value has length -1. False when the block is
// broken: then a part may have been visited.
template <typename Visit>
bool ForEachHeader(const MessageDetails& details, Visit visit) {
  // Nearly all of those without headers say so in one byte.
  if (details.headers_length <= 1) return true;
  VarintReader reader(details.headers, details.headers_length);
  int32_t count = 0;
  if (!reader.Int(&count) || count > kMaxHeaders) return false;
  for (int32_t i = 0; i < count; i++) {
    int32_t name_length = 0;
    int32_t value_length = 0;
    const uint8_t* name = nullptr;
    const uint8_t* value = nullptr;
    if (!reader.Int(&name_length) || !reader.Bytes(name_length, &name)) return false;
    if (!reader.Int(&value_length)) return false;
    if (value_length != -1 && !reader.Bytes(value_length, &value)) return false;
    visit(name, name_length, value, value_length);
  }
  return true;
}

#else

struct MessageDetails {
  int64_t timestamp;
  rd_kafka_timestamp_type_t timestamp_type;
  int32_t leader_epoch;
  rd_kafka_headers_t* headers;
};

inline MessageDetails DetailsOf(const rd_kafka_message_t* message) {
  MessageDetails details{-1, RD_KAFKA_TIMESTAMP_NOT_AVAILABLE, rd_kafka_message_leader_epoch(message),
                         nullptr};
  details.timestamp = rd_kafka_message_timestamp(message, &details.timestamp_type);
  if (rd_kafka_message_headers(message, &details.headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
    details.headers = nullptr;
  return details;
}

template <typename Visit>
bool ForEachHeader(const MessageDetails& details, Visit visit) {
  if (details.headers == nullptr) return true;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t length = 0;
  for (size_t i = 0;
       rd_kafka_header_get_all(details.headers, i, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR;
       i++) {
    visit(reinterpret_cast<const uint8_t*>(name), static_cast<int32_t>(std::strlen(name)),
          static_cast<const uint8_t*>(value), value == nullptr ? -1 : static_cast<int32_t>(length));
  }
  return true;
}

#endif

}  // namespace odradek

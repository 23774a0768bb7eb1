// The layout of a record in a produce slab, written by lib/record-writer.ts and read here. All fields little-endian
// int32 unless said; each record starts at a multiple of 8.
//
//   0 length of the whole record   4 topic id      8 partition (-1: the partitioner's)   12 key length (-1: null)
//  16 value length (-1: null)     20 header count 24 slot    28 index    32 timestamp (float64, 0: now)
//  40 key bytes, value bytes, then for each header: name length, value length (-1: null), name bytes, value bytes
//     (the headers are packed, without padding)
#pragma once

#include <cstdint>
#include <cstring>

namespace odradek {

struct RecordView {
  static constexpr size_t kHeaderSize = 40;

  explicit RecordView(const uint8_t* bytes) : bytes_(bytes) {}

  uint32_t length() const { return static_cast<uint32_t>(Int(0)); }
  int32_t topic() const { return Int(4); }
  int32_t partition() const { return Int(8); }
  int32_t key_length() const { return Int(12); }
  int32_t value_length() const { return Int(16); }
  int32_t header_count() const { return Int(20); }
  // What the delivery report brings back: which pending entry of lib/producer-pending.ts, and which record of it.
  uint64_t id() const {
    uint64_t id;
    std::memcpy(&id, bytes_ + 24, sizeof(id));
    return id;
  }
  int64_t timestamp() const {
    double timestamp;
    std::memcpy(&timestamp, bytes_ + 32, sizeof(timestamp));
    return static_cast<int64_t>(timestamp);
  }
  const uint8_t* key() const { return key_length() < 0 ? nullptr : bytes_ + kHeaderSize; }
  const uint8_t* value() const {
    return value_length() < 0 ? nullptr : bytes_ + kHeaderSize + Length(key_length());
  }
  const uint8_t* headers() const {
    return bytes_ + kHeaderSize + Length(key_length()) + Length(value_length());
  }

  static int32_t IntAt(const uint8_t* at) {
    int32_t value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }

 private:
  static size_t Length(int32_t length) { return length < 0 ? 0 : static_cast<size_t>(length); }
  int32_t Int(size_t offset) const { return IntAt(bytes_ + offset); }

  const uint8_t* bytes_;
};

}  // namespace odradek

// Consumed messages on their way to JavaScript: fixed rows and the bytes they point to, in slabs of at most about
// 256 KiB, so that keeping one message does not keep megabytes. Read by lib/message.ts.
//
//   row (64 bytes): 0 offset (float64)   8 timestamp (float64)  16 partition slot   20 leader epoch (-1: none)
//                  24 key position      28 key length (-1: null) 32 value position  36 value length (-1: null)
//                  40 headers position  44 header count          48 timestamp type  52 error
//                  56 delivery count    60 reserved
//   headers: for each, name length, value length (-1: null), name bytes, value bytes (packed)
//
// Poll thread.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "message_details.h"
#include "slab.h"

namespace odradek {

struct MessageRow {
  double offset;
  double timestamp;
  int32_t slot;
  int32_t leader_epoch;
  int32_t key_position;
  int32_t key_length;
  int32_t value_position;
  int32_t value_length;
  int32_t headers_position;
  int32_t header_count;
  int32_t timestamp_type;
  int32_t error;
  int32_t delivery_count;
  int32_t reserved;
};
static_assert(sizeof(MessageRow) == 64, "lib/message.ts reads rows of 64 bytes");

// Numbers for partitions, so that a row needs no topic name. A number never changes its meaning.
class PartitionSlots {
 public:
  struct Slot {
    std::string topic;
    int32_t partition;
  };
  // Forget cached topic handles: they are only good while messages of them are alive.
  void StartBatch() {
    cache_.clear();
    last_ = 0;
  }
  int32_t SlotOf(const rd_kafka_message_t* message);
  // Those made since the last call: JavaScript learns of them with the slab that first uses them.
  std::vector<Slot> TakeNew();

 private:
  struct Cached {
    rd_kafka_topic_t* topic;
    int32_t partition;
    int32_t slot;
  };
  static bool IsOf(const Cached& cached, const rd_kafka_message_t* message);

  std::vector<Cached> cache_;
  size_t last_ = 0;  // where in the cache the last one was
  std::unordered_map<std::string, int32_t> slots_;
  std::vector<Slot> new_;
};

struct SlabMessage {
  MessageDetails details;
  int32_t headers_size;  // packed; -1 when they cannot be read: the message is handed out without any
};

class MessageSlabs {
 public:
  void StartBatch() { slots_.StartBatch(); }
  // Writes as many of the messages as fit (at least one) into a slab; returns how many.
  size_t Fill(rd_kafka_message_t* const* messages, size_t count, Slab* slab, bool* has_errors);
  std::vector<PartitionSlots::Slot> TakeNewSlots() { return slots_.TakeNew(); }

 private:
  PartitionSlots slots_;
  std::vector<SlabMessage> measured_;
};

}  // namespace odradek

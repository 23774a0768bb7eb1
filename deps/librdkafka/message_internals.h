// What a consumed message carries beside the fields of rd_kafka_message_t, in one call, and its headers unparsed: rd_kafka_message_headers()
// allocates a parser and a list for every message, for one without headers too, which costs more than copying the message.
// Compiled with the pinned librdkafka, whose internals it reads; an upgrade that changes them does not compile.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct odradek_message_internals_s {
  int64_t timestamp;
  rd_kafka_timestamp_type_t timestamp_type;
  int32_t leader_epoch;
  // As in the record: varint count, then for each varint length, name, varint length (-1: null), value. They live as
  // long as the message.
  const uint8_t* headers;
  size_t headers_length;
} odradek_message_internals_t;

// For messages of a consumer, without an error.
void odradek_message_internals(const rd_kafka_message_t* message, odradek_message_internals_t* internals);

#ifdef __cplusplus
}
#endif

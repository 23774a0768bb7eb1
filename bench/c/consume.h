// What the programs that read a preloaded topic share: reading, touching, and the check that all was read.
#pragma once

#include <stdbool.h>

#include "common.h"

typedef struct {
  moment_t start;  // the first message is there
  moment_t end;
  long count;
  unsigned long touched;
} reading_t;

// What of a message is read.
typedef unsigned long (*touch_t)(const rd_kafka_message_t* message);
unsigned long touch_value(const rd_kafka_message_t* message);

// Reads until `*messages` are there: a member of a group knows how many are its own when it is assigned.
reading_t read_messages(rd_kafka_t* rk, const long* messages, touch_t touch);

// Fails unless each of the preloaded messages was read, and its value, or all of it, touched.
void check_reading(const reading_t* reading, bool headers);

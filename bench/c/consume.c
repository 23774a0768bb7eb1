// Reads a preloaded topic as a group member, rd_kafka_consume_batch_queue with 1,000 messages at a time, and
// touches each value, or value, key and headers. Commits and stores as librdkafka does by default.
#include "consume.h"

enum { BATCH = 1000, TIMEOUT_MS = 100 };

static unsigned long touch_bytes(const void* bytes, size_t size) {
  return size + *(const unsigned char*)bytes;
}

unsigned long touch_value(const rd_kafka_message_t* message) {
  return touch_bytes(message->payload, message->len);
}

static unsigned long touch_header(const rd_kafka_headers_t* headers, const char* name) {
  const void* value;
  size_t size;
  rd_kafka_resp_err_t err = rd_kafka_header_get_last(headers, name, &value, &size);
  if (err) fail("header '%s': %s", name, rd_kafka_err2str(err));
  return touch_bytes(value, size);
}

static unsigned long touch_all(const rd_kafka_message_t* message) {
  rd_kafka_headers_t* headers;
  rd_kafka_resp_err_t err = rd_kafka_message_headers(message, &headers);
  if (err) fail("headers: %s", rd_kafka_err2str(err));
  return touch_value(message) + touch_bytes(message->key, message->key_len) + touch_header(headers, "trace") +
         touch_header(headers, "type");
}

reading_t read_messages(rd_kafka_t* rk, const long* messages, touch_t touch) {
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(rk);
  rd_kafka_message_t* batch[BATCH];
  reading_t reading = {.count = 0};
  while (reading.count < *messages) {
    // Never more than there are: the call waits until the batch is full.
    const long left = *messages - reading.count;
    ssize_t got = rd_kafka_consume_batch_queue(queue, TIMEOUT_MS, batch, left < BATCH ? (size_t)left : BATCH);
    if (got < 0) fail("consume: %s", rd_kafka_err2str(rd_kafka_last_error()));
    if (reading.count == 0 && got > 0) reading.start = moment();
    for (ssize_t i = 0; i < got; i++) {
      if (batch[i]->err) fail("consume: %s", rd_kafka_message_errstr(batch[i]));
      reading.touched += touch(batch[i]);
      rd_kafka_message_destroy(batch[i]);
    }
    reading.count += got;
  }
  reading.end = moment();
  rd_kafka_queue_destroy(queue);
  return reading;
}

void check_reading(const reading_t* reading, bool headers) {
  const long messages = arg_long("messages");
  payloads_t payloads;
  payloads_load(&payloads);
  unsigned long expected = 0;
  for (long i = 0; i < messages; i++) {
    expected += touch_bytes(payload(&payloads, i), payloads.size);
    if (!headers) continue;
    expected += touch_bytes(payloads.keys[i % POOL], KEY_SIZE) +
                touch_bytes(payloads.traces[i % POOL], TRACE_SIZE) +
                touch_bytes(payloads.types[i % POOL], TYPE_SIZE);
  }
  if (reading->count != messages)
    fail("%ld messages were read, not the %ld there are", reading->count, messages);
  if (reading->touched != expected)
    fail("the bytes touched add up to %lu, not to %lu", reading->touched, expected);
}

static int consume(touch_t touch, bool headers) {
  const long messages = arg_long("messages");
  rd_kafka_t* rk = consumer_new(consumer_conf());
  const reading_t reading = read_messages(rk, &messages, touch);
  check_reading(&reading, headers);
  print_throughput(reading.count, reading.start, reading.end);
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return 0;
}

int run_consume(void) { return consume(touch_value, false); }

int run_consume_headers(void) { return consume(touch_all, true); }

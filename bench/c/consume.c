// Reads a preloaded topic as a group member, rd_kafka_consume_batch_queue with 1,000 messages at a time, and
// touches each value. Commits and stores as librdkafka does by default.
#include "common.h"

enum { BATCH = 1000, TIMEOUT_MS = 100 };

int run_consume(void) {
  const long messages = arg_long("messages");
  rd_kafka_t* rk = consumer_new();
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(rk);
  rd_kafka_message_t* batch[BATCH];
  moment_t start = {0, 0};
  long count = 0;
  unsigned long touched = 0;
  while (count < messages) {
    // Never more than there are: the call waits until the batch is full.
    size_t most = messages - count < BATCH ? (size_t)(messages - count) : BATCH;
    ssize_t got = rd_kafka_consume_batch_queue(queue, TIMEOUT_MS, batch, most);
    if (got < 0) fail("consume: %s", rd_kafka_err2str(rd_kafka_last_error()));
    if (count == 0 && got > 0) start = moment();
    for (ssize_t i = 0; i < got; i++) {
      if (batch[i]->err) fail("consume: %s", rd_kafka_message_errstr(batch[i]));
      touched += batch[i]->len + *(const unsigned char*)batch[i]->payload;
      rd_kafka_message_destroy(batch[i]);
    }
    count += got;
  }
  moment_t end = moment();
  if (touched == 0) fail("no value had a byte");
  print_throughput(count, start, end);
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return 0;
}

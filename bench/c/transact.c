// Consume-transform-produce: `batch` messages of a preloaded topic in each transaction, copied to another topic,
// with the group's offsets. A flush before the offsets are sent: without it they meet CONCURRENT_TRANSACTIONS and
// wait retry.backoff.ms again and again.
#include <stdlib.h>

#include "common.h"

enum { TIMEOUT_MS = 100, TXN_TIMEOUT_MS = 30000, WARMUP = 5 };

static void check(rd_kafka_error_t* error, const char* what) {
  if (error != NULL) fail("%s: %s", what, rd_kafka_error_string(error));
}

static void delivered(rd_kafka_t* rk, const rd_kafka_message_t* message, void* opaque) {
  (void)rk;
  (void)opaque;
  if (message->err) fail("delivery: %s", rd_kafka_err2str(message->err));
}

static rd_kafka_t* transactional_new(void) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  conf_set(conf, "bootstrap.servers", arg("brokers"));
  conf_set(conf, "linger.ms", "0");
  conf_set(conf, "transactional.id", arg("group"));
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_t* rk = client_new(RD_KAFKA_PRODUCER, conf);
  check(rd_kafka_init_transactions(rk, TXN_TIMEOUT_MS), "init_transactions");
  return rk;
}

static void send_batch(rd_kafka_t* rk, rd_kafka_message_t** batch, size_t count) {
  for (size_t i = 0; i < count; i++) {
    rd_kafka_resp_err_t err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(arg("output")),
                                                RD_KAFKA_V_KEY(batch[i]->key, batch[i]->key_len),
                                                RD_KAFKA_V_VALUE(batch[i]->payload, batch[i]->len),
                                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (err) fail("produce: %s", rd_kafka_err2str(err));
  }
  rd_kafka_poll(rk, 0);
}

static void send_offsets(rd_kafka_t* rk, rd_kafka_t* consumer) {
  rd_kafka_topic_partition_list_t* offsets = NULL;
  rd_kafka_assignment(consumer, &offsets);
  rd_kafka_position(consumer, offsets);
  rd_kafka_consumer_group_metadata_t* metadata = rd_kafka_consumer_group_metadata(consumer);
  check(rd_kafka_send_offsets_to_transaction(rk, offsets, metadata, TXN_TIMEOUT_MS), "send_offsets");
  rd_kafka_consumer_group_metadata_destroy(metadata);
  rd_kafka_topic_partition_list_destroy(offsets);
}

// Exactly `want` messages: so many are there.
static void read_batch(rd_kafka_queue_t* queue, rd_kafka_message_t** batch, size_t want) {
  size_t count = 0;
  while (count < want) {
    ssize_t got = rd_kafka_consume_batch_queue(queue, TIMEOUT_MS, batch + count, want - count);
    if (got < 0) fail("consume: %s", rd_kafka_err2str(rd_kafka_last_error()));
    for (ssize_t i = 0; i < got; i++) {
      if (batch[count + i]->err) fail("consume: %s", rd_kafka_message_errstr(batch[count + i]));
    }
    count += got;
  }
}

int run_transact(void) {
  const long transactions = arg_long("messages");
  const size_t size = (size_t)arg_long("batch");
  rd_kafka_t* producer = transactional_new();
  rd_kafka_t* consumer = consumer_new(consumer_conf());
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
  rd_kafka_message_t** batch = malloc(size * sizeof(*batch));
  moment_t start = {0, 0};
  for (long i = -WARMUP; i < transactions; i++) {
    if (i == 0) start = moment();
    read_batch(queue, batch, size);
    check(rd_kafka_begin_transaction(producer), "begin_transaction");
    send_batch(producer, batch, size);
    rd_kafka_resp_err_t err = rd_kafka_flush(producer, TXN_TIMEOUT_MS);
    if (err) fail("flush: %s", rd_kafka_err2str(err));
    send_offsets(producer, consumer);
    check(rd_kafka_commit_transaction(producer, TXN_TIMEOUT_MS), "commit_transaction");
    for (size_t m = 0; m < size; m++) rd_kafka_message_destroy(batch[m]);
  }
  moment_t end = moment();
  print_throughput(transactions, start, end);
  free(batch);
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  rd_kafka_destroy(producer);
  return 0;
}

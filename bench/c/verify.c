// What a run has left on the broker: every record of a producer, or of a transactional copy every record exactly once
// and no offset committed beyond them. Ends with an error that says what is wrong.
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"

enum { CALL_MS = 30000, POLL_MS = 100, PATIENCE_SECONDS = 30, MOST_PARTITIONS = 1024 };

// Sums, so that the order does not matter: the copy is partitioned as each client does it.
typedef struct {
  int64_t count;
  uint64_t sum;
} contents_t;

static uint64_t hash(uint64_t state, const void* data, size_t size) {
  // FNV-1a
  for (size_t i = 0; i < size; i++)
    state = (state ^ ((const unsigned char*)data)[i]) * UINT64_C(1099511628211);
  return state;
}

static void add(contents_t* contents, const rd_kafka_message_t* message) {
  uint64_t state = hash(UINT64_C(14695981039346656037), message->key, message->key_len);
  // Between the two, so that a byte cannot move from one to the other.
  state = hash(state, "", 1);
  contents->sum += hash(state, message->payload, message->len);
  contents->count++;
}

static rd_kafka_t* reader_new(const char* group) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  conf_set(conf, "bootstrap.servers", arg("brokers"));
  conf_set(conf, "group.id", group);
  // Committed offsets too are then awaited until their transaction has ended.
  conf_set(conf, "isolation.level", "read_committed");
  conf_set(conf, "enable.auto.commit", "false");
  conf_set(conf, "enable.partition.eof", "true");
  conf_set(conf, "fetch.queue.backoff.ms", "10");
  rd_kafka_t* rk = client_new(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(rk);
  return rk;
}

static rd_kafka_topic_partition_list_t* partitions_of(rd_kafka_t* rk, const char* topic) {
  rd_kafka_topic_t* handle = rd_kafka_topic_new(rk, topic, NULL);
  const struct rd_kafka_metadata* metadata = NULL;
  rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, handle, &metadata, CALL_MS);
  if (err) fail("metadata of %s: %s", topic, rd_kafka_err2str(err));
  const int count = metadata->topics[0].partition_cnt;
  if (count < 1 || count > MOST_PARTITIONS) fail("%s has %d partitions", topic, count);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(count);
  for (int i = 0; i < count; i++) rd_kafka_topic_partition_list_add(list, topic, i)->offset = 0;
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
  return list;
}

static void assign(rd_kafka_t* rk, const rd_kafka_topic_partition_list_t* list) {
  rd_kafka_resp_err_t err = rd_kafka_assign(rk, list);
  if (err) fail("assign: %s", rd_kafka_err2str(err));
}

/** The records below the group's committed offsets. */
static contents_t read_consumed(void) {
  rd_kafka_t* rk = reader_new(arg("group"));
  rd_kafka_topic_partition_list_t* list = partitions_of(rk, arg("topic"));
  rd_kafka_resp_err_t err = rd_kafka_committed(rk, list, CALL_MS);
  if (err) fail("committed: %s", rd_kafka_err2str(err));
  int64_t end[MOST_PARTITIONS] = {0};
  int64_t left = 0;
  for (int i = 0; i < list->cnt; i++) {
    rd_kafka_topic_partition_t* one = &list->elems[i];
    end[one->partition] = one->offset > 0 ? one->offset : 0;
    left += end[one->partition];
    one->offset = 0;
  }
  assign(rk, list);
  contents_t contents = {0, 0};
  while (contents.count < left) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(rk, CALL_MS);
    if (message == NULL)
      fail("%s gave %" PRId64 " of %" PRId64 " records", arg("topic"), contents.count, left);
    if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
      fail("consume: %s", rd_kafka_message_errstr(message));
    if (!message->err && message->offset < end[message->partition]) add(&contents, message);
    rd_kafka_message_destroy(message);
  }
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return contents;
}

/** All committed records of the output, once at least `expected` are there: the last markers may still be on their way. */
static contents_t read_output(int64_t expected) {
  rd_kafka_t* rk = reader_new("odradek-bench-verify");
  rd_kafka_topic_partition_list_t* list = partitions_of(rk, arg("output"));
  assign(rk, list);
  bool at_end[MOST_PARTITIONS] = {false};
  int ended = 0;
  contents_t contents = {0, 0};
  const time_t until = time(NULL) + PATIENCE_SECONDS;
  while (ended < list->cnt || (contents.count < expected && time(NULL) < until)) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(rk, POLL_MS);
    if (message == NULL && time(NULL) >= until) break;
    if (message == NULL) continue;
    const bool end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (message->err && !end) fail("consume: %s", rd_kafka_message_errstr(message));
    ended += end - at_end[message->partition];
    at_end[message->partition] = end;
    if (!end) add(&contents, message);
    rd_kafka_message_destroy(message);
  }
  if (ended < list->cnt) fail("%s has no end: a transaction may be open", arg("output"));
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return contents;
}

int run_verify_transactions(void) {
  const int64_t least = (int64_t)arg_long("messages") * arg_long("batch");
  const contents_t consumed = read_consumed();
  const contents_t copied = read_output(consumed.count);
  if (copied.count != consumed.count)
    fail("committed are offsets of %" PRId64 " records, but copied were %" PRId64, consumed.count,
         copied.count);
  if (copied.sum != consumed.sum)
    fail("the %" PRId64 " copied records are not those that were consumed", copied.count);
  if (copied.count < least)
    fail("%" PRId64 " records were copied, not the %" PRId64 " that were asked for", copied.count, least);
  return 0;
}

int run_verify_produced(void) {
  rd_kafka_t* rk = reader_new("odradek-bench-verify");
  rd_kafka_topic_partition_list_t* list = partitions_of(rk, arg("topic"));
  int64_t count = 0;
  for (int i = 0; i < list->cnt; i++) {
    int64_t low = 0, high = 0;
    rd_kafka_resp_err_t err =
        rd_kafka_query_watermark_offsets(rk, arg("topic"), list->elems[i].partition, &low, &high, CALL_MS);
    if (err) fail("watermarks: %s", rd_kafka_err2str(err));
    count += high - low;
  }
  if (count < arg_long("messages"))
    fail("%" PRId64 " records are there, not the %ld that were reported as delivered", count,
         arg_long("messages"));
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy(rk);
  return 0;
}

// Produces as fast as librdkafka takes it: rd_kafka_produce on this thread, delivery report callbacks on a
// poll thread.
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "common.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t polled = PTHREAD_COND_INITIALIZER;
static atomic_bool stopping;
static long delivered;  // poll thread, and under the mutex elsewhere
static long failed;
static long expected;
static moment_t finished;

static void on_delivery(rd_kafka_t* rk, const rd_kafka_message_t* message, void* opaque) {
  (void)rk;
  (void)opaque;
  if (message->err) failed++;
  if (++delivered == expected) finished = moment();
}

static void* poll_loop(void* opaque) {
  while (!stopping) {
    int served = rd_kafka_poll(opaque, 100);
    if (served == 0) continue;
    // The lock publishes `delivered` and `finished`.
    pthread_mutex_lock(&mutex);
    pthread_cond_signal(&polled);
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}

static void wait_for_reports(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 10 * 1000 * 1000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  pthread_mutex_lock(&mutex);
  pthread_cond_timedwait(&polled, &mutex, &until);
  pthread_mutex_unlock(&mutex);
}

typedef struct {
  payloads_t payloads;
  rd_kafka_t* rk;
  pthread_t poller;
} producer_t;

static void producer_open(producer_t* producer) {
  payloads_load(&producer->payloads);
  rd_kafka_conf_t* conf = client_conf();
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  producer->rk = client_new(RD_KAFKA_PRODUCER, conf);
  pthread_create(&producer->poller, NULL, poll_loop, producer->rk);
}

static void producer_close(producer_t* producer) {
  stopping = true;
  pthread_join(producer->poller, NULL);
  rd_kafka_destroy(producer->rk);
}

// Any other error than that of a full queue is fatal.
static void wait_for_room(rd_kafka_resp_err_t err) {
  if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail("produce: %s", rd_kafka_err2str(err));
  wait_for_reports();
}

static void produce(rd_kafka_topic_t* topic, const payloads_t* payloads, long i) {
  while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload(payloads, i),
                          payloads->size, payloads->keys[i % POOL], KEY_SIZE, NULL) == -1) {
    wait_for_room(rd_kafka_last_error());
  }
}

static bool all_delivered(void) {
  pthread_mutex_lock(&mutex);
  bool all = delivered >= expected;
  pthread_mutex_unlock(&mutex);
  return all;
}

static void wait_for_all(void) {
  while (!all_delivered()) wait_for_reports();
  if (failed > 0) fail("%ld messages were not delivered", failed);
}

int run_produce(void) {
  producer_t producer;
  producer_open(&producer);
  const long messages = arg_long("messages");
  const long warmup = arg_long("warmup");
  rd_kafka_topic_t* topic = rd_kafka_topic_new(producer.rk, arg("topic"), NULL);

  // Connection and metadata are not what is measured.
  expected = warmup;
  for (long i = 0; i < warmup; i++) produce(topic, &producer.payloads, i);
  wait_for_all();

  expected = warmup + messages;
  moment_t start = moment();
  for (long i = 0; i < messages; i++) produce(topic, &producer.payloads, i);
  wait_for_all();
  print_throughput(messages, start, finished);

  rd_kafka_topic_destroy(topic);
  producer_close(&producer);
  return 0;
}

static rd_kafka_headers_t* headers_of(const payloads_t* payloads, long i) {
  rd_kafka_headers_t* headers = rd_kafka_headers_new(2);
  rd_kafka_header_add(headers, "trace", -1, payloads->traces[i % POOL], TRACE_SIZE);
  rd_kafka_header_add(headers, "type", -1, payloads->types[i % POOL], TYPE_SIZE);
  return headers;
}

// Fills a topic that is to be read, the partitions in turn: who reads some of them knows how many messages there are.
int run_preload(void) {
  producer_t producer;
  producer_open(&producer);
  const payloads_t* payloads = &producer.payloads;
  const char* topic = arg("topic");
  const long messages = arg_long("messages");
  const long partitions = arg_long("partitions");
  const bool headers = arg_long("headers") != 0;
  expected = messages;
  for (long i = 0; i < messages; i++) {
    rd_kafka_headers_t* own = headers ? headers_of(payloads, i) : NULL;
    rd_kafka_resp_err_t err;
    while ((err = rd_kafka_producev(
                producer.rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION((int32_t)(i % partitions)),
                RD_KAFKA_V_KEY(payloads->keys[i % POOL], KEY_SIZE),
                RD_KAFKA_V_VALUE(payload(payloads, i), payloads->size),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(own), RD_KAFKA_V_END))) {
      wait_for_room(err);
    }
  }
  wait_for_all();
  producer_close(&producer);
  return 0;
}

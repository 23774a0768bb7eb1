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

static void produce(rd_kafka_topic_t* topic, const payloads_t* payloads, long i) {
  while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload(payloads, i),
                          payloads->size, payloads->keys[i % POOL], KEY_SIZE, NULL) == -1) {
    rd_kafka_resp_err_t err = rd_kafka_last_error();
    if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail("produce: %s", rd_kafka_err2str(err));
    wait_for_reports();
  }
}

static bool all_delivered(void) {
  pthread_mutex_lock(&mutex);
  bool all = delivered >= expected;
  pthread_mutex_unlock(&mutex);
  return all;
}

int run_produce(void) {
  payloads_t payloads;
  payloads_load(&payloads);
  const long messages = arg_long("messages");
  const long warmup = arg_long("warmup");
  rd_kafka_conf_t* conf = client_conf();
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t* rk = client_new(RD_KAFKA_PRODUCER, conf);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(rk, arg("topic"), NULL);
  pthread_t poller;
  pthread_create(&poller, NULL, poll_loop, rk);

  // Connection and metadata are not what is measured.
  expected = warmup;
  for (long i = 0; i < warmup; i++) produce(topic, &payloads, i);
  while (!all_delivered()) wait_for_reports();

  expected = warmup + messages;
  moment_t start = moment();
  for (long i = 0; i < messages; i++) produce(topic, &payloads, i);
  while (!all_delivered()) wait_for_reports();
  if (failed > 0) fail("%ld messages were not delivered", failed);
  print_throughput(messages, start, finished);

  stopping = true;
  pthread_join(poller, NULL);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(rk);
  return 0;
}

// Latencies: one awaited produce after another, and produce to hand-over at a low rate.
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"

static double now_micros(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void on_awaited(rd_kafka_t* rk, const rd_kafka_message_t* message, void* opaque) {
  (void)rk;
  if (message->err) fail("delivery: %s", rd_kafka_err2str(message->err));
  *(bool*)opaque = true;
}

int run_latency_send(void) {
  payloads_t payloads;
  payloads_load(&payloads);
  const long messages = arg_long("messages");
  const long warmup = arg_long("warmup");
  bool delivered = false;
  rd_kafka_conf_t* conf = client_conf();
  rd_kafka_conf_set_dr_msg_cb(conf, on_awaited);
  rd_kafka_conf_set_opaque(conf, &delivered);
  rd_kafka_t* rk = client_new(RD_KAFKA_PRODUCER, conf);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(rk, arg("topic"), NULL);
  double* micros = malloc(sizeof(double) * (size_t)messages);
  for (long i = -warmup; i < messages; i++) {
    const double start = now_micros();
    delivered = false;
    const long n = i + warmup;
    if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload(&payloads, n),
                         payloads.size, payloads.keys[n % POOL], KEY_SIZE, NULL) == -1) {
      fail("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
    }
    while (!delivered) rd_kafka_poll(rk, 1000);
    if (i >= 0) micros[i] = now_micros() - start;
  }
  print_latency(micros, messages);
  free(micros);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(rk);
  return 0;
}

typedef struct {
  payloads_t payloads;
  long total;
  atomic_bool go;
} pace_t;

static void* produce_at_rate(void* opaque) {
  pace_t* pace = opaque;
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  conf_set(conf, "bootstrap.servers", arg("brokers"));
  conf_set(conf, "linger.ms", "0");
  rd_kafka_t* rk = client_new(RD_KAFKA_PRODUCER, conf);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(rk, arg("topic"), NULL);
  char* value = malloc(pace->payloads.size);
  for (long i = 0; i < pace->total; i++) {
    memcpy(value, payload(&pace->payloads, i), pace->payloads.size);
    const double start = now_micros();
    memcpy(value, &start, sizeof(start));
    if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, pace->payloads.size,
                         pace->payloads.keys[i % POOL], KEY_SIZE, NULL) == -1) {
      fail("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
    }
    rd_kafka_poll(rk, 0);
    // The first is the consumer's sign that it is assigned.
    while (i == 0 && !pace->go) nanosleep(&(struct timespec){0, 1000 * 1000}, NULL);
    nanosleep(&(struct timespec){0, 1000L * 1000 * arg_long("interval")}, NULL);
  }
  rd_kafka_flush(rk, 10000);
  free(value);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(rk);
  return NULL;
}

int run_latency_consume(void) {
  const long messages = arg_long("messages");
  const long warmup = arg_long("warmup");
  pace_t pace = {.total = messages + warmup};
  payloads_load(&pace.payloads);
  double* micros = malloc(sizeof(double) * (size_t)messages);
  rd_kafka_t* rk = consumer_new(consumer_conf());
  pthread_t producer;
  pthread_create(&producer, NULL, produce_at_rate, &pace);
  for (long i = -warmup; i < messages;) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(rk, 1000);
    if (message == NULL) continue;
    if (message->err) fail("consume: %s", rd_kafka_message_errstr(message));
    double start;
    memcpy(&start, message->payload, sizeof(start));
    if (i >= 0) micros[i] = now_micros() - start;
    pace.go = true;
    i++;
    rd_kafka_message_destroy(message);
  }
  pthread_join(producer, NULL);
  print_latency(micros, messages);
  free(micros);
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return 0;
}

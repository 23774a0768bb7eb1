// What the benchmark's C programs share: name=value arguments, the payloads, the measured window, the line of
// JSON.
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

// Arguments: name=value; `conf.<property>=<value>` goes to librdkafka.
void args_init(int argc, char** argv);
const char* arg(const char* name);
long arg_long(const char* name);

noreturn void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

// The same bytes for every program: POOL values of arg("size") bytes each, one after the other, in
// arg("payload"); keys, and for messages with headers two of them, to go with them.
enum { POOL = 1000, KEY_SIZE = 8, TRACE_SIZE = 16, TYPE_SIZE = 6 };
typedef struct {
  size_t size;
  char* values;
  char keys[POOL][KEY_SIZE + 1];
  char traces[POOL][TRACE_SIZE + 1];
  const char* types[POOL];
} payloads_t;
void payloads_load(payloads_t* payloads);
static inline char* payload(const payloads_t* payloads, long i) {
  return payloads->values + (size_t)(i % POOL) * payloads->size;
}

// bootstrap.servers from arg("brokers") and every conf.* argument that this kind of client knows.
rd_kafka_conf_t* client_conf(void);
void conf_set(rd_kafka_conf_t* conf, const char* name, const char* value);
rd_kafka_t* client_new(rd_kafka_type_t type, rd_kafka_conf_t* conf);
// A member of arg("group"), subscribed to arg("topic").
rd_kafka_conf_t* consumer_conf(void);
rd_kafka_t* consumer_new(rd_kafka_conf_t* conf);

typedef struct {
  double seconds;
  double cpu;  // µs, user and system, of the whole process
} moment_t;
moment_t moment(void);
void print_throughput(long messages, moment_t start, moment_t end);
void print_latency(double* micros, long count);

int run_consume(void);
int run_consume_headers(void);
int run_consume_group(void);
int run_preload(void);
int run_produce(void);
int run_latency_send(void);
int run_latency_consume(void);
int run_transact(void);
int run_create_topic(void);
int run_delete_topic(void);
int run_verify_transactions(void);
int run_verify_produced(void);

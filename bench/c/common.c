#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static int arg_count;
static char** arg_values;

void fail(const char* format, ...) {
  va_list list;
  va_start(list, format);
  fputs("error: ", stderr);
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
  va_end(list);
  exit(1);
}

void args_init(int argc, char** argv) {
  arg_count = argc;
  arg_values = argv;
}

const char* arg(const char* name) {
  size_t length = strlen(name);
  for (int i = 0; i < arg_count; i++) {
    if (strncmp(arg_values[i], name, length) == 0 && arg_values[i][length] == '=')
      return arg_values[i] + length + 1;
  }
  fail("the argument %s=… is missing", name);
}

long arg_long(const char* name) {
  char* end = NULL;
  const char* text = arg(name);
  long value = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 0) fail("%s=%s is not a number", name, text);
  return value;
}

void payloads_load(payloads_t* payloads) {
  const char* path = arg("payload");
  payloads->size = (size_t)arg_long("size");
  payloads->values = malloc(POOL * payloads->size);
  FILE* file = fopen(path, "rb");
  if (file == NULL || fread(payloads->values, payloads->size, POOL, file) != POOL)
    fail("cannot read %s", path);
  fclose(file);
  static const char* const types[] = {"create", "update", "delete"};
  for (uint32_t i = 0; i < POOL; i++) {
    snprintf(payloads->keys[i], sizeof(payloads->keys[i]), "k%07u", i);
    // Multiplied (Knuth), so that they begin with any digit.
    snprintf(payloads->traces[i], sizeof(payloads->traces[i]), "%08x%08x", i * UINT32_C(2654435761), i);
    payloads->types[i] = types[i % 3];
  }
}

void conf_set(rd_kafka_conf_t* conf, const char* name, const char* value) {
  char text[512];
  if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK) fail("%s", text);
}

rd_kafka_conf_t* client_conf(void) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  conf_set(conf, "bootstrap.servers", arg("brokers"));
  for (int i = 0; i < arg_count; i++) {
    if (strncmp(arg_values[i], "conf.", 5) != 0) continue;
    char* name = strdup(arg_values[i] + 5);
    char* value = strchr(name, '=');
    if (value == NULL) fail("%s has no value", arg_values[i]);
    *value++ = '\0';
    conf_set(conf, name, value);
    free(name);
  }
  return conf;
}

rd_kafka_t* client_new(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char text[512];
  rd_kafka_t* rk = rd_kafka_new(type, conf, text, sizeof(text));
  if (rk == NULL) fail("%s", text);
  return rk;
}

rd_kafka_conf_t* consumer_conf(void) {
  rd_kafka_conf_t* conf = client_conf();
  conf_set(conf, "group.id", arg("group"));
  return conf;
}

rd_kafka_t* consumer_new(rd_kafka_conf_t* conf) {
  rd_kafka_t* rk = client_new(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(rk);
  rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, arg("topic"), RD_KAFKA_PARTITION_UA);
  rd_kafka_resp_err_t err = rd_kafka_subscribe(rk, topics);
  if (err) fail("subscribe: %s", rd_kafka_err2str(err));
  rd_kafka_topic_partition_list_destroy(topics);
  return rk;
}

moment_t moment(void) {
  struct timespec now;
  struct rusage usage;
  clock_gettime(CLOCK_MONOTONIC, &now);
  getrusage(RUSAGE_SELF, &usage);
  moment_t result;
  result.seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
  result.cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  return result;
}

// Not ru_maxrss, which on Linux counts what the parent had when it forked.
static long peak_rss_kib(void) {
  FILE* file = fopen("/proc/self/status", "r");
  char line[256];
  long kib = 0;
  while (file != NULL && kib == 0 && fgets(line, sizeof(line), file) != NULL)
    sscanf(line, "VmHWM: %ld", &kib);
  if (file != NULL) fclose(file);
  if (kib > 0) return kib;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return usage.ru_maxrss / 1024;
#else
  return usage.ru_maxrss;
#endif
}

void print_throughput(long messages, moment_t start, moment_t end) {
  printf("{\"messages\":%ld,\"seconds\":%.6f,\"cpuMicros\":%.0f,\"rssKiB\":%ld}\n", messages,
         end.seconds - start.seconds, end.cpu - start.cpu, peak_rss_kib());
}

static int ascending(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

void print_latency(double* micros, long count) {
  qsort(micros, (size_t)count, sizeof(*micros), ascending);
  printf("{\"messages\":%ld,\"p50\":%.1f,\"p99\":%.1f,\"rssKiB\":%ld}\n", count, micros[count / 2],
         micros[count * 99 / 100], peak_rss_kib());
}

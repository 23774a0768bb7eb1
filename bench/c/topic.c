// Creates and deletes the benchmark's topics.
#include "common.h"

enum { TIMEOUT_MS = 30000 };

static rd_kafka_event_t* answer(rd_kafka_queue_t* queue) {
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
  if (event == NULL) fail("the broker did not answer within %d s", TIMEOUT_MS / 1000);
  if (rd_kafka_event_error(event)) fail("%s", rd_kafka_event_error_string(event));
  return event;
}

static void check(const rd_kafka_topic_result_t* const* results, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!rd_kafka_topic_result_error(results[i])) continue;
    fail("%s: %s", rd_kafka_topic_result_name(results[i]), rd_kafka_topic_result_error_string(results[i]));
  }
}

// The answer comes when each partition has a leader, so that whoever is next finds it.
static rd_kafka_AdminOptions_t* options(rd_kafka_t* rk, rd_kafka_admin_op_t op) {
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(rk, op);
  rd_kafka_AdminOptions_set_operation_timeout(options, TIMEOUT_MS, NULL, 0);
  return options;
}

int run_create_topic(void) {
  rd_kafka_t* rk = client_new(RD_KAFKA_PRODUCER, client_conf());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(rk);
  char text[512];
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(arg("topic"), (int)arg_long("partitions"), 1, text, sizeof(text));
  if (topic == NULL) fail("%s", text);
  rd_kafka_AdminOptions_t* with = options(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_CreateTopics(rk, &topic, 1, with, queue);
  rd_kafka_event_t* event = answer(queue);
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
  check((const rd_kafka_topic_result_t* const*)results, count);
  rd_kafka_event_destroy(event);
  rd_kafka_AdminOptions_destroy(with);
  rd_kafka_NewTopic_destroy(topic);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(rk);
  return 0;
}

int run_delete_topic(void) {
  rd_kafka_t* rk = client_new(RD_KAFKA_PRODUCER, client_conf());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(rk);
  rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(arg("topic"));
  rd_kafka_AdminOptions_t* with = options(rk, RD_KAFKA_ADMIN_OP_DELETETOPICS);
  rd_kafka_DeleteTopics(rk, &topic, 1, with, queue);
  rd_kafka_event_t* event = answer(queue);
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
  check((const rd_kafka_topic_result_t* const*)results, count);
  rd_kafka_event_destroy(event);
  rd_kafka_AdminOptions_destroy(with);
  rd_kafka_DeleteTopic_destroy(topic);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(rk);
  return 0;
}

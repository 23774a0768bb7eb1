// Four members of one group, each a thread with a handle of its own, read a preloaded topic together.
//
// Joining is not what is measured, and nobody may have fetched before it is over. So who is given partitions before
// all four are there starts at their end, where there is nothing; who is given its last share waits in its rebalance
// callback for the others, and starts at the beginning. A share tells which it is: with a multiple of 12 partitions
// one to four members have shares of different sizes, each member of them the same. The clock runs from the first
// message of any member to the last of all. bench/programs/group.mjs does the same.
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>

#include "consume.h"

enum { MEMBERS = 4 };

typedef struct {
  pthread_t thread;
  rd_kafka_t* rk;
  long messages;  // of its partitions
  bool reading;
  reading_t result;
} member_t;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_arrived = PTHREAD_COND_INITIALIZER;
static int arrived;

// Returns once as many threads as there are members have called it. For any number of times; not every system has
// pthread_barrier_wait.
static void arrive(void) {
  pthread_mutex_lock(&mutex);
  const int until = (arrived / MEMBERS + 1) * MEMBERS;
  if (++arrived == until) pthread_cond_broadcast(&all_arrived);
  while (arrived < until) pthread_cond_wait(&all_arrived, &mutex);
  pthread_mutex_unlock(&mutex);
}

// They were filled in turn.
static long messages_of(int32_t partition) {
  const long partitions = arg_long("partitions");
  return (arg_long("messages") - partition + partitions - 1) / partitions;
}

static void on_assigned(member_t* member, rd_kafka_topic_partition_list_t* mine) {
  const bool last = mine->cnt * MEMBERS == arg_long("partitions");
  if (last) {
    member->messages = 0;
    for (int i = 0; i < mine->cnt; i++) member->messages += messages_of(mine->elems[i].partition);
    arrive();
    member->reading = true;
  }
  for (int i = 0; i < mine->cnt; i++)
    mine->elems[i].offset = last ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
  rd_kafka_resp_err_t err = rd_kafka_assign(member->rk, mine);
  if (err) fail("assign: %s", rd_kafka_err2str(err));
}

static void on_rebalance(rd_kafka_t* rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t* partitions,
                         void* opaque) {
  member_t* member = opaque;
  if (member->reading) fail("the group was rebalanced while it read");
  if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
    on_assigned(member, partitions);
  else
    rd_kafka_assign(rk, NULL);
}

// As many messages as there are could still be one twice and another never.
static void check_positions(rd_kafka_t* rk) {
  rd_kafka_topic_partition_list_t* mine = NULL;
  rd_kafka_resp_err_t err = rd_kafka_assignment(rk, &mine);
  if (!err) err = rd_kafka_position(rk, mine);
  if (err) fail("position: %s", rd_kafka_err2str(err));
  for (int i = 0; i < mine->cnt; i++) {
    const rd_kafka_topic_partition_t* one = &mine->elems[i];
    if (one->offset != messages_of(one->partition))
      fail("partition %d was read up to %" PRId64 ", not to %ld", one->partition, one->offset,
           messages_of(one->partition));
  }
  rd_kafka_topic_partition_list_destroy(mine);
}

static void* run_member(void* opaque) {
  member_t* member = opaque;
  member->result = read_messages(member->rk, &member->messages, touch_value);
  check_positions(member->rk);
  // Who leaves gives its partitions to those who still read.
  arrive();
  member->reading = false;
  rd_kafka_consumer_close(member->rk);
  rd_kafka_destroy(member->rk);
  return NULL;
}

static void open_member(member_t* member) {
  // Until it is known: more than a batch.
  member->messages = LONG_MAX;
  rd_kafka_conf_t* conf = consumer_conf();
  rd_kafka_conf_set_opaque(conf, member);
  rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
  member->rk = consumer_new(conf);
  pthread_create(&member->thread, NULL, run_member, member);
}

int run_consume_group(void) {
  static member_t members[MEMBERS];
  for (int i = 0; i < MEMBERS; i++) open_member(&members[i]);
  reading_t all = {.count = 0};
  for (int i = 0; i < MEMBERS; i++) {
    pthread_join(members[i].thread, NULL);
    const reading_t* one = &members[i].result;
    if (i == 0 || one->start.seconds < all.start.seconds) all.start = one->start;
    if (i == 0 || one->end.seconds > all.end.seconds) all.end = one->end;
    all.count += one->count;
    all.touched += one->touched;
  }
  check_reading(&all, false);
  print_throughput(all.count, all.start, all.end);
  return 0;
}

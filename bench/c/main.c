// The benchmark's C programs: bench <task> name=value …; bench/run.mjs knows the arguments.
#include <string.h>

#include "common.h"

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    int (*run)(void);
  } tasks[] = {
      {"consume", run_consume},
      {"consume-headers", run_consume_headers},
      {"consume-group", run_consume_group},
      {"preload", run_preload},
      {"produce", run_produce},
      {"latency-send", run_latency_send},
      {"latency-consume", run_latency_consume},
      {"transact", run_transact},
      {"create-topic", run_create_topic},
      {"delete-topic", run_delete_topic},
      {"verify-transactions", run_verify_transactions},
      {"verify-produced", run_verify_produced},
  };
  if (argc < 2) fail("usage: bench <task> name=value …");
  args_init(argc - 2, argv + 2);
  for (size_t i = 0; i < sizeof(tasks) / sizeof(*tasks); i++) {
    if (strcmp(argv[1], tasks[i].name) == 0) return tasks[i].run();
  }
  fail("there is no task '%s'", argv[1]);
}

// An embedded cluster with the rd_kafka_t that hosts it, from its start to the end of its threads.
//
// Threads: created, used and closed on the JS thread. What it logs comes from librdkafka's threads, and its
// destruction, which joins those, runs on a thread of its own.
#pragma once

#include <future>
#include <memory>

#include "handle.h"
// After rdkafka.h, which it needs.
#include <librdkafka/rdkafka_mock.h>

#include "js_channel.h"
#include "kafka_error.h"

namespace odradek {

// First argument of the cluster's dispatch function; lib/binding.ts has the same.
enum class MockDispatch : int { kClosed = 0, kLog = 1 };

class MockClusterHost {
 public:
  // Null with `error` set if the cluster cannot be started. Lines of level up to `log_level` are dispatched.
  static std::unique_ptr<MockClusterHost> Start(int brokers, int log_level,
                                                std::shared_ptr<JsChannel> channel, KafkaError* error);
  MockClusterHost(const MockClusterHost&) = delete;
  MockClusterHost& operator=(const MockClusterHost&) = delete;
  ~MockClusterHost();

  // Takes the cluster down on a thread of its own; the future is ready when its ports are closed and its
  // threads gone.
  static std::shared_future<void> Close(std::unique_ptr<MockClusterHost> host);

  rd_kafka_mock_cluster_t* mock() const { return mock_; }

 private:
  explicit MockClusterHost(std::shared_ptr<JsChannel> channel) : channel_(std::move(channel)) {}
  static void OnLog(const rd_kafka_t* rk, int level, const char* facility, const char* text);

  const std::shared_ptr<JsChannel> channel_;
  rd_kafka_t* rk_ = nullptr;
  rd_kafka_mock_cluster_t* mock_ = nullptr;
};

}  // namespace odradek

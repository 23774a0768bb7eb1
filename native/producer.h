// A producer: slabs of packed records in, slabs of delivery reports out.
//
// Threads, beside those of Client:
//   JS thread         packs records, hands slabs over (Produce); produces a few records itself when nothing waits,
//                     which saves a lone record the way over another thread.
//   producing thread  calls librdkafka for each record of the slabs handed over, in order; waits when librdkafka's
//                     queue is full. Started with the first slab that is not produced inline.
//   poll thread       turns delivery-report events into rows, which the JS thread takes when it is told that there are
//                     some: it decides how many in one turn.
// Only one of JS thread and producing thread produces at a time (queue_mutex_, producing_), so order is kept.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client.h"
#include "delivery.h"
#include "record_reader.h"

namespace odradek {

class Producer final : public Client {
 public:
  Producer(ConfHandle conf, std::shared_ptr<JsChannel> channel);

  static constexpr int kEvents = RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG |
                                 RD_KAFKA_EVENT_STATS | RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;

  // JS thread. A number for a topic name, with librdkafka properties of its own if any; used in records.
  int32_t AddTopic(std::string name, TopicConfHandle conf);
  // JS thread. `bytes` stays untouched by JavaScript until Dispatch::kSlabFree brings `slab` back; or, when true is
  // returned, it is free at once.
  bool Produce(uint32_t slab, const uint8_t* bytes, size_t size, uint32_t count);
  // JS thread. Copies rows of reports, at most `rows` of them, and returns their number; fewer than `rows` are all there
  // were, and the next report announces itself again with Dispatch::kDelivery.
  size_t TakeReports(uint8_t* to, size_t rows);
  // Any thread. Records handed over before this that are still on their way to librdkafka fail with _PURGE_QUEUE.
  void PurgeHandedOver();
  // Query thread. Asks a broker how many partitions a topic has, for a slice of `milliseconds` at most.
  KafkaError CountPartitions(rd_kafka_t* rk, int32_t id, int milliseconds, int32_t* count);
  // Query and command thread. Sends what lingers, and waits for the slabs handed over and for librdkafka's queue: a
  // slice of time, or until the deadline. Whether nothing is left. A whole flush is many of them, between which others
  // have their turn.
  bool FlushSlice(rd_kafka_t* rk, Clock::time_point deadline);
  // Query thread, after PurgeHandedOver if the flags are for the queue.
  KafkaError Purge(rd_kafka_t* rk, int flags);
  // Query and command thread. Waits until librdkafka has the records of all slabs handed over; false when out of time.
  bool WaitHandedOver(Clock::time_point deadline);

  // JS thread: a transactional call under way need not go on; any thread asks.
  void InterruptTransaction(bool interrupt) { transaction_interrupted_ = interrupt; }
  bool transaction_interrupted() const { return transaction_interrupted_; }
  // Records that were not delivered, since the transaction began. Any thread.
  void ForgetFailedRecords() { failed_records_ = 0; }
  size_t failed_records() const { return failed_records_; }
  // Any thread. Whether reports may wait until JavaScript is woken for something else.
  void LetReportsWait(bool wait) { reports_may_wait_ = wait; }

 protected:
  void OnOpen(rd_kafka_t* rk) override;
  void OnEvent(EventHandle event) override;
  void OnClose(rd_kafka_t* rk, Clock::time_point deadline) override;
  void OnDestroy() override;
  void OnStopping() override;

 private:
  struct Job {
    uint32_t slab;
    const uint8_t* bytes;
    size_t size;
    uint64_t sequence;
  };
  struct Topic {
    std::string name;
    TopicConfHandle conf;
    TopicHandle handle;
    KafkaError error;
  };

  void ProduceLoop();
  // Produces the records of [bytes, end); returns where it stopped: at `end`, or at a record for which the queue was full.
  const uint8_t* ProduceRecords(rd_kafka_t* rk, const uint8_t* bytes, const uint8_t* end,
                                DeliverySlab* failures);
  const uint8_t* ProducePlainRun(rd_kafka_topic_t* topic, const uint8_t* bytes, const uint8_t* end,
                                 DeliverySlab* failures);
  rd_kafka_resp_err_t ProduceOne(rd_kafka_t* rk, rd_kafka_topic_t* topic, const RecordView& record);
  void FailRecords(const uint8_t* bytes, const uint8_t* end, rd_kafka_resp_err_t error,
                   DeliverySlab* failures);
  rd_kafka_topic_t* TopicFor(rd_kafka_t* rk, int32_t id, rd_kafka_resp_err_t* error);
  void PushReports(DeliverySlab* reports);
  void WaitForRoom();
  void WakeAll();

  std::mutex topics_mutex_;  // guards the queue and its elements, which stay where they are
  std::deque<Topic> topics_;

  std::mutex queue_mutex_;  // guards the members below
  std::condition_variable queue_changed_;
  std::deque<Job> queue_;
  bool producing_ = false;
  uint64_t next_sequence_ = 1;
  std::thread thread_;

  std::atomic<uint64_t> purged_until_{0};
  std::mutex room_mutex_;  // guards reports_seen_
  std::condition_variable room_;
  uint64_t reports_seen_ = 0;

  std::mutex reports_mutex_;  // guards the members below
  std::deque<DeliverySlab> reports_;
  size_t reports_taken_ = 0;  // rows of the first one
  bool reports_announced_ = false;

  std::atomic<bool> transaction_interrupted_{false};
  std::atomic<size_t> failed_records_{0};
  std::atomic<bool> reports_may_wait_{false};
};

}  // namespace odradek

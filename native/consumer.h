// A consumer: JavaScript asks (Read), the poll thread answers with slabs of messages.
//
// Threads, beside those of Client:
//   JS thread    Read, and the calls through WithHandle.
//   poll thread  drains the consumer queue when asked; runs what must not meet a drain (assign, pause, seek, …), so
//                that messages pushed before such a command's result were fetched before it, and those after, after.
// While a rebalance waits for JavaScript, nothing is drained.
#pragma once

#include <atomic>
#include <deque>
#include <string>
#include <vector>

#include "client.h"
#include "message_slab.h"
#include "topic_partition.h"

namespace odradek {

class Consumer final : public Client {
 public:
  static constexpr int kEvents = RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS |
                                 RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;
  static constexpr int kTurns = static_cast<int>(Dispatch::kTurn);

  Consumer(ConfHandle conf, std::shared_ptr<JsChannel> channel);

  // What the application wants: nothing; what is there already, one batch ahead of it; or the next messages, for which
  // it waits: only then is the group told that it is alive (max.poll.interval.ms).
  enum class Want : int { kNothing = 0, kReadAhead = 1, kWait = 2 };
  void Read(Want want);

  // Poll thread: the application is alive and busy with what it was given (max.poll.interval.ms); a rebalance that waits
  // is pushed.
  Result Poll();
  // Poll thread: the application has dealt with the rebalance; `partitions` are those to take over, with their offsets.
  Result CompleteRebalance(rd_kafka_t* rk, const rd_kafka_topic_partition_list_t* partitions);
  // How many rebalances the application has dealt with. Any thread.
  int32_t rebalances_answered() const { return rebalances_answered_; }
  // Who this member is, for the offsets of a transaction; fails if it is none, or if what had been read when
  // rebalances_answered() was as given may be another member's by now. -1: its partitions are its own by hand. Any thread.
  KafkaError Membership(int32_t rebalances, GroupMetadataHandle* metadata);
  // Command thread. Null commits what is stored.
  Result Commit(rd_kafka_t* rk, const rd_kafka_topic_partition_list_t* offsets);

 protected:
  void OnOpen(rd_kafka_t* rk) override;
  std::chrono::milliseconds Serve(rd_kafka_t* rk) override;
  void OnEvent(EventHandle event) override;
  void OnClose(rd_kafka_t* rk, Clock::time_point deadline) override;
  void OnDestroy() override;

 private:
  struct Rebalance {
    rd_kafka_resp_err_t type = RD_KAFKA_RESP_ERR_NO_ERROR;
    SharedPartitionList partitions;
    bool lost = false;
    bool cooperative = false;
  };

  static void OnRebalance(rd_kafka_t* rk, rd_kafka_resp_err_t type,
                          rd_kafka_topic_partition_list_t* partitions, void* opaque);
  static KafkaError Assign(rd_kafka_t* rk, const Rebalance& rebalance,
                           const rd_kafka_topic_partition_list_t* partitions);
  // How many messages it got, of at most `limit`; they are pushed, or dropped when closing.
  size_t Drain(bool drop, size_t limit);
  void PushMessages(size_t count);
  void PushRebalance();
  size_t BatchLimit() const;

  QueueHandle queue_;
  std::chrono::milliseconds keep_alive_{0};  // between two drains that tell the group that somebody waits
  MessageSlabs slabs_;
  std::vector<rd_kafka_message_t*> messages_;
  size_t average_size_ = 1024;        // of a message, bytes
  std::deque<Rebalance> rebalances_;  // the first is being dealt with; one may follow before it is through
  bool rebalance_new_ = false;        // not pushed yet
  bool closing_ = false;              // leaving the group
  bool gave_up_ = false;              // while leaving: no rebalance is true any more
  std::atomic<Want> want_{Want::kNothing};
  std::atomic<int32_t> rebalances_answered_{0};
};

}  // namespace odradek

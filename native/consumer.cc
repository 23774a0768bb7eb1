#include "consumer.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace odradek {

namespace {
constexpr size_t kMaxBatch = 1024;
// A drain takes about this much, whatever the messages' size: crossing for less costs a tenth of the time at 1 KiB.
constexpr size_t kBatchBytes = 1024 * 1024;
constexpr std::chrono::milliseconds kIdle(10'000);
// While the application waits, the group hears of it this often, or four times in max.poll.interval.ms.
constexpr std::chrono::milliseconds kKeepAlive(5'000);
constexpr int kCommitSliceMs = 100;
// What is said of a slab: lib/consumer-reading.ts.
constexpr int kLastOfAnswer = 1;
constexpr int kHasErrors = 2;

Napi::Value SlotsToJs(Napi::Env env, const std::vector<PartitionSlots::Slot>& slots) {
  if (slots.empty()) return env.Null();
  Napi::Array array = Napi::Array::New(env, slots.size());
  for (size_t i = 0; i < slots.size(); i++) {
    Napi::Object slot = Napi::Object::New(env);
    slot.Set("topic", Napi::String::New(env, slots[i].topic));
    slot.Set("partition", Napi::Number::New(env, slots[i].partition));
    array.Set(static_cast<uint32_t>(i), slot);
  }
  return array;
}

std::chrono::milliseconds KeepAliveOf(const rd_kafka_conf_t* conf) {
  std::array<char, 32> value{};
  size_t size = value.size();
  if (rd_kafka_conf_get(conf, "max.poll.interval.ms", value.data(), &size) != RD_KAFKA_CONF_OK)
    return kKeepAlive;
  const std::chrono::milliseconds interval(std::strtol(value.data(), nullptr, 10));
  return std::clamp(interval / 4, std::chrono::milliseconds(1), kKeepAlive);
}
}  // namespace

Consumer::Consumer(ConfHandle conf, std::shared_ptr<JsChannel> channel)
    : Client(
          RD_KAFKA_CONSUMER,
          [&] {
            rd_kafka_conf_set_rebalance_cb(conf.get(), OnRebalance);
            return std::move(conf);
          }(),
          std::move(channel)),
      messages_(kMaxBatch) {}

void Consumer::Read(Want want) {
  want_ = want;
  Notify();
}

void Consumer::OnOpen(rd_kafka_t* rk) {
  keep_alive_ = KeepAliveOf(rd_kafka_conf(rk));
  queue_.reset(rd_kafka_queue_get_consumer(rk));
  if (queue_) Watch(queue_.get());
}

std::chrono::milliseconds Consumer::Serve(rd_kafka_t*) {
  if (!queue_ || !rebalances_.empty()) return kIdle;
  const Want want = want_;
  if (want == Want::kNothing) return kIdle;
  // The wish is taken back before the messages are pushed: JavaScript may have the next wish at once.
  const size_t count = Drain(false, BatchLimit());
  if (!rebalances_.empty() || count > 0) return kIdle;
  return want == Want::kWait ? keep_alive_ : kIdle;
}

size_t Consumer::BatchLimit() const { return std::clamp<size_t>(kBatchBytes / average_size_, 1, kMaxBatch); }

// At most one message: JavaScript asks once for each message or batch that it has handed out since, so what waits outside
// librdkafka does not grow.
Result Consumer::Poll() {
  if (queue_ && rebalances_.empty()) Drain(false, 1);
  return Result::Ok();
}

size_t Consumer::Drain(bool drop, size_t limit) {
  const ssize_t got = rd_kafka_consume_batch_queue(queue_.get(), 0, messages_.data(), limit);
  const size_t count = got > 0 ? static_cast<size_t>(got) : 0;
  if (count > 0) {
    if (!drop) {
      want_ = Want::kNothing;
      // A consumer's fatal error comes as a message, ahead of which its cause has to be known.
      const auto is_fatal = [](const rd_kafka_message_t* m) { return m->err == RD_KAFKA_RESP_ERR__FATAL; };
      if (std::any_of(messages_.begin(), messages_.begin() + count, is_fatal)) PushFatalError();
      PushMessages(count);
    }
    for (size_t i = 0; i < count; i++) rd_kafka_message_destroy(messages_[i]);
  }
  if (rebalance_new_) PushRebalance();
  return count;
}

void Consumer::PushMessages(size_t count) {
  slabs_.StartBatch();
  size_t bytes = 0;
  for (size_t done = 0; done < count;) {
    Slab slab;
    bool has_errors = false;
    const size_t filled = slabs_.Fill(messages_.data() + done, count - done, &slab, &has_errors);
    done += filled;
    bytes += slab.size();
    Push([slab = std::move(slab), filled, last = done == count, has_errors, slots = slabs_.TakeNewSlots()](
             Napi::Env env, const Napi::Function& dispatch) mutable {
      Send(env, dispatch,
           {Napi::Number::New(env, static_cast<int>(Dispatch::kMessages)), slab.ToArrayBuffer(env),
            Napi::Number::New(env, static_cast<double>(filled)), SlotsToJs(env, slots),
            Napi::Number::New(env, (last ? kLastOfAnswer : 0) | (has_errors ? kHasErrors : 0))});
    });
  }
  average_size_ = std::max<size_t>(1, (average_size_ + bytes / count) / 2);
}

// Poll thread, inside a drain. Only noted: the messages drained before it go to the application first.
void Consumer::OnRebalance(rd_kafka_t* rk, rd_kafka_resp_err_t type,
                           rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  auto* self = static_cast<Consumer*>(static_cast<Client*>(opaque));
  // Left over in the queue. What has left its group answers nothing any more: each of the calls below would wait for ever.
  if (self->gave_up_ || rd_kafka_consumer_closed(rk)) return;
  const char* protocol = rd_kafka_rebalance_protocol(rk);
  Rebalance rebalance;
  rebalance.type = type;
  rebalance.partitions = Share(rd_kafka_topic_partition_list_copy(partitions));
  rebalance.lost = rd_kafka_assignment_lost(rk) != 0;
  rebalance.cooperative = protocol != nullptr && std::strcmp(protocol, "COOPERATIVE") == 0;
  if (self->rebalances_.empty()) self->rebalance_new_ = true;
  self->rebalances_.push_back(std::move(rebalance));
}

void Consumer::PushRebalance() {
  rebalance_new_ = false;
  Push([rebalance = rebalances_.front()](Napi::Env env, const Napi::Function& dispatch) {
    Send(env, dispatch,
         {Napi::Number::New(env, static_cast<int>(Dispatch::kRebalance)),
          Napi::Number::New(env, rebalance.type), PartitionListToJs(env, rebalance.partitions.get()),
          Napi::Boolean::New(env, rebalance.lost), Napi::Boolean::New(env, rebalance.cooperative)});
  });
}

Result Consumer::CompleteRebalance(rd_kafka_t* rk, const rd_kafka_topic_partition_list_t* partitions) {
  if (rebalances_.empty()) return Result::Ok();
  // Ahead of what it allows librdkafka to do: see Membership.
  rebalances_answered_++;
  const Rebalance rebalance = std::move(rebalances_.front());
  rebalances_.pop_front();
  if (rd_kafka_consumer_closed(rk)) return Result::Ok();
  KafkaError error = Assign(rk, rebalance, partitions);
  // librdkafka waits until it is told something that it accepts.
  if (error) rd_kafka_assign(rk, nullptr);
  // While it leaves the group, it takes whatever it is told as giving everything up.
  gave_up_ = closing_;
  if (gave_up_) rebalances_.clear();
  if (!rebalances_.empty()) PushRebalance();
  return Result::Fail(std::move(error));
}

KafkaError Consumer::Assign(rd_kafka_t* rk, const Rebalance& rebalance,
                            const rd_kafka_topic_partition_list_t* partitions) {
  if (rebalance.type == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    const rd_kafka_topic_partition_list_t* list = partitions ? partitions : rebalance.partitions.get();
    if (!rebalance.cooperative) return KafkaError::Of(rd_kafka_assign(rk, list));
    return KafkaError::Of(ErrorHandle(rd_kafka_incremental_assign(rk, list)));
  }
  if (!rebalance.cooperative) return KafkaError::Of(rd_kafka_assign(rk, nullptr));
  return KafkaError::Of(ErrorHandle(rd_kafka_incremental_unassign(rk, rebalance.partitions.get())));
}

// A member that the group has given up has no id until it joins again, and a broker takes offsets without one from
// anybody: they would count although the partitions, and so the messages, are somebody else's. The metadata comes
// first: if the membership ends after that, it is of an earlier generation, and brokers refuse it.
KafkaError Consumer::Membership(int32_t rebalances, GroupMetadataHandle* metadata) {
  KafkaError error = stopping() ? KafkaError::Of(RD_KAFKA_RESP_ERR__DESTROY, "The consumer is closed")
                                : KafkaError::Of(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
                                                 "The consumer has not joined its group yet");
  WithHandle([&](rd_kafka_t* rk) {
    metadata->reset(rd_kafka_consumer_group_metadata(rk));
    if (!*metadata) {
      error = KafkaError::Of(RD_KAFKA_RESP_ERR__DESTROY, "The consumer is closed");
      return;
    }
    error = KafkaError();
    if (rebalances < 0) return;
    const rd_kafka_consumer_group_metadata_t* who = metadata->get();
    const char* member = rd_kafka_consumer_group_metadata_member_id(who);
    const bool is_member =
        member != nullptr && *member != '\0' && rd_kafka_consumer_group_metadata_generation_id(who) >= 0;
    if (is_member && !rd_kafka_assignment_lost(rk) && rebalances_answered_ == rebalances) return;
    error = KafkaError::Of(
        RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
        std::string("The consumer is not a member of group '") +
            rd_kafka_consumer_group_metadata_group_id(who) +
            "' any more, or its partitions have changed: what it has read may be another's now");
    error.txn_requires_abort = true;
  });
  return error;
}

Result Consumer::Commit(rd_kafka_t* rk, const rd_kafka_topic_partition_list_t* offsets) {
  QueueHandle queue(rd_kafka_queue_new(rk));
  rd_kafka_resp_err_t code = rd_kafka_commit_queue(rk, offsets, queue.get(), nullptr, nullptr);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return Result::Fail(KafkaError::Of(code));
  EventHandle event;
  while (!event && !stopping()) event.reset(rd_kafka_queue_poll(queue.get(), kCommitSliceMs));
  if (!event) return Result::Fail(KafkaError::Of(RD_KAFKA_RESP_ERR__DESTROY));
  Result result;
  const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event.get());
  SharedPartitionList copy = list ? Share(rd_kafka_topic_partition_list_copy(list)) : nullptr;
  result.error = KafkaError::Of(rd_kafka_event_error(event.get()));
  result.value = [copy](Napi::Env env) { return PartitionListToJs(env, copy.get()); };
  return result;
}

void Consumer::OnEvent(EventHandle event) {
  if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_OFFSET_COMMIT) return;
  const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event.get());
  Push([error = KafkaError::Of(rd_kafka_event_error(event.get())),
        copy = list ? Share(rd_kafka_topic_partition_list_copy(list)) : nullptr](
           Napi::Env env, const Napi::Function& dispatch) {
    Send(env, dispatch,
         {Napi::Number::New(env, static_cast<int>(Dispatch::kOffsetCommit)), error.ToJs(env),
          PartitionListToJs(env, copy.get())});
  });
}

// Leaves the group: the revocation is still handled by the application, whose answer comes through the mailbox.
void Consumer::OnClose(rd_kafka_t* rk, Clock::time_point deadline) {
  if (!queue_) return;
  closing_ = true;
  ErrorHandle error(rd_kafka_consumer_close_queue(rk, queue_.get()));
  if (error) return;
  while (!rd_kafka_consumer_closed(rk) && Clock::now() < deadline && !stopping()) {
    if (rebalances_.empty()) Drain(true, kMaxBatch);
    ServeOnce(rk, std::chrono::milliseconds(20));
  }
  // What is still queued refers to partitions, and so to brokers: rd_kafka_destroy would wait for it for ever, since it
  // purges the queue of a consumer only when it closes it itself.
  while (rd_kafka_consumer_closed(rk) && rd_kafka_queue_length(queue_.get()) > 0) Drain(true, kMaxBatch);
}

void Consumer::OnDestroy() {
  if (queue_) rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  queue_.reset();
}

}  // namespace odradek

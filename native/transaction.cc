#include "transaction.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace odradek {

namespace {
using Clock = Client::Clock;
using std::chrono::milliseconds;

// Long for librdkafka's main thread, short for whoever closes.
constexpr milliseconds kSlice(500);
// Before a call is resumed that failed at once.
constexpr milliseconds kBackoff(20);

milliseconds Left(Clock::time_point deadline) {
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(deadline - Clock::now()));
}

bool GaveUp(const Producer* producer) { return producer->stopping() || producer->transaction_interrupted(); }

KafkaError TimedOut(const char* what) {
  KafkaError error = KafkaError::Of(RD_KAFKA_RESP_ERR__TIMED_OUT, what);
  error.retriable = true;
  return error;
}

// Why the open transaction cannot be committed, if so. There is no call that asks for it, but beginning a
// transaction while one is open never succeeds, and says it.
KafkaError TransactionError(rd_kafka_t* rk) {
  KafkaError error = KafkaError::Of(ErrorHandle(rd_kafka_begin_transaction(rk)));
  return error.fatal || error.txn_requires_abort ? error : KafkaError();
}
KafkaError CallOnce(rd_kafka_t* rk, TransactionCall call, int timeout) {
  switch (call) {
    case TransactionCall::kInit:
      return KafkaError::Of(ErrorHandle(rd_kafka_init_transactions(rk, timeout)));
    case TransactionCall::kBegin:
      return KafkaError::Of(ErrorHandle(rd_kafka_begin_transaction(rk)));
    case TransactionCall::kCommit:
      return KafkaError::Of(ErrorHandle(rd_kafka_commit_transaction(rk, timeout)));
    case TransactionCall::kAbort:
      return KafkaError::Of(ErrorHandle(rd_kafka_abort_transaction(rk, timeout)));
    case TransactionCall::kReason:
      return TransactionError(rk);
    case TransactionCall::kCommitAndBegin:  // is two
      break;
  }
  return KafkaError::Of(RD_KAFKA_RESP_ERR__INVALID_ARG);
}

// Some calls return the error of a request without saying that it has been fatal.
KafkaError WithFatality(rd_kafka_t* rk, KafkaError error) {
  ErrorText text;
  if (error && rd_kafka_fatal_error(rk, text.data(), text.size()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    error.fatal = true;
    error.retriable = false;
    error.txn_requires_abort = false;
  }
  return error;
}

KafkaError Complete(Producer* producer, rd_kafka_t* rk, TransactionCall call, Clock::time_point deadline) {
  // Records that the producing thread still has belong to this transaction. (An abort has given them up
  // before.)
  const bool ends = call == TransactionCall::kCommit || call == TransactionCall::kAbort;
  if (ends && !producer->WaitHandedOver(deadline)) {
    return TimedOut("Records handed over were not taken by librdkafka's queue in time");
  }
  for (;;) {
    const auto slice = std::min(Left(deadline), kSlice);
    KafkaError error = WithFatality(rk, CallOnce(rk, call, static_cast<int>(slice.count())));
    if (call == TransactionCall::kBegin && !error) producer->ForgetFailedRecords();
    if (!error.retriable || call == TransactionCall::kBegin) return error;
    if (GaveUp(producer) || Left(deadline) == milliseconds(0)) return error;
    if (error.code != RD_KAFKA_RESP_ERR__TIMED_OUT)
      std::this_thread::sleep_for(std::min(Left(deadline), kBackoff));
  }
}

Result Outcome(Committed committed) {
  Result result;
  result.value = [committed](Napi::Env env) { return Napi::Number::New(env, static_cast<int>(committed)); };
  return result;
}
}  // namespace

Result CallTransaction(Producer* producer, rd_kafka_t* rk, TransactionCall call, Clock::time_point deadline) {
  if (call != TransactionCall::kCommitAndBegin) return Result::Fail(Complete(producer, rk, call, deadline));
  KafkaError error = Complete(producer, rk, TransactionCall::kCommit, deadline);
  if (error) return Result::Fail(std::move(error));
  const bool begun = !Complete(producer, rk, TransactionCall::kBegin, deadline);
  return Outcome(begun ? Committed::kNextBegun : Committed::kYes);
}

Result FlushTransaction(Producer* producer, rd_kafka_t* rk, Clock::time_point deadline) {
  for (;;) {
    if (producer->FlushSlice(rk, deadline)) return Result::Ok();
    // What is left may wait for something that an error has made impossible.
    KafkaError error = TransactionError(rk);
    if (error) return Result::Fail(std::move(error));
    if (GaveUp(producer) || Left(deadline) == milliseconds(0)) {
      return Result::Fail(TimedOut("Messages of the transaction are not delivered yet"));
    }
  }
}

GroupMetadataSource WrittenGroupMetadata(std::vector<uint8_t> bytes) {
  return [bytes = std::move(bytes)](GroupMetadataHandle* metadata) {
    rd_kafka_consumer_group_metadata_t* read = nullptr;
    KafkaError error =
        KafkaError::Of(ErrorHandle(rd_kafka_consumer_group_metadata_read(&read, bytes.data(), bytes.size())));
    metadata->reset(read);
    return error;
  };
}

Result SendOffsets(Producer* producer, rd_kafka_t* rk, const rd_kafka_topic_partition_list_t* offsets,
                   const GroupMetadataSource& source, Clock::time_point deadline) {
  // While the records are on their way.
  GroupMetadataHandle metadata;
  KafkaError error = source(&metadata);
  if (error) return Result::Fail(std::move(error));
  Result flushed = FlushTransaction(producer, rk, deadline);
  if (flushed.error) return flushed;
  for (;;) {
    const auto left = std::max(Left(deadline), milliseconds(1));
    error = KafkaError::Of(ErrorHandle(
        rd_kafka_send_offsets_to_transaction(rk, offsets, metadata.get(), static_cast<int>(left.count()))));
    error = WithFatality(rk, std::move(error));
    if (!error.retriable || GaveUp(producer) || Left(deadline) == milliseconds(0)) {
      return Result::Fail(std::move(error));
    }
    std::this_thread::sleep_for(std::min(Left(deadline), kBackoff));
  }
}

namespace {
// While the end of a transaction is on its way: its answer comes right after the reports, and one wake-up is enough.
class ReportsWait {
 public:
  explicit ReportsWait(Producer* producer) : producer_(producer) { producer_->LetReportsWait(true); }
  ~ReportsWait() { producer_->LetReportsWait(false); }
  ReportsWait(const ReportsWait&) = delete;
  ReportsWait& operator=(const ReportsWait&) = delete;

 private:
  Producer* const producer_;
};

}  // namespace

Result CommitWithOffsets(Producer* producer, rd_kafka_t* rk, const rd_kafka_topic_partition_list_t* offsets,
                         const GroupMetadataSource& source, Clock::time_point deadline) {
  ReportsWait reports_wait(producer);
  Result sent = SendOffsets(producer, rk, offsets, source, deadline);
  if (sent.error) return sent;
  if (producer->failed_records() > 0) return Outcome(Committed::kNot);
  Result committed = CallTransaction(producer, rk, TransactionCall::kCommitAndBegin, deadline);
  if (!committed.error) return committed;
  return Outcome(committed.error.retriable ? Committed::kUnfinished : Committed::kNot);
}

namespace {
KafkaError Write(const rd_kafka_consumer_group_metadata_t* metadata, std::vector<uint8_t>* bytes) {
  void* buffer = nullptr;
  size_t size = 0;
  KafkaError error =
      KafkaError::Of(ErrorHandle(rd_kafka_consumer_group_metadata_write(metadata, &buffer, &size)));
  if (error) return error;
  const auto* from = static_cast<const uint8_t*>(buffer);
  bytes->assign(from, from + size);
  rd_kafka_mem_free(nullptr, buffer);
  return error;
}

std::string TextOf(const char* text) { return text == nullptr ? "" : text; }
}  // namespace

Result GroupMetadata(rd_kafka_t* rk) {
  GroupMetadataHandle metadata(rd_kafka_consumer_group_metadata(rk));
  if (!metadata)
    return Result::Fail(KafkaError::Of(RD_KAFKA_RESP_ERR__STATE, "The consumer has no group.id"));
  std::vector<uint8_t> bytes;
  Result result = Result::Fail(Write(metadata.get(), &bytes));
  const char* instance = rd_kafka_consumer_group_metadata_group_instance_id(metadata.get());
  result.value =
      [bytes = std::move(bytes), group = TextOf(rd_kafka_consumer_group_metadata_group_id(metadata.get())),
       generation = rd_kafka_consumer_group_metadata_generation_id(metadata.get()),
       member = TextOf(rd_kafka_consumer_group_metadata_member_id(metadata.get())),
       is_static = instance != nullptr, instance = TextOf(instance)](Napi::Env env) -> Napi::Value {
    Napi::Object object = Napi::Object::New(env);
    object.Set("bytes", Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size()));
    object.Set("groupId", Napi::String::New(env, group));
    object.Set("generationId", Napi::Number::New(env, generation));
    object.Set("memberId", Napi::String::New(env, member));
    object.Set("groupInstanceId", is_static ? Napi::Value(Napi::String::New(env, instance)) : env.Null());
    return object;
  };
  return result;
}

}  // namespace odradek

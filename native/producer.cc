#include "producer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace odradek {

namespace {
// One record, or so few and small ones, are produced on the JS thread itself, if nothing is ahead of them.
constexpr uint32_t kInlineRecords = 32;
constexpr size_t kInlineBytes = 64 * 1024;
// Records given to librdkafka in one rd_kafka_produce_batch call.
constexpr size_t kRun = 512;
constexpr std::chrono::milliseconds kFlushSlice(50);
// Of which this much, at most, is for records on their way to librdkafka.
constexpr std::chrono::milliseconds kHandOverSlice(20);
// How long closing waits for the reports of what it purged.
constexpr std::chrono::milliseconds kPurgeWait(2'000);

bool IsPlain(const RecordView& record) {
  return record.partition() == RD_KAFKA_PARTITION_UA && record.header_count() == 0 && record.timestamp() == 0;
}

int32_t SizeOf(const RecordView& record) {
  return std::max(record.key_length(), 0) + std::max(record.value_length(), 0);
}
}  // namespace

Producer::Producer(ConfHandle conf, std::shared_ptr<JsChannel> channel)
    : Client(RD_KAFKA_PRODUCER, std::move(conf), std::move(channel)) {}

bool Producer::Produce(uint32_t slab, const uint8_t* bytes, size_t size, uint32_t count) {
  Job job{slab, bytes, size, 0};
  bool inline_now = false;
  {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    job.sequence = next_sequence_++;
    const bool few = count == 1 || (count <= kInlineRecords && size <= kInlineBytes);
    inline_now = few && !producing_ && queue_.empty();
    if (inline_now) producing_ = true;
  }
  if (inline_now) {
    const uint8_t* end = bytes + size;
    const uint8_t* at = bytes;
    DeliverySlab failures;
    WithHandle([&](rd_kafka_t* rk) { at = ProduceRecords(rk, bytes, end, &failures); });
    PushReports(&failures);
    {
      std::lock_guard<std::mutex> lock(queue_mutex_);
      producing_ = false;
      // Not open yet, or full: the producing thread waits, the JS thread does not.
      job.bytes = at;
      job.size = static_cast<size_t>(end - at);
    }
    queue_changed_.notify_all();  // whoever waits for what was handed over
    if (at == end) return true;
  }
  {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    queue_.push_back(job);
    if (!thread_.joinable()) thread_ = std::thread([this] { ProduceLoop(); });
  }
  queue_changed_.notify_all();
  return false;
}

void Producer::ProduceLoop() {
  for (;;) {
    Job job;
    {
      std::unique_lock<std::mutex> lock(queue_mutex_);
      producing_ = false;
      queue_changed_.notify_all();
      queue_changed_.wait(lock, [this] { return stopping() || !queue_.empty(); });
      if (queue_.empty()) return;
      job = queue_.front();
      queue_.pop_front();
      producing_ = true;
    }
    const uint8_t* end = job.bytes + job.size;
    DeliverySlab failures;
    while (job.bytes != end) {
      bool open = false;
      if (!stopping() && job.sequence > purged_until_) {
        open = WithHandle([&](rd_kafka_t* rk) { job.bytes = ProduceRecords(rk, job.bytes, end, &failures); });
      }
      if (job.bytes == end) break;
      if (stopping() || job.sequence <= purged_until_) {
        FailRecords(job.bytes, end, RD_KAFKA_RESP_ERR__PURGE_QUEUE, &failures);
        break;
      }
      PushReports(&failures);
      const KafkaError open_error = open ? KafkaError() : OpenError();
      if (open_error) {
        FailRecords(job.bytes, end, open_error.code, &failures);
        break;
      }
      WaitForRoom();
    }
    PushReports(&failures);
    // Its records' reports come soon, and JavaScript has other slabs.
    PushLater([slab = job.slab](Napi::Env env, const Napi::Function& dispatch) {
      Send(env, dispatch,
           {Napi::Number::New(env, static_cast<int>(Dispatch::kSlabFree)), Napi::Number::New(env, slab)});
    });
  }
}

// The queue was full (or the handle is not open yet): wait until reports make room, or for a moment.
void Producer::WaitForRoom() {
  std::unique_lock<std::mutex> lock(room_mutex_);
  const uint64_t seen = reports_seen_;
  room_.wait_for(lock, std::chrono::milliseconds(10), [&] { return stopping() || reports_seen_ != seen; });
}

const uint8_t* Producer::ProduceRecords(rd_kafka_t* rk, const uint8_t* bytes, const uint8_t* end,
                                        DeliverySlab* failures) {
  while (bytes != end) {
    RecordView record(bytes);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_t* topic = TopicFor(rk, record.topic(), &error);
    if (topic != nullptr && IsPlain(record)) {
      const uint8_t* next = ProducePlainRun(topic, bytes, end, failures);
      if (next == bytes) return bytes;
      bytes = next;
      continue;
    }
    if (topic != nullptr) error = ProduceOne(rk, topic, record);
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) return bytes;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      failures->AddFailure(record.id(), error, record.topic(), record.partition(), SizeOf(record));
      if (failures->full()) PushReports(failures);
    }
    bytes += record.length();
  }
  return bytes;
}

// A run of records for one topic with nothing but key and value: one call, which takes the topic's lock once.
// (Records with a partition of their own are not given to rd_kafka_produce_batch: it leaks them when the partition
// does not exist, and a flush would wait for them for ever.)
const uint8_t* Producer::ProducePlainRun(rd_kafka_topic_t* topic, const uint8_t* bytes, const uint8_t* end,
                                         DeliverySlab* failures) {
  std::array<rd_kafka_message_t, kRun> messages;
  std::array<const uint8_t*, kRun> records;
  const int32_t topic_id = RecordView(bytes).topic();
  size_t count = 0;
  const uint8_t* at = bytes;
  while (at != end && count < kRun) {
    RecordView record(at);
    if (record.topic() != topic_id || !IsPlain(record)) break;
    rd_kafka_message_t& message = messages[count];
    message.err = RD_KAFKA_RESP_ERR_NO_ERROR;
    message.payload = const_cast<uint8_t*>(record.value());
    message.len = static_cast<size_t>(std::max(record.value_length(), 0));
    message.key = const_cast<uint8_t*>(record.key());
    message.key_len = static_cast<size_t>(std::max(record.key_length(), 0));
    message._private = reinterpret_cast<void*>(static_cast<uintptr_t>(record.id()));
    records[count++] = at;
    at += record.length();
  }
  const int produced = rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                                              messages.data(), static_cast<int>(count));
  if (static_cast<size_t>(produced) == count) return at;
  for (size_t i = 0; i < count; i++) {
    if (messages[i].err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    if (messages[i].err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
      return records[i];  // all after it failed for this too
    RecordView record(records[i]);
    failures->AddFailure(record.id(), messages[i].err, topic_id, RD_KAFKA_PARTITION_UA, SizeOf(record));
    if (failures->full()) PushReports(failures);
  }
  return at;
}

rd_kafka_resp_err_t Producer::ProduceOne(rd_kafka_t* rk, rd_kafka_topic_t* topic, const RecordView& record) {
  std::array<rd_kafka_vu_t, 8> arguments;
  size_t count = 0;
  auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    arguments[count].vtype = type;
    return arguments[count++];
  };
  add(RD_KAFKA_VTYPE_RKT).u.rkt = topic;
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 = record.partition();
  add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  rd_kafka_vu_t& value = add(RD_KAFKA_VTYPE_VALUE);
  value.u.mem.ptr = const_cast<uint8_t*>(record.value());
  value.u.mem.size = static_cast<size_t>(std::max(record.value_length(), 0));
  rd_kafka_vu_t& key = add(RD_KAFKA_VTYPE_KEY);
  key.u.mem.ptr = const_cast<uint8_t*>(record.key());
  key.u.mem.size = static_cast<size_t>(std::max(record.key_length(), 0));
  add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = reinterpret_cast<void*>(static_cast<uintptr_t>(record.id()));
  if (record.timestamp() != 0) add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = record.timestamp();
  HeadersHandle headers;
  if (record.header_count() > 0) {
    headers.reset(rd_kafka_headers_new(static_cast<size_t>(record.header_count())));
    const uint8_t* at = record.headers();
    for (int32_t i = 0; i < record.header_count(); i++) {
      const int32_t name_length = RecordView::IntAt(at);
      const int32_t value_length = RecordView::IntAt(at + 4);
      const uint8_t* name = at + 8;
      const uint8_t* bytes = value_length < 0 ? nullptr : name + name_length;
      rd_kafka_header_add(headers.get(), reinterpret_cast<const char*>(name), name_length, bytes,
                          std::max(value_length, 0));
      at = name + name_length + std::max(value_length, 0);
    }
    add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers.get();
  }
  ErrorHandle error(rd_kafka_produceva(rk, arguments.data(), count));
  if (error) return rd_kafka_error_code(error.get());
  headers.release();  // produceva took them
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void Producer::FailRecords(const uint8_t* bytes, const uint8_t* end, rd_kafka_resp_err_t error,
                           DeliverySlab* failures) {
  while (bytes != end) {
    RecordView record(bytes);
    failures->AddFailure(record.id(), error, record.topic(), record.partition(), SizeOf(record));
    if (failures->full()) PushReports(failures);
    bytes += record.length();
  }
}

void Producer::PurgeHandedOver() {
  {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    purged_until_ = next_sequence_ - 1;
  }
  WakeAll();
}

bool Producer::WaitHandedOver(Clock::time_point deadline) {
  std::unique_lock<std::mutex> lock(queue_mutex_);
  const bool handed_over = queue_changed_.wait_until(
      lock, deadline, [this] { return stopping() || (queue_.empty() && !producing_); });
  return handed_over && !stopping();
}

bool Producer::FlushSlice(rd_kafka_t* rk, Clock::time_point deadline) {
  const Clock::time_point now = Clock::now();
  const Clock::time_point end = std::min(deadline, now + kFlushSlice);
  // Not to the end: records may be waiting for room that those which linger take, and only rd_kafka_flush sends these.
  const bool handed_over = WaitHandedOver(std::min(end, now + kHandOverSlice));
  if (stopping()) return false;
  // Delivery-report events: the poll thread serves them.
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
  const auto error = rd_kafka_flush(rk, static_cast<int>(std::max<int64_t>(left.count(), 0)));
  return handed_over && error == RD_KAFKA_RESP_ERR_NO_ERROR;
}

KafkaError Producer::Purge(rd_kafka_t* rk, int flags) {
  // Its records have been given up by now but for those of the call to librdkafka that is under way.
  if (flags & RD_KAFKA_PURGE_F_QUEUE) WaitHandedOver(Clock::now() + kFlushSlice);
  return KafkaError::Of(rd_kafka_purge(rk, flags));
}

void Producer::OnEvent(EventHandle event) {
  if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) return;
  DeliverySlab reports;
  reports.Reserve(rd_kafka_event_message_count(event.get()));
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
    reports.AddReport(message);
    if (reports.full()) PushReports(&reports);
  }
  PushReports(&reports);
  {
    std::lock_guard<std::mutex> lock(room_mutex_);
    reports_seen_++;
  }
  room_.notify_one();
}

void Producer::PushReports(DeliverySlab* reports) {
  if (reports->empty()) return;
  failed_records_ += reports->failed();
  {
    std::lock_guard<std::mutex> lock(reports_mutex_);
    reports_.push_back(std::exchange(*reports, DeliverySlab()));
    if (std::exchange(reports_announced_, true)) return;
  }
  auto announce = [](Napi::Env env, const Napi::Function& dispatch) {
    Send(env, dispatch, {Napi::Number::New(env, static_cast<int>(Dispatch::kDelivery))});
  };
  PushLater(announce);
  // As long as they may wait, an answer is still to come, and with it a wake-up.
  if (!reports_may_wait_) channel().Ring();
}

size_t Producer::TakeReports(uint8_t* to, size_t rows) {
  size_t taken = 0;
  DeliverySlab done;  // freed after the lock
  while (taken < rows) {
    std::lock_guard<std::mutex> lock(reports_mutex_);
    if (reports_.empty()) {
      reports_announced_ = false;
      break;
    }
    DeliverySlab& first = reports_.front();
    const size_t count = std::min(rows - taken, first.count() - reports_taken_);
    std::memcpy(to + taken * sizeof(DeliveryRow), first.row(reports_taken_), count * sizeof(DeliveryRow));
    taken += count;
    reports_taken_ += count;
    if (reports_taken_ < first.count()) break;
    done = std::move(first);
    reports_.pop_front();
    reports_taken_ = 0;
  }
  return taken;
}

void Producer::OnOpen(rd_kafka_t*) { WakeAll(); }

void Producer::OnStopping() { WakeAll(); }

// The locks are taken so that no thread is between looking at the condition and going to sleep.
void Producer::WakeAll() {
  { std::lock_guard<std::mutex> lock(queue_mutex_); }
  queue_changed_.notify_all();
  {
    std::lock_guard<std::mutex> lock(room_mutex_);
    reports_seen_++;
  }
  room_.notify_all();
}

// What was not delivered by now is given up, and reported: a message never disappears silently.
void Producer::OnClose(rd_kafka_t* rk, Clock::time_point) {
  PurgeHandedOver();
  const Clock::time_point deadline = Clock::now() + kPurgeWait;
  while (rd_kafka_outq_len(rk) > 0 && Clock::now() < deadline) {
    rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    ServeOnce(rk, std::chrono::milliseconds(10));
  }
}

void Producer::OnDestroy() {
  std::thread thread;
  {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    thread.swap(thread_);
  }
  WakeAll();
  if (thread.joinable()) thread.join();
  std::lock_guard<std::mutex> lock(topics_mutex_);
  topics_.clear();
}

}  // namespace odradek

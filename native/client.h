// What every client shares: the rd_kafka_t, the poll thread that owns its queues, the command and query threads for
// calls that block, and the way back to JavaScript.
//
// Threads:
//   JS thread      constructs, Submit, Close, Abandon, and the calls that only take librdkafka's locks (WithHandle).
//   poll thread    opens and destroys the handle, serves the queues, runs poll-thread commands. Never touches JS.
//   command thread runs commands that block. It may use the handle while it runs: the poll thread joins it before
//                  destroying the handle.
//   query thread   the same for what a client asks about its cluster, and for flush and purge: in turns, a slice of time
//                  for each, so that none waits for another's answer, and no command for any of them.
//   lookup thread  what is asked of partitions' leaders, one after another, which no command waits for.
// The object lives until its threads are through and JavaScript has dropped its wrapper (shared_ptr).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>

#include "admin.h"
#include "handle.h"
#include "js_channel.h"
#include "kafka_error.h"
#include "worker_thread.h"

namespace odradek {

// What arrives at lib/'s dispatch function; lib/binding.ts has the same numbers and the arguments of each.
enum class Dispatch : int {
  kOpened = 0,
  kCommand = 1,
  kError = 2,
  kLog = 3,
  kStatistics = 4,
  kTokenRefresh = 5,
  kThrottle = 6,
  kTurn = 7,
  kDelivery = 10,
  kSlabFree = 11,
  kMessages = 20,
  kRebalance = 21,
  kOffsetCommit = 22,
};

// What a command leaves behind: an error, or a value built on the JS thread.
struct Result {
  KafkaError error;
  std::function<Napi::Value(Napi::Env)> value;
  bool later = false;  // the answer comes by itself
  bool again = false;  // no answer yet: to be called once more, when those that wait have had their turn

  static Result Ok() { return {}; }
  static Result Fail(KafkaError error) { return {std::move(error), nullptr}; }
  static Result Again() {
    Result result;
    result.again = true;
    return result;
  }
};

class Client : public std::enable_shared_from_this<Client> {
 public:
  using Work = std::function<Result(rd_kafka_t*)>;
  using Clock = std::chrono::steady_clock;
  enum class On { kPollThread, kCommandThread, kQueryThread, kLookupThread };
  // See JsChannel; a producer's reports look after the event loop's turns themselves (lib/producer-core.ts).
  static constexpr int kTurns = JsChannel::kNoTurns;

  Client(rd_kafka_type_t type, ConfHandle conf, std::shared_ptr<JsChannel> channel);
  virtual ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Start();
  // Runs `work` on the given thread once the handle is open; its result crosses as Dispatch::kCommand with `id`.
  void Submit(On thread, uint32_t id, Work work);
  // Starts an admin request; its result, a JSON text, crosses the same way.
  void SubmitAdmin(uint32_t id, AdminRequest request);
  // The last command: everything is stopped and destroyed, then `id` is answered. `deadline` bounds leaving the group.
  void Close(uint32_t id, Clock::time_point deadline);
  // The environment is going away: stop at once, wait a little, let the threads finish by themselves otherwise.
  void Abandon();

  // Calls `use` with the handle if it is open, from any thread; false if it is not. Only for calls that
  // are through at once, and call nobody back.
  template <typename F>
  bool WithHandle(F use) {
    std::shared_lock<std::shared_mutex> lock(handle_mutex_);
    if (rk_ == nullptr) return false;
    use(rk_);
    return true;
  }

  // For SASL PLAIN and SCRAM, from the next authentication on; kept for the handle while that is not open yet.
  KafkaError SetSaslCredentials(std::string user, std::string password);

  // Why rd_kafka_new failed, if it did.
  KafkaError OpenError();

  JsChannel& channel() { return *channel_; }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  // Closing has come to rd_kafka_destroy: nothing of ours is under way any more.
  bool destroying() const { return destroying_.load(std::memory_order_relaxed); }

 protected:
  // Poll thread. The handle has just been made; queues to be waited for are given to Watch.
  virtual void OnOpen(rd_kafka_t*) {}
  // Poll thread, after each wake-up: serve what is not the main queue's. Returns how long it may sleep.
  virtual std::chrono::milliseconds Serve(rd_kafka_t*) { return std::chrono::milliseconds(10'000); }
  // Poll thread. Delivery reports, and whatever else a client's main queue carries.
  virtual void OnEvent(EventHandle) {}
  // Poll thread. Leave the group and the like, until the deadline.
  virtual void OnClose(rd_kafka_t*, Clock::time_point) {}
  // Poll thread, before the handle is destroyed: let go of everything that refers to it.
  virtual void OnDestroy() {}
  // JS thread or poll thread: stopping() has become true; wake whatever thread of the client waits.
  virtual void OnStopping() {}

  template <typename F>
  void Push(F deliver) {
    channel_->Push(MakeJsItem(std::move(deliver)));
  }
  template <typename F>
  void PushLater(F deliver) {
    channel_->PushLater(MakeJsItem(std::move(deliver)));
  }
  // Poll thread. Which fatal error it was is asked for.
  void PushFatalError();
  // A queue whose transition from empty to non-empty wakes the poll thread.
  void Watch(rd_kafka_queue_t* queue);
  void Notify();
  // Poll thread: serve mailbox and main queue once, then sleep until notified or `timeout`.
  void ServeOnce(rd_kafka_t* rk, std::chrono::milliseconds timeout);

 private:
  void Run();
  bool Open();
  WorkerThread& WorkerOf(On thread);
  void Execute(On thread, uint32_t id, const Work& work);
  void Answer(uint32_t id, Result result);
  bool AnswerAdmin(rd_kafka_event_t* event);
  void GiveUpAdmin();
  void RunMailbox();
  void ServeMainQueue();
  void HandleEvent(EventHandle event);
  void PushError(rd_kafka_event_t* event);
  void PushError(KafkaError error);
  void Destroy();
  static void OnQueueEvent(rd_kafka_t*, void* opaque);
  static void OnThrottle(rd_kafka_t*, const char* broker, int32_t id, int ms, void* opaque);

  const rd_kafka_type_t type_;
  ConfHandle conf_;  // until Open
  const std::shared_ptr<JsChannel> channel_;

  std::shared_mutex handle_mutex_;  // guards rk_ against its destruction, and what is kept for it
  rd_kafka_t* rk_ = nullptr;
  std::optional<std::pair<std::string, std::string>> credentials_;  // given before there was a handle
  QueueHandle main_queue_;                                          // poll thread
  AdminRequests admin_;                                             // poll thread
  KafkaError open_error_;                                           // written before opened_

  std::mutex mutex_;  // guards the members below; never held over a call into librdkafka
  std::condition_variable wake_;
  std::condition_variable opened_or_done_;
  std::deque<std::function<void()>> mailbox_;
  bool notified_ = false;
  bool opened_ = false;
  bool done_ = false;
  bool close_requested_ = false;
  uint32_t close_id_ = 0;
  Clock::time_point close_deadline_;

  std::atomic<bool> stopping_{false};
  std::atomic<bool> destroying_{false};
  std::atomic<bool> abandoned_{false};
  WorkerThread commands_;
  WorkerThread queries_;
  WorkerThread lookups_;
};

}  // namespace odradek

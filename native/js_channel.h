// The way from a client's threads to JavaScript: any thread pushes items, one coalesced wake-up crosses, the JS
// thread delivers them in order. After Close (client closed, or its environment going away) nothing is delivered.
//
// Node calls a thread-safe function up to a thousand times before its event loop turns, and each time runs what the
// delivery resolved to the end. While more comes than is dealt with, timers and sockets would wait that long: after some
// milliseconds the rest waits for NextTurn, which lib/ calls from setImmediate.
//
// Threads: Push from any thread. Everything else on the JS thread of the environment that made the channel.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <utility>

#include "napi_setup.h"

namespace odradek {

// One thing to hand to JavaScript. Destroyed undelivered when the channel closes first.
class JsItem {
 public:
  virtual ~JsItem() = default;
  virtual void Deliver(Napi::Env env, const Napi::Function& dispatch) = 0;
};

// Makes an item of a (possibly move-only) callable (Napi::Env, const Napi::Function&) -> void.
template <typename F>
std::unique_ptr<JsItem> MakeJsItem(F function) {
  class Item final : public JsItem {
   public:
    explicit Item(F f) : function_(std::move(f)) {}
    void Deliver(Napi::Env env, const Napi::Function& dispatch) override { function_(env, dispatch); }

   private:
    F function_;
  };
  return std::make_unique<Item>(std::move(function));
}

// Calls lib/'s dispatch function. What that throws stays pending, and is dealt with after the delivery.
// (Napi::Function::Call would end the process when the environment is being taken down.)
void Send(Napi::Env env, const Napi::Function& dispatch, std::initializer_list<napi_value> arguments);

class JsChannel : public std::enable_shared_from_this<JsChannel> {
 public:
  static constexpr int kNoTurns = -1;
  // `turn_kind`: the dispatch function's first argument that asks lib/ to call NextTurn; none, and turns are not looked at.
  static std::shared_ptr<JsChannel> Create(Napi::Env env, const Napi::Function& dispatch,
                                           int turn_kind = kNoTurns);
  JsChannel(const JsChannel&) = delete;
  JsChannel& operator=(const JsChannel&) = delete;

  void Push(std::unique_ptr<JsItem> item);
  // For what nobody waits for: crosses with whatever is pushed next, or when some of it has gathered.
  void PushLater(std::unique_ptr<JsItem> item);
  // Has what was pushed cross.
  void Ring();

  // The process stays alive while there are holds; a client holds while somebody waits for it.
  void Hold();
  void Unhold();
  void Close();
  // The event loop has turned.
  void NextTurn(Napi::Env env, const Napi::Function& dispatch);

 private:
  using Clock = std::chrono::steady_clock;

  JsChannel() = default;
  static void OnWake(napi_env env, napi_value dispatch, void* context, void* data);
  static void OnFinalize(napi_env env, void* data, void* hint);
  void Wake(Napi::Env env, const Napi::Function& dispatch);
  void Drain(Napi::Env env, const Napi::Function& dispatch);

  std::mutex mutex_;  // guards items_, later_, open_ and the use of function_ against its release
  std::deque<std::unique_ptr<JsItem>> items_;
  int later_ = 0;  // pushed so, without a wake-up since
  bool open_ = false;
  napi_threadsafe_function function_ = nullptr;
  std::atomic<bool> wake_pending_{false};
  // JS thread only.
  napi_env env_ = nullptr;
  int holds_ = 0;
  int turn_kind_ = kNoTurns;
  Clock::time_point turn_began_;
  bool turn_awaited_ = false;  // NextTurn will be called
  bool held_back_ = false;     // until then
};

}  // namespace odradek

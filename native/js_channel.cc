#include "js_channel.h"

namespace odradek {

namespace {
// Items handed over in one wake-up; the rest wait for the next turn of the loop, so that it is never blocked.
constexpr int kItemsPerTurn = 16;
// After so long the event loop turns before more is handed over.
constexpr std::chrono::milliseconds kTurn(4);
// So many items that nobody waits for are worth a wake-up.
constexpr int kGathered = 8;

// While an environment is taken down, its handles still get a turn (before the cleanup hooks), but no JavaScript may
// run: then Node-API refuses whatever could, and node-addon-api ends the process for it. Ask with something harmless.
bool CanRunJavaScript(napi_env env) {
  napi_value probe = nullptr;
  napi_value value = nullptr;
  return napi_create_object(env, &probe) == napi_ok && napi_get_undefined(env, &value) == napi_ok &&
         napi_set_named_property(env, probe, "probe", value) == napi_ok;
}
}  // namespace

void Send(Napi::Env env, const Napi::Function& dispatch, std::initializer_list<napi_value> arguments) {
  napi_value result = nullptr;
  napi_call_function(env, env.Undefined(), dispatch, arguments.size(), arguments.begin(), &result);
}

std::shared_ptr<JsChannel> JsChannel::Create(Napi::Env env, const Napi::Function& dispatch, int turn_kind) {
  std::shared_ptr<JsChannel> channel(new JsChannel());
  channel->turn_kind_ = turn_kind;
  auto* keep = new std::shared_ptr<JsChannel>(channel);
  napi_value name = Napi::String::New(env, "odradek");
  napi_status status = napi_create_threadsafe_function(env, dispatch, nullptr, name, 0, 1, keep, OnFinalize,
                                                       channel.get(), OnWake, &channel->function_);
  if (status != napi_ok) {
    delete keep;
    return nullptr;
  }
  channel->env_ = env;
  channel->open_ = true;
  napi_unref_threadsafe_function(env, channel->function_);
  return channel;
}

void JsChannel::Push(std::unique_ptr<JsItem> item) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!open_) return;
    items_.push_back(std::move(item));
  }
  Ring();
}

void JsChannel::PushLater(std::unique_ptr<JsItem> item) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!open_) return;
    items_.push_back(std::move(item));
    if (++later_ < kGathered) return;
  }
  Ring();
}

void JsChannel::Ring() {
  if (wake_pending_.exchange(true)) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (open_) napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

void JsChannel::Hold() {
  if (++holds_ == 1 && open_) napi_ref_threadsafe_function(env_, function_);
}

void JsChannel::Unhold() {
  if (holds_ > 0 && --holds_ == 0 && open_) napi_unref_threadsafe_function(env_, function_);
}

void JsChannel::Close() {
  std::deque<std::unique_ptr<JsItem>> undelivered;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!open_) return;
    open_ = false;
    undelivered.swap(items_);
  }
  // Push and Wake look at open_ under the lock, so from here nobody else touches function_.
  napi_release_threadsafe_function(function_, napi_tsfn_abort);
}

void JsChannel::OnFinalize(napi_env, void* data, void*) {
  delete static_cast<std::shared_ptr<JsChannel>*>(data);
}

void JsChannel::OnWake(napi_env env, napi_value dispatch, void* context, void*) {
  if (env == nullptr || dispatch == nullptr) return;  // the environment is going away
  std::shared_ptr<JsChannel> self = static_cast<JsChannel*>(context)->shared_from_this();
  Napi::HandleScope scope(env);
  if (!CanRunJavaScript(env)) return;
  self->Wake(Napi::Env(env), Napi::Function(env, dispatch));
}

void JsChannel::Wake(Napi::Env env, const Napi::Function& dispatch) {
  if (turn_kind_ != kNoTurns) {
    const Clock::time_point now = Clock::now();
    if (!turn_awaited_) {
      turn_awaited_ = true;
      turn_began_ = now;
      Send(env, dispatch, {Napi::Number::New(env, turn_kind_)});
    }
    held_back_ = now - turn_began_ > kTurn;
    if (held_back_) return;  // wake_pending_ stays, so nobody rings meanwhile
  }
  Drain(env, dispatch);
}

void JsChannel::NextTurn(Napi::Env env, const Napi::Function& dispatch) {
  turn_awaited_ = false;
  if (std::exchange(held_back_, false)) Wake(env, dispatch);
}

void JsChannel::Drain(Napi::Env env, const Napi::Function& dispatch) {
  // Cleared first: what is pushed from here on rings again.
  wake_pending_.store(false);
  for (int i = 0; i < kItemsPerTurn; i++) {
    std::unique_ptr<JsItem> item;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      later_ = 0;
      if (!open_ || items_.empty()) return;
      item = std::move(items_.front());
      items_.pop_front();
    }
    Napi::HandleScope scope(env);
    item->Deliver(env, dispatch);
    bool pending = false;
    napi_value exception = nullptr;
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
        napi_get_and_clear_last_exception(env, &exception) == napi_ok) {
      // lib/ catches what users' handlers throw, so this is ours: an uncaught exception, not a crash.
      napi_fatal_exception(env, exception);
    }
  }
  Ring();
}

}  // namespace odradek

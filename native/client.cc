#include "client.h"

#include <thread>
#include <utility>

namespace odradek {

namespace {
// Events of the main queue served before the mailbox is looked at again.
constexpr int kEventsPerTurn = 64;
constexpr std::chrono::milliseconds kAbandonWait(1'000);
}  // namespace

Client::Client(rd_kafka_type_t type, ConfHandle conf, std::shared_ptr<JsChannel> channel)
    : type_(type), conf_(std::move(conf)), channel_(std::move(channel)) {}

Client::~Client() = default;

void Client::Start() {
  std::thread([self = shared_from_this()] { self->Run(); }).detach();
}

void Client::Submit(On thread, uint32_t id, Work work) {
  // The tasks keep the client alive; they are dropped when the client is done.
  auto task = [self = shared_from_this(), thread, id, work = std::move(work)] {
    self->Execute(thread, id, work);
  };
  if (thread != On::kPollThread) {
    WorkerOf(thread).Post(std::move(task));
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!done_) {
      mailbox_.push_back(std::move(task));
      notified_ = true;
    }
  }
  wake_.notify_one();
}

WorkerThread& Client::WorkerOf(On thread) {
  if (thread == On::kCommandThread) return commands_;
  return thread == On::kLookupThread ? lookups_ : queries_;
}

void Client::Execute(On thread, uint32_t id, const Work& work) {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    opened_or_done_.wait(lock, [this] { return opened_ || done_; });
  }
  Result result;
  if (open_error_) {
    result.error = open_error_;
  } else if (abandoned_) {
    return;
  } else {
    result = work(rk_);
  }
  if (result.again) {
    auto task = [self = shared_from_this(), thread, id, work] { self->Execute(thread, id, work); };
    if (WorkerOf(thread).Post(std::move(task))) return;
    result = Result::Fail(KafkaError::Of(RD_KAFKA_RESP_ERR__DESTROY, "The client is closed"));
  }
  if (!result.later) Answer(id, std::move(result));
}

void Client::Answer(uint32_t id, Result result) {
  Push([id, result = std::move(result)](Napi::Env env, const Napi::Function& dispatch) {
    Napi::Value value = result.value ? result.value(env) : env.Undefined();
    Send(env, dispatch,
         {Napi::Number::New(env, static_cast<int>(Dispatch::kCommand)), Napi::Number::New(env, id),
          result.error.ToJs(env), value});
  });
}

void Client::SubmitAdmin(uint32_t id, AdminRequest request) {
  Submit(On::kPollThread, id, [this, id, request = std::move(request)](rd_kafka_t* rk) {
    Result result = Result::Fail(admin_.Start(rk, main_queue_.get(), id, request));
    result.later = !result.error;
    return result;
  });
}

bool Client::AnswerAdmin(rd_kafka_event_t* event) {
  std::optional<AdminAnswer> answer = admin_.Finish(event);
  if (!answer) return false;
  Result result = Result::Fail(std::move(answer->error));
  result.value = [json = std::move(answer->json)](Napi::Env env) { return Napi::String::New(env, json); };
  Answer(answer->id, std::move(result));
  return true;
}

void Client::GiveUpAdmin() {
  for (uint32_t id : admin_.GiveUp()) {
    Answer(id, Result::Fail(KafkaError::Of(RD_KAFKA_RESP_ERR__DESTROY,
                                           "The client was closed before the answer came")));
  }
}

void Client::Close(uint32_t id, Clock::time_point deadline) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    close_requested_ = true;
    close_id_ = id;
    close_deadline_ = deadline;
    notified_ = true;
  }
  wake_.notify_one();
}

void Client::Abandon() {
  channel_->Close();
  abandoned_ = true;
  stopping_ = true;
  OnStopping();
  std::unique_lock<std::mutex> lock(mutex_);
  close_requested_ = true;
  close_deadline_ = Clock::now();
  notified_ = true;
  wake_.notify_one();
  // librdkafka's threads notice within milliseconds, unless one sits in a name look-up. The module is linked so that
  // it is never unloaded, so threads that take longer can finish by themselves.
  opened_or_done_.wait_for(lock, kAbandonWait, [this] { return done_; });
}

KafkaError Client::SetSaslCredentials(std::string user, std::string password) {
  std::unique_lock<std::shared_mutex> lock(handle_mutex_);
  if (rk_ != nullptr) {
    return KafkaError::Of(ErrorHandle(rd_kafka_sasl_set_credentials(rk_, user.c_str(), password.c_str())));
  }
  KafkaError error = OpenError();
  if (!error) credentials_.emplace(std::move(user), std::move(password));
  return error;
}

KafkaError Client::OpenError() {
  std::lock_guard<std::mutex> lock(mutex_);
  return open_error_;
}

void Client::Notify() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    notified_ = true;
  }
  wake_.notify_one();
}

// On a librdkafka thread, with the queue locked: no librdkafka call is allowed in here.
void Client::OnQueueEvent(rd_kafka_t*, void* opaque) { static_cast<Client*>(opaque)->Notify(); }

void Client::Watch(rd_kafka_queue_t* queue) { rd_kafka_queue_cb_event_enable(queue, OnQueueEvent, this); }

void Client::Run() {
  if (Open()) {
    rd_kafka_t* rk = rk_;
    std::chrono::milliseconds sleep(0);
    for (;;) {
      ServeOnce(rk, sleep);
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (close_requested_) break;
      }
      sleep = Serve(rk);
    }
    if (!abandoned_) OnClose(rk, close_deadline_);
    Destroy();
  } else {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!close_requested_) {
      lock.unlock();
      RunMailbox();
      lock.lock();
      wake_.wait(lock, [this] { return close_requested_ || !mailbox_.empty(); });
    }
    lock.unlock();
    stopping_ = true;
    OnStopping();
    commands_.Stop();
    queries_.Stop();
    lookups_.Stop();
  }
  RunMailbox();  // what was submitted last is answered, not forgotten
  uint32_t id = close_id_;
  Push([id](Napi::Env env, const Napi::Function& dispatch) {
    Send(env, dispatch,
         {Napi::Number::New(env, static_cast<int>(Dispatch::kCommand)), Napi::Number::New(env, id),
          env.Null(), env.Undefined()});
  });
  std::lock_guard<std::mutex> lock(mutex_);
  done_ = true;
  mailbox_.clear();
  opened_or_done_.notify_all();
}

bool Client::Open() {
  rd_kafka_conf_t* conf = conf_.get();
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_throttle_cb(conf, OnThrottle);
  ErrorText text;
  rd_kafka_t* rk = rd_kafka_new(type_, conf, text.data(), text.size());
  if (rk != nullptr) {
    conf_.release();  // rd_kafka_new took it
    rd_kafka_set_log_queue(rk, nullptr);
    main_queue_.reset(rd_kafka_queue_get_main(rk));
    Watch(main_queue_.get());
    {
      std::unique_lock<std::shared_mutex> lock(handle_mutex_);
      if (credentials_) {
        ErrorHandle(
            rd_kafka_sasl_set_credentials(rk, credentials_->first.c_str(), credentials_->second.c_str()));
        credentials_.reset();
      }
      rk_ = rk;
    }
    OnOpen(rk);
  } else {
    std::lock_guard<std::mutex> lock(mutex_);
    open_error_ = KafkaError::Of(rd_kafka_last_error(), text.data());
    if (!open_error_) open_error_.code = RD_KAFKA_RESP_ERR__INVALID_ARG;
    conf_.reset();
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    opened_ = true;
  }
  opened_or_done_.notify_all();
  Push([error = open_error_](Napi::Env env, const Napi::Function& dispatch) {
    Send(env, dispatch, {Napi::Number::New(env, static_cast<int>(Dispatch::kOpened)), error.ToJs(env)});
  });
  return rk != nullptr;
}

void Client::ServeOnce(rd_kafka_t*, std::chrono::milliseconds timeout) {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait_for(lock, timeout, [this] { return notified_; });
    notified_ = false;  // before serving: what comes from here on notifies again
  }
  RunMailbox();
  ServeMainQueue();
}

void Client::RunMailbox() {
  for (;;) {
    std::function<void()> task;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (mailbox_.empty()) return;
      task = std::move(mailbox_.front());
      mailbox_.pop_front();
    }
    task();
  }
}

void Client::ServeMainQueue() {
  for (int i = 0; i < kEventsPerTurn; i++) {
    EventHandle event(rd_kafka_queue_poll(main_queue_.get(), 0));
    if (!event) return;
    HandleEvent(std::move(event));
  }
  Notify();  // there may be more, and the queue only signals when it was empty
}

void Client::HandleEvent(EventHandle event) {
  switch (rd_kafka_event_type(event.get())) {
    case RD_KAFKA_EVENT_ERROR:
      PushError(event.get());
      break;
    case RD_KAFKA_EVENT_LOG: {
      const char* facility = nullptr;
      const char* text = nullptr;
      int level = 0;
      if (rd_kafka_event_log(event.get(), &facility, &text, &level) != 0) break;
      Push([level, facility = std::string(facility), text = std::string(text)](
               Napi::Env env, const Napi::Function& dispatch) {
        Send(env, dispatch,
             {Napi::Number::New(env, static_cast<int>(Dispatch::kLog)), Napi::Number::New(env, level),
              Napi::String::New(env, facility), Napi::String::New(env, text)});
      });
      break;
    }
    case RD_KAFKA_EVENT_STATS:
      Push([json = std::string(rd_kafka_event_stats(event.get()))](Napi::Env env,
                                                                   const Napi::Function& dispatch) {
        Send(env, dispatch,
             {Napi::Number::New(env, static_cast<int>(Dispatch::kStatistics)), Napi::String::New(env, json)});
      });
      break;
    case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH: {
      const char* config = rd_kafka_event_config_string(event.get());
      Push([config = std::string(config ? config : "")](Napi::Env env, const Napi::Function& dispatch) {
        Send(env, dispatch,
             {Napi::Number::New(env, static_cast<int>(Dispatch::kTokenRefresh)),
              Napi::String::New(env, config)});
      });
      break;
    }
    default:
      if (!AnswerAdmin(event.get())) OnEvent(std::move(event));
  }
}

void Client::PushError(rd_kafka_event_t* event) {
  const rd_kafka_resp_err_t code = rd_kafka_event_error(event);
  // _FATAL says only that there is a fatal error, and the event's own flag is not set for all of them.
  if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event)) {
    PushFatalError();
  } else {
    PushError(KafkaError::Of(code, rd_kafka_event_error_string(event)));
  }
}

void Client::PushFatalError() {
  ErrorText text;
  const rd_kafka_resp_err_t code = rd_kafka_fatal_error(rk_, text.data(), text.size());
  KafkaError error =
      KafkaError::Of(code == RD_KAFKA_RESP_ERR_NO_ERROR ? RD_KAFKA_RESP_ERR__FATAL : code, text.text);
  error.fatal = true;
  PushError(std::move(error));
}

void Client::PushError(KafkaError error) {
  Push([error = std::move(error)](Napi::Env env, const Napi::Function& dispatch) {
    Send(env, dispatch, {Napi::Number::New(env, static_cast<int>(Dispatch::kError)), error.ToJs(env)});
  });
}

void Client::OnThrottle(rd_kafka_t*, const char* broker, int32_t id, int ms, void* opaque) {
  static_cast<Client*>(opaque)->Push(
      [broker = std::string(broker), id, ms](Napi::Env env, const Napi::Function& dispatch) {
        Send(env, dispatch,
             {Napi::Number::New(env, static_cast<int>(Dispatch::kThrottle)), Napi::String::New(env, broker),
              Napi::Number::New(env, id), Napi::Number::New(env, ms)});
      });
}

void Client::Destroy() {
  stopping_ = true;
  OnStopping();
  commands_.Stop();
  queries_.Stop();
  lookups_.Stop();
  RunMailbox();
  ServeMainQueue();  // the last reports and errors
  GiveUpAdmin();
  OnDestroy();
  rd_kafka_t* rk = nullptr;
  {
    std::unique_lock<std::shared_mutex> lock(handle_mutex_);
    std::swap(rk, rk_);
  }
  rd_kafka_queue_cb_event_enable(main_queue_.get(), nullptr, nullptr);
  main_queue_.reset();
  // OnClose has left the group already, as far as its deadline allowed.
  destroying_ = true;
  rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  std::lock_guard<std::mutex> lock(mutex_);
  open_error_ = KafkaError::Of(RD_KAFKA_RESP_ERR__DESTROY, "The client is closed");
}

}  // namespace odradek

// What the JavaScript objects of all clients have in common: the constructor's checks, close, hold and disposal.
// JS thread only.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client.h"
#include "conf.h"
#include "js_read.h"
#include "metadata.h"
#include "napi_setup.h"
#include "sasl.h"

namespace odradek {

inline void ThrowKafkaError(Napi::Env env, const KafkaError& error) {
  Napi::Error thrown = Napi::Error::New(env, error.message);
  thrown.Value().Set("errno", Napi::Number::New(env, error.code));
  thrown.ThrowAsJavaScriptException();
}

// `Self` is the wrapper, `Native` its client: constructible from (ConfHandle, channel), with kEvents.
template <typename Self, typename Native>
class ClientWrap : public Napi::ObjectWrap<Self> {
 public:
  // new (entries: [name, value, …], dispatch)
  explicit ClientWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Self>(info) {
    KafkaError error;
    ConfHandle conf = MakeConf(info[0].As<Napi::Array>(), Native::kEvents, &error);
    if (!conf) {
      ThrowKafkaError(info.Env(), error);
      return;
    }
    std::shared_ptr<JsChannel> channel =
        JsChannel::Create(info.Env(), info[1].As<Napi::Function>(), Native::kTurns);
    if (!channel) {
      ThrowKafkaError(info.Env(),
                      KafkaError::Of(RD_KAFKA_RESP_ERR__FAIL, "cannot make a thread-safe function"));
      return;
    }
    client_ = std::make_shared<Native>(std::move(conf), std::move(channel));
    client_->Start();
    env_ = info.Env();
    // Added after the channel's function, so it runs before the environment takes that down.
    napi_add_env_cleanup_hook(env_, OnEnvironmentCleanup, this);
  }

  ~ClientWrap() override { Dispose(); }

 protected:
  using Method = Napi::ClassPropertyDescriptor<Self>;
  using Info = Napi::CallbackInfo;
  using On = Client::On;

  static std::vector<Method> CommonMethods() {
    return {
        Self::InstanceMethod("close", &Self::Close),
        Self::InstanceMethod("destroying", &Self::Destroying),
        Self::InstanceMethod("dispose", &Self::DisposeNow),
        Self::InstanceMethod("nextTurn", &Self::NextTurn),
        Self::InstanceMethod("hold", &Self::Hold),
        Self::InstanceMethod("unhold", &Self::Unhold),
        Self::InstanceMethod("setToken", &Self::SetToken),
        Self::InstanceMethod("setTokenFailure", &Self::SetTokenFailure),
        Self::InstanceMethod("setSaslCredentials", &Self::SetCredentials),
        Self::InstanceMethod("testFatalError", &Self::TestFatalError),
        Self::InstanceMethod("admin", &Self::Admin),
        Self::InstanceMethod("metadata", &Self::Metadata),
        Self::InstanceMethod("clusterId", &Self::ClusterId),
        Self::InstanceMethod("controllerId", &Self::ControllerId),
    };
  }

  Native* client() const { return client_.get(); }
  // For who outlives the JavaScript object.
  std::shared_ptr<Native> shared_client() const { return client_; }

  void Submit(On thread, const Info& info, Client::Work work) {
    client_->Submit(thread, info[0].As<Napi::Number>().Uint32Value(), std::move(work));
  }

 private:
  // close(id, milliseconds)
  void Close(const Info& info) {
    client_->Close(info[0].As<Napi::Number>().Uint32Value(), Deadline(info[1]));
  }
  // Closing has come to rd_kafka_destroy.
  Napi::Value Destroying(const Info& info) { return Napi::Boolean::New(info.Env(), client_->destroying()); }
  // nextTurn(dispatch)
  void NextTurn(const Info& info) { client_->channel().NextTurn(info.Env(), info[0].As<Napi::Function>()); }
  void Hold(const Info&) { client_->channel().Hold(); }
  void Unhold(const Info&) { client_->channel().Unhold(); }
  void DisposeNow(const Info&) { Dispose(); }
  // testFatalError(code, reason): for tests of what a fatal error does.
  void TestFatalError(const Info& info) {
    const auto code = static_cast<rd_kafka_resp_err_t>(info[0].As<Napi::Number>().Int32Value());
    const std::string reason = Text(info[1]);
    client_->WithHandle([&](rd_kafka_t* rk) { rd_kafka_test_fatal_error(rk, code, reason.c_str()); });
  }
  Napi::Value SetToken(const Info& info) { return SetOAuthBearerToken(client(), info); }
  Napi::Value SetTokenFailure(const Info& info) { return SetOAuthBearerTokenFailure(client(), info); }
  Napi::Value SetCredentials(const Info& info) { return SetSaslCredentials(client(), info); }

  // admin(id, operation, arguments, settings): JSON
  void Admin(const Info& info) {
    AdminRequest request;
    KafkaError error = AdminRequest::From(Text(info[1]), info[2], info[3].As<Napi::Object>(), &request);
    if (!error) return client_->SubmitAdmin(info[0].As<Napi::Number>().Uint32Value(), std::move(request));
    Submit(On::kPollThread, info, [error](rd_kafka_t*) { return Result::Fail(error); });
  }

  // metadata(id, milliseconds, all topics): JSON
  void Metadata(const Info& info) {
    Submit(On::kQueryThread, info, QueryMetadata(client(), Flag(info[2]), Deadline(info[1])));
  }
  // clusterId(id, milliseconds): string
  void ClusterId(const Info& info) {
    Submit(On::kQueryThread, info, QueryClusterId(client(), Deadline(info[1])));
  }
  // controllerId(id, milliseconds): number
  void ControllerId(const Info& info) {
    Submit(On::kQueryThread, info, QueryControllerId(client(), Deadline(info[1])));
  }

  static Client::Clock::time_point Deadline(const Napi::Value& milliseconds) {
    return Client::Clock::now() + std::chrono::milliseconds(milliseconds.As<Napi::Number>().Int64Value());
  }

  // The client is through (or, from the destructor, forgotten): nothing more crosses.
  void Dispose() {
    if (!client_ || disposed_) return;
    disposed_ = true;
    napi_remove_env_cleanup_hook(env_, OnEnvironmentCleanup, this);
    client_->channel().Close();
  }

  static void OnEnvironmentCleanup(void* data) {
    auto* self = static_cast<ClientWrap*>(data);
    if (self->disposed_) return;
    self->disposed_ = true;
    self->client_->Abandon();
  }

  std::shared_ptr<Native> client_;
  napi_env env_ = nullptr;
  bool disposed_ = false;
};

}  // namespace odradek

#include "admin_wrap.h"

#include "client_wrap.h"

namespace odradek {

namespace {

// A producer that produces nothing: the smallest handle of librdkafka.
class AdminHandle final : public Client {
 public:
  static constexpr int kEvents = RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS |
                                 RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;

  AdminHandle(ConfHandle conf, std::shared_ptr<JsChannel> channel)
      : Client(RD_KAFKA_PRODUCER, std::move(conf), std::move(channel)) {}
};

class AdminWrap final : public ClientWrap<AdminWrap, AdminHandle> {
 public:
  using ClientWrap::ClientWrap;

  static Napi::Function Define(Napi::Env env) { return DefineClass(env, "Admin", CommonMethods()); }

 private:
  friend class ClientWrap<AdminWrap, AdminHandle>;
};

}  // namespace

Napi::Function DefineAdmin(Napi::Env env) { return AdminWrap::Define(env); }

}  // namespace odradek

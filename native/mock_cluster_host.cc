#include "mock_cluster_host.h"

#ifndef _WIN32
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace odradek {

namespace {

// librdkafka aborts the process when it cannot open a broker's listener, so whether it can is tried
// beforehand; some more file descriptors go into wake-up pipes.
bool CanListen(int brokers) {
#ifdef _WIN32
  (void)brokers;
  return true;
#else
  constexpr int kOtherDescriptors = 16;
  std::vector<int> sockets;
  bool opened = true;
  for (int i = 0; i < brokers + kOtherDescriptors && opened; i++) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (socket != -1) sockets.push_back(socket);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    opened = socket != -1 && bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  for (int socket : sockets) close(socket);
  return opened;
#endif
}

// Threads started meanwhile get no signals. librdkafka sees to that itself, but for the cluster's thread,
// which ends when a signal interrupts its poll.
class NoSignals {
 public:
#ifdef _WIN32
  NoSignals() {}
#else
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
#endif
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
#ifndef _WIN32
  sigset_t before_;
#endif
};

KafkaError CannotStart(const std::string& why) {
  return KafkaError::Of(RD_KAFKA_RESP_ERR__FAIL, "the embedded cluster could not be started: " + why);
}

}  // namespace

std::unique_ptr<MockClusterHost> MockClusterHost::Start(int brokers, int log_level,
                                                        std::shared_ptr<JsChannel> channel,
                                                        KafkaError* error) {
  if (!CanListen(brokers)) {
    *error = CannotStart("no listener could be opened on 127.0.0.1 for each of " + std::to_string(brokers) +
                         " brokers (see ulimit -n)");
    return nullptr;
  }
  std::unique_ptr<MockClusterHost> host(new MockClusterHost(std::move(channel)));
  ConfHandle conf(rd_kafka_conf_new());
  ErrorText text;
  rd_kafka_conf_set(conf.get(), "log_level", std::to_string(log_level).c_str(), text.data(), text.size());
  rd_kafka_conf_set_opaque(conf.get(), host.get());
  rd_kafka_conf_set_log_cb(conf.get(), OnLog);
  host->rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), text.data(), text.size());
  if (host->rk_ == nullptr) {
    *error = CannotStart(text.data());
    return nullptr;
  }
  conf.release();  // rd_kafka_new took it
  {
    const NoSignals scope;
    host->mock_ = rd_kafka_mock_cluster_new(host->rk_, brokers);
  }
  if (host->mock_ == nullptr) {
    *error = CannotStart("rd_kafka_mock_cluster_new failed");
    return nullptr;
  }
  return host;
}

MockClusterHost::~MockClusterHost() {
  if (mock_ != nullptr) rd_kafka_mock_cluster_destroy(mock_);
  if (rk_ != nullptr) rd_kafka_destroy(rk_);
}

std::shared_future<void> MockClusterHost::Close(std::unique_ptr<MockClusterHost> host) {
  std::promise<void> closed;
  std::shared_future<void> future = closed.get_future().share();
  std::thread([host = std::move(host), closed = std::move(closed)]() mutable {
    const std::shared_ptr<JsChannel> channel = host->channel_;
    host.reset();
    channel->Push(MakeJsItem([](Napi::Env env, const Napi::Function& dispatch) {
      dispatch.Call({Napi::Number::New(env, static_cast<int>(MockDispatch::kClosed))});
    }));
    closed.set_value();
  }).detach();
  return future;
}

void MockClusterHost::OnLog(const rd_kafka_t* rk, int level, const char* facility, const char* text) {
  // That the host has no bootstrap.servers is as it should be.
  if (std::strcmp(facility, "CONFWARN") == 0) return;
  const auto* self = static_cast<const MockClusterHost*>(rd_kafka_opaque(rk));
  self->channel_->Push(MakeJsItem([level, facility = std::string(facility), text = std::string(text)](
                                      Napi::Env env, const Napi::Function& dispatch) {
    dispatch.Call({Napi::Number::New(env, static_cast<int>(MockDispatch::kLog)),
                   Napi::Number::New(env, level), Napi::String::New(env, facility),
                   Napi::String::New(env, text)});
  }));
}

}  // namespace odradek

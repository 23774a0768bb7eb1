// Functions of rdkafka_mock.h as JavaScript methods. Most take numbers and names and return an error or
// nothing, so one template makes a method of any of them: each JavaScript argument becomes what the C
// parameter in its place wants. lib/mock-cluster*.ts has checked the arguments. JS thread only; the calls
// wait microseconds for the cluster's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "handle.h"
// After rdkafka.h, which it needs.
#include <librdkafka/rdkafka_mock.h>

#include "js_read.h"
#include "kafka_error.h"
#include "napi_setup.h"

namespace odradek {

// After most calls. librdkafka's cluster answers an op first and then empties its wake-up pipe; an op sent in
// between is not noticed before its poll of a second ends (the race is in rd_kafka_mock_cluster_io_poll
// of 2.15.1). 47 of 60 times the first three calls of a test took that second; with this pause none in 1,500,
// one on a machine with twice as many busy processes as cores.
inline void LetMockClusterSettle() { std::this_thread::sleep_for(std::chrono::microseconds(300)); }

// One argument, in the C type T, as long as the call lasts.
template <typename T>
class MockArgument {
  static_assert(std::is_integral_v<T> || std::is_enum_v<T>, "write a method of its own for other parameters");

 public:
  explicit MockArgument(const Napi::Value& value) {
    if (!value.IsEmpty()) napi_get_value_int64(value.Env(), value, &value_);
  }
  T get() const { return static_cast<T>(value_); }

 private:
  int64_t value_ = 0;
};

template <>
class MockArgument<const char*> {
 public:
  explicit MockArgument(const Napi::Value& value) : text_(Text(value)) {}
  const char* get() const { return text_.c_str(); }

 private:
  const std::string text_;
};

// Run calls Function with the cluster and the method's arguments; the method returns { errno, … }, or null if
// all is well.
template <auto Function>
struct MockCall;

template <typename R, typename... P, R (*Function)(rd_kafka_mock_cluster_t*, P...)>
struct MockCall<Function> {
  static Napi::Value Run(const Napi::CallbackInfo& info, rd_kafka_mock_cluster_t* mock) {
    return Run(info, mock, std::index_sequence_for<P...>());
  }

 private:
  template <size_t... I>
  static Napi::Value Run(const Napi::CallbackInfo& info, rd_kafka_mock_cluster_t* mock,
                         std::index_sequence<I...>) {
    KafkaError error;
    if constexpr (std::is_void_v<R>) {
      Function(mock, MockArgument<P>(info[I]).get()...);
    } else {
      error = KafkaError::Of(Function(mock, MockArgument<P>(info[I]).get()...));
    }
    LetMockClusterSettle();
    return error.ToJs(info.Env());
  }
};

}  // namespace odradek

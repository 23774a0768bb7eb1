// A librdkafka error as a value: made on any thread, turned into JavaScript on the JS thread.
#pragma once

#include <string>

#include "handle.h"
#include "napi_setup.h"

namespace odradek {

struct KafkaError {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string message;
  bool fatal = false;
  bool retriable = false;
  bool txn_requires_abort = false;

  explicit operator bool() const { return code != RD_KAFKA_RESP_ERR_NO_ERROR; }

  static KafkaError Of(rd_kafka_resp_err_t code);
  static KafkaError Of(rd_kafka_resp_err_t code, std::string message);
  // Takes what librdkafka returned; null is no error.
  static KafkaError Of(ErrorHandle error);

  // { errno, message, fatal, retriable, txnRequiresAbort }: lib/errors.ts makes the KafkaError of it.
  Napi::Value ToJs(Napi::Env env) const;
};

}  // namespace odradek

#include "kafka_error.h"

#include <utility>

namespace odradek {

KafkaError KafkaError::Of(rd_kafka_resp_err_t code) { return Of(code, rd_kafka_err2str(code)); }

KafkaError KafkaError::Of(rd_kafka_resp_err_t code, std::string message) {
  KafkaError error;
  error.code = code;
  error.message = std::move(message);
  return error;
}

KafkaError KafkaError::Of(ErrorHandle handle) {
  KafkaError error;
  if (!handle) return error;
  error.code = rd_kafka_error_code(handle.get());
  error.message = rd_kafka_error_string(handle.get());
  error.fatal = rd_kafka_error_is_fatal(handle.get()) != 0;
  error.retriable = rd_kafka_error_is_retriable(handle.get()) != 0;
  error.txn_requires_abort = rd_kafka_error_txn_requires_abort(handle.get()) != 0;
  return error;
}

Napi::Value KafkaError::ToJs(Napi::Env env) const {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return env.Null();
  Napi::Object object = Napi::Object::New(env);
  object.Set("errno", Napi::Number::New(env, code));
  object.Set("message", Napi::String::New(env, message));
  object.Set("fatal", Napi::Boolean::New(env, fatal));
  object.Set("retriable", Napi::Boolean::New(env, retriable));
  object.Set("txnRequiresAbort", Napi::Boolean::New(env, txn_requires_abort));
  return object;
}

}  // namespace odradek

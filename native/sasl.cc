#include "sasl.h"
#include "js_read.h"

#include <string>
#include <utility>
#include <vector>

namespace odradek {

namespace {
KafkaError NotOpen() { return KafkaError::Of(RD_KAFKA_RESP_ERR__STATE, "The client is not open"); }
}  // namespace

Napi::Value SetOAuthBearerToken(Client* client, const Napi::CallbackInfo& info) {
  const std::string token = Text(info[0]);
  const int64_t expiry = info[1].As<Napi::Number>().Int64Value();
  const std::string principal = Text(info[2]);
  Napi::Array pairs = info[3].As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < pairs.Length(); i++) texts.push_back(Text(pairs.Get(i)));
  std::vector<const char*> extensions;
  for (const std::string& text : texts) extensions.push_back(text.c_str());
  ErrorText reason;
  KafkaError error = NotOpen();
  client->WithHandle([&](rd_kafka_t* rk) {
    const rd_kafka_resp_err_t code =
        rd_kafka_oauthbearer_set_token(rk, token.c_str(), expiry, principal.c_str(), extensions.data(),
                                       extensions.size(), reason.data(), reason.size());
    error = code == RD_KAFKA_RESP_ERR_NO_ERROR ? KafkaError() : KafkaError::Of(code, reason.text);
  });
  return error.ToJs(info.Env());
}

Napi::Value SetOAuthBearerTokenFailure(Client* client, const Napi::CallbackInfo& info) {
  const std::string why = Text(info[0]);
  KafkaError error = NotOpen();
  client->WithHandle([&](rd_kafka_t* rk) {
    error = KafkaError::Of(rd_kafka_oauthbearer_set_token_failure(rk, why.c_str()));
  });
  return error.ToJs(info.Env());
}

Napi::Value SetSaslCredentials(Client* client, const Napi::CallbackInfo& info) {
  return client->SetSaslCredentials(Text(info[0]), Text(info[1])).ToJs(info.Env());
}

}  // namespace odradek

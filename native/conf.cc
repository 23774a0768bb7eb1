#include "conf.h"
#include "js_read.h"

#include <cstdio>
#include <cstring>
#include <string>

namespace odradek {

namespace {

// OpenSSL's X509_V_ERR_…, named here since a librdkafka of the system's may have an OpenSSL of its own.
const char* CertificateError(int code) {
  switch (code) {
    case 9:
      return "it is not valid yet";
    case 10:
      return "it has expired";
    case 18:
    case 19:
      return "it is, or leads to, a self-signed certificate that is not trusted";
    case 20:
    case 21:
      return "its issuer is not known";
    case 23:
      return "it was revoked";
    case 62:
      return "it is for another host";
    case 64:
      return "it is for another address";
    default:
      return "it could not be verified";
  }
}

// Broker threads. Decides as OpenSSL did, and lets librdkafka log why: its error says the same of all refusals.
int OnCertificate(rd_kafka_t*, const char*, int32_t, int* code, int, const char*, size_t, char* reason,
                  size_t size, void*) {
  if (*code == 0) return 1;
  std::snprintf(reason, size, "%s (OpenSSL error %d)", CertificateError(*code), *code);
  return 0;
}

void ExplainCertificates(rd_kafka_conf_t* conf) {
  char verify[8] = "";
  size_t size = sizeof(verify);
  const bool known =
      rd_kafka_conf_get(conf, "enable.ssl.certificate.verification", verify, &size) == RD_KAFKA_CONF_OK;
  // Without verification there is nothing to explain; without TLS in the build, nothing to set.
  if (known && std::strcmp(verify, "true") == 0) rd_kafka_conf_set_ssl_cert_verify_cb(conf, OnCertificate);
}

}  // namespace

ConfHandle MakeConf(const Napi::Array& entries, int events, KafkaError* error) {
  ConfHandle conf(rd_kafka_conf_new());
  ErrorText text;
  const uint32_t length = entries.Length();
  for (uint32_t i = 0; i + 1 < length; i += 2) {
    const std::string name = Text(entries.Get(i));
    const std::string value = Text(entries.Get(i + 1));
    rd_kafka_conf_res_t result =
        rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text.data(), text.size());
    if (result == RD_KAFKA_CONF_OK) continue;
    std::string reason = result == RD_KAFKA_CONF_UNKNOWN ? "unknown property" : text.text;
    // librdkafka may repeat the value in its text.
    if (value.size() >= 3 && reason.find(value) != std::string::npos)
      reason = "not accepted by this build of librdkafka";
    *error = KafkaError::Of(RD_KAFKA_RESP_ERR__INVALID_ARG, "property '" + name + "': " + reason);
    return nullptr;
  }
  rd_kafka_conf_set_events(conf.get(), events);
  ExplainCertificates(conf.get());
  return conf;
}

}  // namespace odradek

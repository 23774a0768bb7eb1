// Credentials given at run time. JS thread; the librdkafka calls take only locks.
#pragma once

#include "client.h"
#include "napi_setup.h"

namespace odradek {

// (token, expiry in ms since 1970, principal, [name, value, name, value, …]): { errno, … } | null
Napi::Value SetOAuthBearerToken(Client* client, const Napi::CallbackInfo& info);
// (why): { errno, … } | null. librdkafka asks again after 10 s.
Napi::Value SetOAuthBearerTokenFailure(Client* client, const Napi::CallbackInfo& info);
// (user name, password): { errno, … } | null. For PLAIN and SCRAM, from the next authentication on.
Napi::Value SetSaslCredentials(Client* client, const Napi::CallbackInfo& info);

}  // namespace odradek

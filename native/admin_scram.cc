// Admin operations on SCRAM credentials of users. Passwords stay in here: no result and no error has one.
#include <iterator>

#include "admin_operations.h"
#include "js_read.h"

namespace odradek {

namespace {

using AlterationHandle =
    Handle<rd_kafka_UserScramCredentialAlteration_t, &rd_kafka_UserScramCredentialAlteration_destroy>;

// [user]; none means all
KafkaError PrepareDescribe(const Napi::Value& arguments, AdminStart* start) {
  auto users = std::make_shared<NameList>(arguments);
  *start = [users](rd_kafka_t* rk, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
    rd_kafka_DescribeUserScramCredentials(rk, users->data(), users->size(), options, queue);
  };
  return KafkaError();
}

// [{ user, mechanism, iterations, password: Uint8Array, salt: Uint8Array | null } | { user, mechanism }]
KafkaError PrepareAlter(const Napi::Value& arguments, AdminStart* start) {
  auto list = std::make_shared<HandleList<AlterationHandle>>();
  ForEach(arguments, [&](const Napi::Value& value) {
    Napi::Object item = ObjectOf(value);
    const std::string user = TextOf(item, "user");
    const auto mechanism = static_cast<rd_kafka_ScramMechanism_t>(IntOf(item, "mechanism"));
    Napi::Value given = item.Get("password");
    if (!given.IsTypedArray()) {
      list->Add(AlterationHandle(rd_kafka_UserScramCredentialDeletion_new(user.c_str(), mechanism)));
      return KafkaError();
    }
    Napi::Uint8Array password = given.As<Napi::Uint8Array>();
    Napi::Value given_salt = item.Get("salt");
    const bool has_salt = given_salt.IsTypedArray();
    Napi::Uint8Array salt = has_salt ? given_salt.As<Napi::Uint8Array>() : password;
    list->Add(AlterationHandle(rd_kafka_UserScramCredentialUpsertion_new(
        user.c_str(), mechanism, IntOf(item, "iterations"), password.Data(), password.ByteLength(),
        has_salt ? salt.Data() : nullptr, has_salt ? salt.ByteLength() : 0)));
    return KafkaError();
  });
  *start = StartWith(list, rd_kafka_AlterUserScramCredentials);
  return KafkaError();
}

void WriteDescriptions(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_UserScramCredentialsDescription_t** users =
      rd_kafka_DescribeUserScramCredentials_result_descriptions(
          rd_kafka_event_DescribeUserScramCredentials_result(event), &count);
  json->Objects(nullptr, users, count, [json](const rd_kafka_UserScramCredentialsDescription_t* user) {
    json->Text("user", rd_kafka_UserScramCredentialsDescription_user(user));
    const size_t credentials = rd_kafka_UserScramCredentialsDescription_scramcredentialinfo_count(user);
    json->BeginArray("credentials");
    for (size_t i = 0; i < credentials; i++) {
      const rd_kafka_ScramCredentialInfo_t* info =
          rd_kafka_UserScramCredentialsDescription_scramcredentialinfo(user, i);
      json->BeginObject();
      json->Number("mechanism", rd_kafka_ScramCredentialInfo_mechanism(info));
      json->Number("iterations", rd_kafka_ScramCredentialInfo_iterations(info));
      json->EndObject();
    }
    json->EndArray();
    WriteError(json, rd_kafka_UserScramCredentialsDescription_error(user));
  });
}

void WriteAlterations(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_AlterUserScramCredentials_result_response_t** users =
      rd_kafka_AlterUserScramCredentials_result_responses(
          rd_kafka_event_AlterUserScramCredentials_result(event), &count);
  json->Objects(nullptr, users, count,
                [json](const rd_kafka_AlterUserScramCredentials_result_response_t* user) {
                  json->Text("user", rd_kafka_AlterUserScramCredentials_result_response_user(user));
                  WriteError(json, rd_kafka_AlterUserScramCredentials_result_response_error(user));
                });
}

constexpr AdminOperation kTable[] = {
    {"describeUserScramCredentials", RD_KAFKA_ADMIN_OP_DESCRIBEUSERSCRAMCREDENTIALS,
     RD_KAFKA_EVENT_DESCRIBEUSERSCRAMCREDENTIALS_RESULT, PrepareDescribe, WriteDescriptions},
    {"alterUserScramCredentials", RD_KAFKA_ADMIN_OP_ALTERUSERSCRAMCREDENTIALS,
     RD_KAFKA_EVENT_ALTERUSERSCRAMCREDENTIALS_RESULT, PrepareAlter, WriteAlterations},
};

}  // namespace

extern const AdminOperations kScramOperations = {kTable, std::size(kTable)};

}  // namespace odradek

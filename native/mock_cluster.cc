#include "mock_cluster.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "client_wrap.h"
#include "js_read.h"
#include "mock_cluster_call.h"
#include "mock_cluster_host.h"
#include "topic_partition.h"

namespace odradek {

namespace {

// How long an environment that goes away waits for the cluster; a few milliseconds are enough.
constexpr std::chrono::milliseconds kAbandonWait(1'000);

// What is to be added to a request's time, microseconds of librdkafka's clock, to have those since 1970.
// Taken once for a cluster, so that differences between its requests stay exact.
int64_t ClockOffset() {
#ifdef __APPLE__
  return 0;  // librdkafka's clock is the system's there
#else
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto steady = std::chrono::steady_clock::now().time_since_epoch();
  return duration_cast<microseconds>(wall).count() - duration_cast<microseconds>(steady).count();
#endif
}

// The assignments of some members, in the arrays that librdkafka wants; owns what they point to.
class TargetAssignment {
 public:
  // From [memberId, …] and [[{ topic, partition }, …], …].
  TargetAssignment(const Napi::Array& members, const Napi::Array& partitions) {
    for (uint32_t i = 0; i < members.Length(); i++) {
      member_ids_.push_back(Text(members.Get(i)));
      lists_.push_back(PartitionListFromJs(partitions.Get(i)));
      // No array, when the worker is being terminated.
      if (!lists_.back()) lists_.back() = Share(rd_kafka_topic_partition_list_new(0));
    }
    for (size_t i = 0; i < member_ids_.size(); i++) {
      member_pointers_.push_back(member_ids_[i].data());
      list_pointers_.push_back(lists_[i].get());
    }
  }
  TargetAssignment(const TargetAssignment&) = delete;
  TargetAssignment& operator=(const TargetAssignment&) = delete;

  size_t size() const { return member_ids_.size(); }
  char** members() { return member_pointers_.data(); }
  rd_kafka_topic_partition_list_t** partitions() { return list_pointers_.data(); }

 private:
  std::vector<std::string> member_ids_;
  std::vector<SharedPartitionList> lists_;
  std::vector<char*> member_pointers_;
  std::vector<rd_kafka_topic_partition_list_t*> list_pointers_;
};

using ConsumerTargetAssignment = Handle<rd_kafka_mock_cgrp_consumer_target_assignment_t,
                                        &rd_kafka_mock_cgrp_consumer_target_assignment_destroy>;

class MockClusterWrap final : public Napi::ObjectWrap<MockClusterWrap> {
  using Info = Napi::CallbackInfo;
  using Self = MockClusterWrap;
  using Method = Napi::ClassPropertyDescriptor<Self>;

 public:
  // new (brokers, log level, dispatch)
  explicit MockClusterWrap(const Info& info)
      : ObjectWrap(info), env_(info.Env()), clock_offset_(ClockOffset()) {
    KafkaError error = KafkaError::Of(RD_KAFKA_RESP_ERR__FAIL, "cannot make a thread-safe function");
    channel_ = JsChannel::Create(info.Env(), info[2].As<Napi::Function>());
    if (channel_) host_ = MockClusterHost::Start(Int(info[0]), Int(info[1]), channel_, &error);
    if (!host_) {
      if (channel_) channel_->Close();
      ThrowKafkaError(info.Env(), error);
      return;
    }
    // librdkafka's default of 3 s makes every first join of a test wait.
    rd_kafka_mock_group_initial_rebalance_delay_ms(host_->mock(), 0);
    // Its first controller is broker 0, which there is not.
    rd_kafka_mock_set_controller_id(host_->mock(), 1);
    // Like a server that listens: there until it is closed, whether or not somebody still holds the object.
    Ref();
    // Added after the channel's function, so it runs before the environment takes that down.
    napi_add_env_cleanup_hook(env_, OnEnvironmentCleanup, this);
  }

  static Napi::Function Define(Napi::Env env) {
    std::vector<Method> methods;
    for (const auto& part : {TopicMethods(), BrokerMethods(), ErrorMethods(), GroupMethods()}) {
      methods.insert(methods.end(), part.begin(), part.end());
    }
    methods.push_back(InstanceMethod("bootstrapServers", &Self::BootstrapServers));
    methods.push_back(InstanceMethod("close", &Self::Close));
    methods.push_back(InstanceMethod("dispose", &Self::Dispose));
    return DefineClass(env, "MockCluster", methods);
  }

 private:
  template <auto Function>
  static Method Call(const char* name) {
    return InstanceMethod(name, &Self::Forward<Function>);
  }

  static std::vector<Method> TopicMethods() {
    return {
        Call<&rd_kafka_mock_topic_create>("createTopic"),
        Call<&rd_kafka_mock_topic_delete>("deleteTopic"),
        Call<&rd_kafka_mock_topic_set_error>("topicError"),
        Call<&rd_kafka_mock_partition_set_leader>("leader"),
        Call<&rd_kafka_mock_partition_set_follower>("follower"),
        Call<&rd_kafka_mock_partition_set_follower_wmarks>("followerWatermarks"),
        Call<&rd_kafka_mock_partition_push_leader_response>("pushLeaderResponse"),
        Call<&rd_kafka_mock_partition_delete_records>("deleteRecords"),
        InstanceMethod("hasPartition", &Self::HasPartition),
    };
  }

  static std::vector<Method> BrokerMethods() {
    return {
        Call<&rd_kafka_mock_broker_set_down>("brokerDown"),
        Call<&rd_kafka_mock_broker_set_up>("brokerUp"),
        Call<&rd_kafka_mock_broker_set_rtt>("brokerRtt"),
        Call<&rd_kafka_mock_broker_set_rack>("brokerRack"),
        Call<&rd_kafka_mock_broker_set_host_port>("brokerHostPort"),
        Call<&rd_kafka_mock_broker_add>("addBroker"),
        Call<&rd_kafka_mock_broker_decommission>("decommissionBroker"),
        Call<&rd_kafka_mock_broker_remove_from_metadata>("hideBroker"),
        Call<&rd_kafka_mock_set_controller_id>("controller"),
        Call<&rd_kafka_mock_coordinator_set>("coordinator"),
        Call<&rd_kafka_mock_set_apiversion>("apiVersions"),
        Call<&rd_kafka_mock_telemetry_set_push_interval>("telemetryPushInterval"),
        InstanceMethod("telemetryMetrics", &Self::TelemetryMetrics),
    };
  }

  static std::vector<Method> ErrorMethods() {
    return {
        InstanceMethod("pushErrors", &Self::PushErrors),
        InstanceMethod("pushBrokerErrors", &Self::PushBrokerErrors),
        InstanceMethod("pushPartitionErrors", &Self::PushPartitionErrors),
        InstanceMethod("brokerErrorsLeft", &Self::BrokerErrorsLeft),
        Call<&rd_kafka_mock_clear_request_errors>("clearErrors"),
        Call<&rd_kafka_mock_start_request_tracking>("startRequests"),
        Call<&rd_kafka_mock_stop_request_tracking>("stopRequests"),
        Call<&rd_kafka_mock_clear_requests>("clearRequests"),
        InstanceMethod("requests", &Self::Requests),
    };
  }

  static std::vector<Method> GroupMethods() {
    return {
        Call<&rd_kafka_mock_group_initial_rebalance_delay_ms>("groupInitialRebalanceDelay"),
        Call<&rd_kafka_mock_set_group_consumer_session_timeout_ms>("groupSessionTimeout"),
        Call<&rd_kafka_mock_set_group_consumer_heartbeat_interval_ms>("groupHeartbeatInterval"),
        InstanceMethod("groupTargetAssignment", &Self::GroupTargetAssignment),
        Call<&rd_kafka_mock_sharegroup_set_session_timeout>("shareGroupSessionTimeout"),
        Call<&rd_kafka_mock_sharegroup_set_heartbeat_interval>("shareGroupHeartbeatInterval"),
        Call<&rd_kafka_mock_sharegroup_set_max_delivery_attempts>("shareGroupMaxDeliveryAttempts"),
        Call<&rd_kafka_mock_sharegroup_set_record_lock_duration>("shareGroupRecordLockDuration"),
        Call<&rd_kafka_mock_sharegroup_set_isolation_level>("shareGroupIsolationLevel"),
        Call<&rd_kafka_mock_sharegroup_set_max_size>("shareGroupMaxSize"),
        Call<&rd_kafka_mock_sharegroup_set_max_fetch_sessions>("shareGroupMaxFetchSessions"),
        Call<&rd_kafka_mock_sharegroup_set_max_record_locks>("shareGroupMaxRecordLocks"),
        Call<&rd_kafka_mock_sharegroup_set_auto_offset_reset>("shareGroupAutoOffsetReset"),
        InstanceMethod("shareGroupTargetAssignment", &Self::ShareGroupTargetAssignment),
        InstanceMethod("shareGroupMemberIds", &Self::ShareGroupMemberIds),
    };
  }

  // Everything but close: an error `_STATE` instead when there is no cluster any more.
  template <auto Function>
  Napi::Value Forward(const Info& info) {
    return host_ ? MockCall<Function>::Run(info, host_->mock()) : Closed(info);
  }

  static Napi::Value Closed(const Info& info) {
    return KafkaError::Of(RD_KAFKA_RESP_ERR__STATE, "the cluster is closed").ToJs(info.Env());
  }

  // bootstrapServers(): string
  Napi::Value BootstrapServers(const Info& info) {
    if (!host_) return Closed(info);
    return Napi::String::New(info.Env(), rd_kafka_mock_cluster_bootstraps(host_->mock()));
  }

  // hasPartition(topic, partition): boolean. No offset is beyond the one given, so that only the look-up
  // takes place.
  Napi::Value HasPartition(const Info& info) {
    if (!host_) return Closed(info);
    const rd_kafka_resp_err_t error = rd_kafka_mock_partition_delete_records(
        host_->mock(), Text(info[0]).c_str(), Int(info[1]), std::numeric_limits<int64_t>::max());
    LetMockClusterSettle();
    return Napi::Boolean::New(info.Env(), error != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  }

  // telemetryMetrics([prefix, …]): null
  Napi::Value TelemetryMetrics(const Info& info) {
    if (!host_) return Closed(info);
    const Napi::Array prefixes = info[0].As<Napi::Array>();
    std::vector<std::string> texts;
    for (uint32_t i = 0; i < prefixes.Length(); i++) texts.push_back(Text(prefixes.Get(i)));
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    const rd_kafka_resp_err_t error =
        rd_kafka_mock_telemetry_set_requested_metrics(host_->mock(), pointers.data(), pointers.size());
    LetMockClusterSettle();
    return KafkaError::Of(error).ToJs(info.Env());
  }

  // pushErrors(api key, Int32Array of codes): null
  Napi::Value PushErrors(const Info& info) {
    if (!host_) return Closed(info);
    const Napi::Int32Array codes = info[1].As<Napi::Int32Array>();
    std::vector<rd_kafka_resp_err_t> errors;
    for (size_t i = 0; i < codes.ElementLength(); i++)
      errors.push_back(static_cast<rd_kafka_resp_err_t>(codes[i]));
    rd_kafka_mock_push_request_errors_array(host_->mock(), static_cast<int16_t>(Int(info[0])), errors.size(),
                                            errors.data());
    return info.Env().Null();
  }

  // pushBrokerErrors(broker, api key, Int32Array of code, milliseconds, …): error | null. The C function
  // takes its list as variable arguments, so it is called for each.
  Napi::Value PushBrokerErrors(const Info& info) {
    if (!host_) return Closed(info);
    const Napi::Int32Array pairs = info[2].As<Napi::Int32Array>();
    const auto api_key = static_cast<int16_t>(Int(info[1]));
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i + 1 < pairs.ElementLength() && error == RD_KAFKA_RESP_ERR_NO_ERROR; i += 2) {
      error = rd_kafka_mock_broker_push_request_error_rtts(host_->mock(), Int(info[0]), api_key, 1,
                                                           static_cast<rd_kafka_resp_err_t>(pairs[i]),
                                                           static_cast<int>(pairs[i + 1]));
    }
    return KafkaError::Of(error).ToJs(info.Env());
  }

  // pushPartitionErrors(topic, partition, api key, Int32Array of codes): error | null
  Napi::Value PushPartitionErrors(const Info& info) {
    if (!host_) return Closed(info);
    const std::string topic = Text(info[0]);
    const auto api_key = static_cast<int16_t>(Int(info[2]));
    const Napi::Int32Array codes = info[3].As<Napi::Int32Array>();
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < codes.ElementLength() && error == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
      error = rd_kafka_mock_partition_push_request_errors(host_->mock(), topic.c_str(), Int(info[1]), api_key,
                                                          1, static_cast<rd_kafka_resp_err_t>(codes[i]));
      LetMockClusterSettle();
    }
    return KafkaError::Of(error).ToJs(info.Env());
  }

  // brokerErrorsLeft(broker, api key): number | error
  Napi::Value BrokerErrorsLeft(const Info& info) {
    if (!host_) return Closed(info);
    size_t count = 0;  // left as it is when nothing was ever pushed
    const rd_kafka_resp_err_t error = rd_kafka_mock_broker_error_stack_cnt(
        host_->mock(), Int(info[0]), static_cast<int16_t>(Int(info[1])), &count);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaError::Of(error).ToJs(info.Env());
    return Napi::Number::New(info.Env(), static_cast<double>(count));
  }

  // requests(): Float64Array of broker, api key, milliseconds since 1970, …
  Napi::Value Requests(const Info& info) {
    if (!host_) return Closed(info);
    size_t count = 0;
    rd_kafka_mock_request_t** requests = rd_kafka_mock_get_requests(host_->mock(), &count);
    std::vector<double> rows;
    for (size_t i = 0; i < count; i++) {
      rows.push_back(rd_kafka_mock_request_id(requests[i]));
      rows.push_back(rd_kafka_mock_request_api_key(requests[i]));
      const int64_t time = rd_kafka_mock_request_timestamp(requests[i]) + clock_offset_;
      rows.push_back(static_cast<double>(time) / 1'000);
    }
    rd_kafka_mock_request_destroy_array(requests, count);
    Napi::Float64Array array = Napi::Float64Array::New(info.Env(), rows.size());
    // Without memory when the worker is being terminated.
    if (array.Data() != nullptr) std::copy(rows.begin(), rows.end(), array.Data());
    return array;
  }

  // groupTargetAssignment(group, [memberId, …] | null, [[{ topic, partition }, …], …]): null; without members
  // librdkafka assigns again
  Napi::Value GroupTargetAssignment(const Info& info) {
    if (!host_) return Closed(info);
    const std::string group = Text(info[0]);
    ConsumerTargetAssignment target;
    if (info[1].IsArray()) {
      TargetAssignment given(info[1].As<Napi::Array>(), info[2].As<Napi::Array>());
      target.reset(rd_kafka_mock_cgrp_consumer_target_assignment_new(
          given.members(), static_cast<int>(given.size()), given.partitions()));
    }
    rd_kafka_mock_cgrp_consumer_target_assignment(host_->mock(), group.c_str(), target.get());
    return info.Env().Null();
  }

  // shareGroupTargetAssignment(group, [memberId, …], [[{ topic, partition }, …], …]): null
  Napi::Value ShareGroupTargetAssignment(const Info& info) {
    if (!host_) return Closed(info);
    TargetAssignment given(info[1].As<Napi::Array>(), info[2].As<Napi::Array>());
    rd_kafka_mock_sharegroup_target_assignment(host_->mock(), Text(info[0]).c_str(),
                                               const_cast<const char**>(given.members()), given.partitions(),
                                               given.size());
    return info.Env().Null();
  }

  // shareGroupMemberIds(group): [string, …] | error
  Napi::Value ShareGroupMemberIds(const Info& info) {
    if (!host_) return Closed(info);
    char** members = nullptr;
    size_t count = 0;
    const rd_kafka_resp_err_t error =
        rd_kafka_mock_sharegroup_get_member_ids(host_->mock(), Text(info[0]).c_str(), &members, &count);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaError::Of(error).ToJs(info.Env());
    Napi::Array ids = Napi::Array::New(info.Env(), count);
    for (size_t i = 0; i < count; i++) {
      ids.Set(static_cast<uint32_t>(i), Napi::String::New(info.Env(), members[i]));
      rd_kafka_mem_free(nullptr, members[i]);
    }
    if (members != nullptr) rd_kafka_mem_free(nullptr, members);
    return ids;
  }

  // close(): answered with MockDispatch::kClosed, and until then the process stays alive.
  void Close(const Info&) {
    if (!host_) return;
    channel_->Hold();
    closed_ = MockClusterHost::Close(std::move(host_));
  }

  // dispose(): after that answer.
  void Dispose(const Info&) {
    if (host_ || disposed_) return;
    disposed_ = true;
    napi_remove_env_cleanup_hook(env_, OnEnvironmentCleanup, this);
    channel_->Close();
    Unref();
  }

  static void OnEnvironmentCleanup(void* data) {
    auto* self = static_cast<Self*>(data);
    self->disposed_ = true;
    self->channel_->Close();
    if (self->host_) self->closed_ = MockClusterHost::Close(std::move(self->host_));
    self->closed_.wait_for(kAbandonWait);
  }

  const napi_env env_;
  const int64_t clock_offset_;
  std::shared_ptr<JsChannel> channel_;
  std::unique_ptr<MockClusterHost> host_;
  std::shared_future<void> closed_;
  bool disposed_ = false;
};

}  // namespace

Napi::Function DefineMockCluster(Napi::Env env) { return MockClusterWrap::Define(env); }

}  // namespace odradek

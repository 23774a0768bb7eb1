#include "consumer_wrap.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client_wrap.h"
#include "consumer.h"
#include "js_read.h"
#include "transaction.h"

namespace odradek {

namespace {

int Milliseconds(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

Result PartitionsOrError(rd_kafka_resp_err_t code, SharedPartitionList list) {
  Result result;
  result.error = KafkaError::Of(code);
  result.value = [list](Napi::Env env) { return PartitionListToJs(env, list.get()); };
  return result;
}

Result PartitionsOrError(ErrorHandle error, SharedPartitionList list) {
  Result result;
  result.error = KafkaError::Of(std::move(error));
  result.value = [list](Napi::Env env) { return PartitionListToJs(env, list.get()); };
  return result;
}

Result TextResult(std::string text) {
  Result result;
  result.value = [text = std::move(text)](Napi::Env env) -> Napi::Value {
    return Napi::String::New(env, text);
  };
  return result;
}

// Lookup thread: `ask(rk, milliseconds)`, once, for a request that is given up early costs its connection. What has not
// begun when the handle is about to go does not begin.
template <typename Ask>
Client::Work UnlessClosing(Client* client, int timeout, Ask ask) {
  return [client, timeout, ask](rd_kafka_t* rk) {
    if (client->stopping())
      return Result::Fail(KafkaError::Of(RD_KAFKA_RESP_ERR__DESTROY, "The client is closed"));
    return ask(rk, timeout);
  };
}

constexpr napi_type_tag kConsumerTag = {0x6f6472616465636bULL, 0x636f6e73756d6572ULL};

class ConsumerWrap final : public ClientWrap<ConsumerWrap, Consumer> {
 public:
  explicit ConsumerWrap(const Info& info) : ClientWrap(info) {
    napi_type_tag_object(info.Env(), info.This(), &kConsumerTag);
  }

  using ClientWrap::shared_client;

  static Napi::Function Define(Napi::Env env) {
    std::vector<Method> methods = CommonMethods();
    const std::vector<Method> own = {
        InstanceMethod("read", &ConsumerWrap::Read),
        InstanceMethod("poll", &ConsumerWrap::Poll),
        InstanceMethod("storeOffsets", &ConsumerWrap::StoreOffsets),
        InstanceMethod("position", &ConsumerWrap::Position),
        InstanceMethod("cachedWatermarks", &ConsumerWrap::CachedWatermarks),
        InstanceMethod("subscribe", &ConsumerWrap::Subscribe),
        InstanceMethod("unsubscribe", &ConsumerWrap::Unsubscribe),
        InstanceMethod("subscription", &ConsumerWrap::Subscription),
        InstanceMethod("completeRebalance", &ConsumerWrap::CompleteRebalance),
        InstanceMethod("assign", &ConsumerWrap::Assign),
        InstanceMethod("incrementalAssign", &ConsumerWrap::IncrementalAssign),
        InstanceMethod("incrementalUnassign", &ConsumerWrap::IncrementalUnassign),
        InstanceMethod("assignment", &ConsumerWrap::Assignment),
        InstanceMethod("pause", &ConsumerWrap::Pause),
        InstanceMethod("resume", &ConsumerWrap::Resume),
        InstanceMethod("seek", &ConsumerWrap::Seek),
        InstanceMethod("commit", &ConsumerWrap::Commit),
        InstanceMethod("committed", &ConsumerWrap::Committed),
        InstanceMethod("offsetsForTimes", &ConsumerWrap::OffsetsForTimes),
        InstanceMethod("watermarks", &ConsumerWrap::Watermarks),
        InstanceMethod("memberId", &ConsumerWrap::MemberId),
        InstanceMethod("rebalanceProtocol", &ConsumerWrap::RebalanceProtocol),
        InstanceMethod("groupMetadata", &ConsumerWrap::GroupMetadata),
        InstanceMethod("rebalancesAnswered", &ConsumerWrap::RebalancesAnswered),
    };
    methods.insert(methods.end(), own.begin(), own.end());
    return DefineClass(env, "Consumer", methods);
  }

 private:
  // read(want)
  void Read(const Info& info) {
    client()->Read(static_cast<Consumer::Want>(info[0].As<Napi::Number>().Int32Value()));
  }

  // storeOffsets(list): list | null when closed. Takes only locks.
  Napi::Value StoreOffsets(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[0]);
    const bool open = client()->WithHandle([&](rd_kafka_t* rk) { rd_kafka_offsets_store(rk, list.get()); });
    return open ? PartitionListToJs(info.Env(), list.get()) : info.Env().Null();
  }

  // position(list): list | null when closed. Takes only locks.
  Napi::Value Position(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[0]);
    const bool open = client()->WithHandle([&](rd_kafka_t* rk) { rd_kafka_position(rk, list.get()); });
    return open ? PartitionListToJs(info.Env(), list.get()) : info.Env().Null();
  }

  // cachedWatermarks(topic, partition): [low, high] | null. Takes only locks.
  Napi::Value CachedWatermarks(const Info& info) {
    const std::string topic = Text(info[0]);
    int64_t low = RD_KAFKA_OFFSET_INVALID;
    int64_t high = RD_KAFKA_OFFSET_INVALID;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__STATE;
    client()->WithHandle([&](rd_kafka_t* rk) {
      code = rd_kafka_get_watermark_offsets(rk, topic.c_str(), Milliseconds(info[1]), &low, &high);
    });
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return info.Env().Null();
    Napi::Array pair = Napi::Array::New(info.Env(), 2);
    pair.Set(0u, Napi::Number::New(info.Env(), static_cast<double>(low)));
    pair.Set(1u, Napi::Number::New(info.Env(), static_cast<double>(high)));
    return pair;
  }

  // The rest: (id, …), answered through the dispatch function.
  void Poll(const Info& info) {
    Submit(On::kPollThread, info, [consumer = client()](rd_kafka_t*) { return consumer->Poll(); });
  }

  void Subscribe(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    Submit(On::kPollThread, info, [list](rd_kafka_t* rk) {
      return Result::Fail(KafkaError::Of(rd_kafka_subscribe(rk, list.get())));
    });
  }

  void Unsubscribe(const Info& info) {
    Submit(On::kPollThread, info,
           [](rd_kafka_t* rk) { return Result::Fail(KafkaError::Of(rd_kafka_unsubscribe(rk))); });
  }

  void Subscription(const Info& info) {
    Submit(On::kPollThread, info, [](rd_kafka_t* rk) {
      rd_kafka_topic_partition_list_t* list = nullptr;
      rd_kafka_resp_err_t code = rd_kafka_subscription(rk, &list);
      return PartitionsOrError(code, Share(list));
    });
  }

  void CompleteRebalance(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    Submit(On::kPollThread, info, [consumer = client(), list](rd_kafka_t* rk) {
      return consumer->CompleteRebalance(rk, list.get());
    });
  }

  void Assign(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    Submit(On::kPollThread, info,
           [list](rd_kafka_t* rk) { return Result::Fail(KafkaError::Of(rd_kafka_assign(rk, list.get()))); });
  }

  void IncrementalAssign(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    Submit(On::kPollThread, info, [list](rd_kafka_t* rk) {
      return Result::Fail(KafkaError::Of(ErrorHandle(rd_kafka_incremental_assign(rk, list.get()))));
    });
  }

  void IncrementalUnassign(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    Submit(On::kPollThread, info, [list](rd_kafka_t* rk) {
      return Result::Fail(KafkaError::Of(ErrorHandle(rd_kafka_incremental_unassign(rk, list.get()))));
    });
  }

  void Assignment(const Info& info) {
    Submit(On::kPollThread, info, [](rd_kafka_t* rk) {
      rd_kafka_topic_partition_list_t* list = nullptr;
      rd_kafka_resp_err_t code = rd_kafka_assignment(rk, &list);
      return PartitionsOrError(code, Share(list));
    });
  }

  void Pause(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    Submit(On::kPollThread, info, [list](rd_kafka_t* rk) {
      return PartitionsOrError(rd_kafka_pause_partitions(rk, list.get()), list);
    });
  }

  void Resume(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    Submit(On::kPollThread, info, [list](rd_kafka_t* rk) {
      return PartitionsOrError(rd_kafka_resume_partitions(rk, list.get()), list);
    });
  }

  void Seek(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    Submit(On::kPollThread, info, [list, timeout = Milliseconds(info[2])](rd_kafka_t* rk) {
      return PartitionsOrError(ErrorHandle(rd_kafka_seek_partitions(rk, list.get(), timeout)), list);
    });
  }

  void Commit(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    Submit(On::kCommandThread, info,
           [consumer = client(), list](rd_kafka_t* rk) { return consumer->Commit(rk, list.get()); });
  }

  void Committed(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    Submit(On::kCommandThread, info, [list, timeout = Milliseconds(info[2])](rd_kafka_t* rk) {
      return PartitionsOrError(rd_kafka_committed(rk, list.get(), timeout), list);
    });
  }

  void OffsetsForTimes(const Info& info) {
    SharedPartitionList list = PartitionListFromJs(info[1]);
    const auto ask = [list](rd_kafka_t* rk, int timeout) {
      return PartitionsOrError(rd_kafka_offsets_for_times(rk, list.get(), timeout), list);
    };
    Submit(On::kLookupThread, info, UnlessClosing(client(), Milliseconds(info[2]), ask));
  }

  // watermarks(id, topic, partition, milliseconds): [low, high]
  void Watermarks(const Info& info) {
    const auto ask = [topic = Text(info[1]), partition = info[2].As<Napi::Number>().Int32Value()](
                         rd_kafka_t* rk, int timeout) {
      int64_t low = 0;
      int64_t high = 0;
      Result result;
      result.error = KafkaError::Of(
          rd_kafka_query_watermark_offsets(rk, topic.c_str(), partition, &low, &high, timeout));
      result.value = [low, high](Napi::Env env) -> Napi::Value {
        Napi::Array pair = Napi::Array::New(env, 2);
        pair.Set(0u, Napi::Number::New(env, static_cast<double>(low)));
        pair.Set(1u, Napi::Number::New(env, static_cast<double>(high)));
        return pair;
      };
      return result;
    };
    Submit(On::kLookupThread, info, UnlessClosing(client(), Milliseconds(info[3]), ask));
  }

  void MemberId(const Info& info) {
    Submit(On::kPollThread, info, [](rd_kafka_t* rk) {
      char* id = rd_kafka_memberid(rk);
      std::string text = id == nullptr ? "" : id;
      rd_kafka_mem_free(rk, id);
      return TextResult(std::move(text));
    });
  }

  // groupMetadata(id): { bytes, groupId, generationId, memberId, groupInstanceId }
  void GroupMetadata(const Info& info) {
    Submit(On::kPollThread, info, [](rd_kafka_t* rk) { return odradek::GroupMetadata(rk); });
  }

  // rebalancesAnswered(): see Consumer::Membership
  Napi::Value RebalancesAnswered(const Info& info) {
    return Napi::Number::New(info.Env(), client()->rebalances_answered());
  }

  void RebalanceProtocol(const Info& info) {
    Submit(On::kPollThread, info, [](rd_kafka_t* rk) {
      const char* protocol = rd_kafka_rebalance_protocol(rk);
      return TextResult(protocol == nullptr ? "" : protocol);
    });
  }

  friend class ClientWrap<ConsumerWrap, Consumer>;
};

}  // namespace

Napi::Function DefineConsumer(Napi::Env env) { return ConsumerWrap::Define(env); }

std::shared_ptr<Consumer> ConsumerOf(const Napi::Value& value) {
  bool tagged = false;
  if (napi_check_object_type_tag(value.Env(), value, &kConsumerTag, &tagged) != napi_ok || !tagged)
    return nullptr;
  return ConsumerWrap::Unwrap(value.As<Napi::Object>())->shared_client();
}

}  // namespace odradek

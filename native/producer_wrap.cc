#include "producer_wrap.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client_wrap.h"
#include "consumer.h"
#include "consumer_wrap.h"
#include "js_read.h"
#include "producer.h"
#include "transaction.h"

namespace odradek {

namespace {

class ProducerWrap final : public ClientWrap<ProducerWrap, Producer> {
 public:
  using ClientWrap::ClientWrap;

  static Napi::Function Define(Napi::Env env) {
    std::vector<Method> methods = CommonMethods();
    methods.push_back(InstanceMethod("addTopic", &ProducerWrap::AddTopic));
    methods.push_back(InstanceMethod("countPartitions", &ProducerWrap::CountPartitions));
    methods.push_back(InstanceMethod("addSlab", &ProducerWrap::AddSlab));
    methods.push_back(InstanceMethod("removeSlab", &ProducerWrap::RemoveSlab));
    methods.push_back(InstanceMethod("produce", &ProducerWrap::Produce));
    methods.push_back(InstanceMethod("takeReports", &ProducerWrap::TakeReports));
    methods.push_back(InstanceMethod("flush", &ProducerWrap::Flush));
    methods.push_back(InstanceMethod("purge", &ProducerWrap::Purge));
    methods.push_back(InstanceMethod("transaction", &ProducerWrap::Transaction));
    methods.push_back(InstanceMethod("flushTransaction", &ProducerWrap::FlushTransaction));
    methods.push_back(InstanceMethod("sendOffsets", &ProducerWrap::SendOffsets));
    methods.push_back(InstanceMethod("commitWithOffsets", &ProducerWrap::CommitWithOffsets));
    methods.push_back(InstanceMethod("interruptTransaction", &ProducerWrap::InterruptTransaction));
    return DefineClass(env, "Producer", methods);
  }

 private:
  struct SlabMemory {
    Napi::Reference<Napi::ArrayBuffer> buffer;
    const uint8_t* bytes;
  };

  // addTopic(name, entries | null): number
  Napi::Value AddTopic(const Info& info) {
    TopicConfHandle conf;
    if (info[1].IsArray()) {
      conf.reset(rd_kafka_topic_conf_new());
      Napi::Array entries = info[1].As<Napi::Array>();
      ErrorText text;
      for (uint32_t i = 0; i + 1 < entries.Length(); i += 2) {
        const std::string name = Text(entries.Get(i));
        const std::string value = Text(entries.Get(i + 1));
        if (rd_kafka_topic_conf_set(conf.get(), name.c_str(), value.c_str(), text.data(), text.size()) !=
            RD_KAFKA_CONF_OK) {
          ThrowKafkaError(info.Env(), KafkaError::Of(RD_KAFKA_RESP_ERR__INVALID_ARG,
                                                     "topic property '" + name + "': " + text.text));
          return info.Env().Undefined();
        }
      }
    }
    return Napi::Number::New(info.Env(), client()->AddTopic(Text(info[0]), std::move(conf)));
  }

  // countPartitions(id, topic, milliseconds): number
  void CountPartitions(const Info& info) {
    const int32_t topic = Int(info[1]);
    const int milliseconds = Int(info[2]);
    Submit(On::kQueryThread, info, [producer = client(), topic, milliseconds](rd_kafka_t* rk) {
      int32_t count = 0;
      Result result = Result::Fail(producer->CountPartitions(rk, topic, milliseconds, &count));
      result.value = [count](Napi::Env env) { return Napi::Number::New(env, count); };
      return result;
    });
  }

  // addSlab(arrayBuffer): number. The memory is kept until removeSlab.
  Napi::Value AddSlab(const Info& info) {
    Napi::ArrayBuffer buffer = info[0].As<Napi::ArrayBuffer>();
    uint32_t id = next_slab_++;
    slabs_.emplace(id, SlabMemory{Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1),
                                  static_cast<const uint8_t*>(buffer.Data())});
    return Napi::Number::New(info.Env(), id);
  }

  void RemoveSlab(const Info& info) { slabs_.erase(info[0].As<Napi::Number>().Uint32Value()); }

  // produce(slab, size, count): boolean, true when the slab is free again already
  Napi::Value Produce(const Info& info) {
    const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
    auto slab = slabs_.find(id);
    if (slab == slabs_.end()) return Napi::Boolean::New(info.Env(), true);
    const size_t size = info[1].As<Napi::Number>().Uint32Value();
    const uint32_t count = info[2].As<Napi::Number>().Uint32Value();
    return Napi::Boolean::New(info.Env(), client()->Produce(id, slab->second.bytes, size, count));
  }

  // takeReports(window): number, how many rows of reports it has been filled with
  Napi::Value TakeReports(const Info& info) {
    Napi::ArrayBuffer window = info[0].As<Napi::ArrayBuffer>();
    const size_t rows = window.ByteLength() / sizeof(DeliveryRow);
    return Napi::Number::New(
        info.Env(), static_cast<double>(client()->TakeReports(static_cast<uint8_t*>(window.Data()), rows)));
  }

  // flush(id, milliseconds): whether everything was reported, after a slice of these milliseconds
  void Flush(const Info& info) {
    const std::chrono::milliseconds time(info[1].As<Napi::Number>().Int64Value());
    Submit(On::kQueryThread, info, [producer = client(), time](rd_kafka_t* rk) {
      const bool flushed = producer->FlushSlice(rk, Client::Clock::now() + time);
      Result result;
      result.value = [flushed](Napi::Env env) { return Napi::Boolean::New(env, flushed); };
      return result;
    });
  }

  // purge(id, flags)
  void Purge(const Info& info) {
    const int flags = info[1].As<Napi::Number>().Int32Value();
    if (flags & RD_KAFKA_PURGE_F_QUEUE) client()->PurgeHandedOver();
    Submit(On::kQueryThread, info,
           [producer = client(), flags](rd_kafka_t* rk) { return Result::Fail(producer->Purge(rk, flags)); });
  }

  // transaction(id, call, milliseconds): see TransactionCall
  void Transaction(const Info& info) {
    const auto call = static_cast<TransactionCall>(info[1].As<Napi::Number>().Int32Value());
    if (call == TransactionCall::kAbort) client()->PurgeHandedOver();
    client()->InterruptTransaction(false);
    Submit(On::kCommandThread, info,
           [producer = client(), call, deadline = DeadlineOf(info[2])](rd_kafka_t* rk) {
             return CallTransaction(producer, rk, call, deadline);
           });
  }

  // flushTransaction(id, milliseconds)
  void FlushTransaction(const Info& info) {
    client()->InterruptTransaction(false);
    Submit(On::kCommandThread, info, [producer = client(), deadline = DeadlineOf(info[1])](rd_kafka_t* rk) {
      return odradek::FlushTransaction(producer, rk, deadline);
    });
  }

  // sendOffsets(id, offsets, group metadata's bytes or a consumer, its rebalances, milliseconds)
  void SendOffsets(const Info& info) { WithOffsets(info, odradek::SendOffsets); }

  // commitWithOffsets(the same): a Committed
  void CommitWithOffsets(const Info& info) { WithOffsets(info, odradek::CommitWithOffsets); }

  void WithOffsets(const Info& info, decltype(odradek::SendOffsets)* call) {
    client()->InterruptTransaction(false);
    Submit(On::kCommandThread, info,
           [producer = client(), call, offsets = PartitionListFromJs(info[1]),
            source = SourceOf(info[2], Int(info[3])), deadline = DeadlineOf(info[4])](rd_kafka_t* rk) {
             return call(producer, rk, offsets.get(), source, deadline);
           });
  }

  static GroupMetadataSource SourceOf(const Napi::Value& who, int32_t rebalances) {
    if (who.IsTypedArray()) {
      Napi::Uint8Array bytes = who.As<Napi::Uint8Array>();
      return WrittenGroupMetadata({bytes.Data(), bytes.Data() + bytes.ByteLength()});
    }
    return [consumer = ConsumerOf(who), rebalances](GroupMetadataHandle* metadata) {
      if (!consumer) return KafkaError::Of(RD_KAFKA_RESP_ERR__DESTROY, "The consumer is closed");
      return consumer->Membership(rebalances, metadata);
    };
  }

  // interruptTransaction(): what is under way need not be waited for to its end
  void InterruptTransaction(const Info&) { client()->InterruptTransaction(true); }

  static Client::Clock::time_point DeadlineOf(const Napi::Value& milliseconds) {
    return Client::Clock::now() + std::chrono::milliseconds(milliseconds.As<Napi::Number>().Int64Value());
  }

  std::unordered_map<uint32_t, SlabMemory> slabs_;
  uint32_t next_slab_ = 0;

  friend class ClientWrap<ProducerWrap, Producer>;
};

}  // namespace

Napi::Function DefineProducer(Napi::Env env) { return ProducerWrap::Define(env); }

}  // namespace odradek

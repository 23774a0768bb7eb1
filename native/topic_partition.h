// Topic-partition lists between librdkafka and JavaScript. The conversions run on the JS thread; the lists may cross.
#pragma once

#include <memory>

#include "handle.h"
#include "napi_setup.h"

namespace odradek {

// A list that tasks (which must be copyable) can carry to another thread.
using SharedPartitionList = std::shared_ptr<rd_kafka_topic_partition_list_t>;
SharedPartitionList Share(rd_kafka_topic_partition_list_t* list);

// From [{ topic, partition, offset?, leaderEpoch?, metadata? }], checked by lib/. Null for null or undefined.
SharedPartitionList PartitionListFromJs(const Napi::Value& value);
// To [{ topic, partition, offset, leaderEpoch, metadata, error }]: null where there is none.
Napi::Value PartitionListToJs(Napi::Env env, const rd_kafka_topic_partition_list_t* list);

}  // namespace odradek

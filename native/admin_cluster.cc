// Admin operations on the cluster and the leaders of its partitions.
#include <iterator>

#include "admin_operations.h"

namespace odradek {

namespace {

using ElectLeadersHandle = Handle<rd_kafka_ElectLeaders_t, &rd_kafka_ElectLeaders_destroy>;

KafkaError PrepareDescribeCluster(const Napi::Value&, AdminStart* start) {
  *start = rd_kafka_DescribeCluster;
  return KafkaError();
}

// { type, partitions: [{ topic, partition }] | null }: null is all
KafkaError PrepareElectLeaders(const Napi::Value& arguments, AdminStart* start) {
  Napi::Object item = ObjectOf(arguments);
  const auto type = static_cast<rd_kafka_ElectionType_t>(IntOf(item, "type"));
  SharedPartitionList partitions = PartitionListFromJs(item.Get("partitions"));
  *start = [type, partitions](rd_kafka_t* rk, const rd_kafka_AdminOptions_t* options,
                              rd_kafka_queue_t* queue) {
    ElectLeadersHandle request(rd_kafka_ElectLeaders_new(type, partitions.get()));
    rd_kafka_ElectLeaders(rk, request.get(), options, queue);
  };
  return KafkaError();
}

void WriteCluster(rd_kafka_event_t* event, JsonWriter* json) {
  const rd_kafka_DescribeCluster_result_t* cluster = rd_kafka_event_DescribeCluster_result(event);
  size_t count = 0;
  json->BeginObject();
  json->Text("clusterId", rd_kafka_DescribeCluster_result_cluster_id(cluster));
  WriteNode(json, "controller", rd_kafka_DescribeCluster_result_controller(cluster));
  const rd_kafka_Node_t** nodes = rd_kafka_DescribeCluster_result_nodes(cluster, &count);
  WriteNodes(json, "nodes", nodes, count);
  const rd_kafka_AclOperation_t* operations =
      rd_kafka_DescribeCluster_result_authorized_operations(cluster, &count);
  WriteOperations(json, operations, count);
  json->EndObject();
}

void WriteElections(rd_kafka_event_t* event, JsonWriter* json) {
  size_t count = 0;
  const rd_kafka_topic_partition_result_t** partitions =
      rd_kafka_ElectLeaders_result_partitions(rd_kafka_event_ElectLeaders_result(event), &count);
  json->Objects(nullptr, partitions, count, [json](const rd_kafka_topic_partition_result_t* result) {
    const rd_kafka_topic_partition_t* partition = rd_kafka_topic_partition_result_partition(result);
    json->Text("topic", partition->topic);
    json->Number("partition", partition->partition);
    WriteError(json, rd_kafka_topic_partition_result_error(result));
  });
}

constexpr AdminOperation kTable[] = {
    {"describeCluster", RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER, RD_KAFKA_EVENT_DESCRIBECLUSTER_RESULT,
     PrepareDescribeCluster, WriteCluster},
    {"electLeaders", RD_KAFKA_ADMIN_OP_ELECTLEADERS, RD_KAFKA_EVENT_ELECTLEADERS_RESULT, PrepareElectLeaders,
     WriteElections},
};

}  // namespace

extern const AdminOperations kClusterOperations = {kTable, std::size(kTable)};

}  // namespace odradek

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.ShareGroupDescription;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** The Java admin client, for Witness: one client for each bootstrap and configuration, kept. */
final class WitnessAdmin {
  private interface Operation {
    /** Maps, lists, strings and numbers: they become JSON. */
    Object run(Admin admin, JsonNode request) throws Exception;
  }

  private static final Map<Properties, Admin> ADMINS = new ConcurrentHashMap<>();
  private static final Map<String, Operation> OPERATIONS = new HashMap<>();
  private static final Map<String, Object> DONE = Map.of();

  static {
    OPERATIONS.put("createTopic", WitnessAdmin::createTopic);
    OPERATIONS.put("deleteTopic", WitnessAdmin::deleteTopic);
    OPERATIONS.put("createPartitions", WitnessAdmin::createPartitions);
    OPERATIONS.put("deleteRecords", WitnessAdmin::deleteRecords);
    OPERATIONS.put("listTopics", (admin, request) -> admin.listTopics().names().get());
    OPERATIONS.put("describeTopic", (admin, request) -> describeTopic(admin, text(request, "topic")));
    OPERATIONS.put("offsets", WitnessAdmin::offsets);
    OPERATIONS.put("listGroups", WitnessAdmin::listGroups);
    OPERATIONS.put("describeGroup", WitnessAdmin::describeGroup);
    OPERATIONS.put("groupOffsets", WitnessAdmin::groupOffsets);
    OPERATIONS.put("deleteGroup", WitnessAdmin::deleteGroup);
    OPERATIONS.put("describeConfig", WitnessAdmin::describeConfig);
    OPERATIONS.put("alterConfig", WitnessAdmin::alterConfig);
    OPERATIONS.put("createAcl", WitnessAdmin::createAcl);
    OPERATIONS.put("describeAcls", WitnessAdmin::describeAcls);
    OPERATIONS.put("deleteAcls", WitnessAdmin::deleteAcls);
    OPERATIONS.put("upsertScram", WitnessAdmin::upsertScram);
    OPERATIONS.put("describeScram", WitnessAdmin::describeScram);
    OPERATIONS.put("describeCluster", WitnessAdmin::describeCluster);
    OPERATIONS.put("listTransactions", WitnessAdmin::listTransactions);
    OPERATIONS.put("describeProducers", WitnessAdmin::describeProducers);
    OPERATIONS.put("fenceProducer", WitnessAdmin::fenceProducer);
  }

  static JsonNode run(JsonNode request) throws Exception {
    Operation operation = OPERATIONS.get(text(request, "op"));
    if (operation == null) throw new IllegalArgumentException("no operation \"" + text(request, "op") + "\"");
    Admin admin = ADMINS.computeIfAbsent(Witness.clientProperties(request), Admin::create);
    return Witness.JSON.valueToTree(operation.run(admin, request));
  }

  private static String text(JsonNode request, String name) {
    return request.path(name).asText();
  }

  private static Map<String, String> strings(JsonNode node) {
    Map<String, String> map = new HashMap<>();
    node.properties().forEach(e -> map.put(e.getKey(), e.getValue().asText()));
    return map;
  }

  private static <T> List<Object> each(Collection<T> items, Function<T, Object> toJson) {
    return items.stream().map(toJson).collect(Collectors.toList());
  }

  /** Like Map.of, in order and with nulls. */
  private static Map<String, Object> map(Object... pairs) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) map.put((String) pairs[i], pairs[i + 1]);
    return map;
  }

  // Topics

  /** Settles when the broker that answers knows a leader for each partition: a client may start at once. */
  private static Object createTopic(Admin admin, JsonNode request) throws Exception {
    Optional<Integer> partitions = Optional.of(request.path("partitions").asInt(1));
    Optional<Short> replication = Optional.ofNullable(request.get("replication")).map(n -> (short) n.asInt());
    NewTopic topic = new NewTopic(text(request, "topic"), partitions, replication);
    admin.createTopics(List.of(topic.configs(strings(request.path("topicConfig"))))).all().get();
    while (true) {
      try {
        TopicDescription description = describe(admin, topic.name());
        if (description.partitions().stream().allMatch(p -> p.leader() != null)) return toJson(description);
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) throw e;
      }
      Thread.sleep(10);
    }
  }

  private static Object deleteTopic(Admin admin, JsonNode request) throws Exception {
    admin.deleteTopics(List.of(text(request, "topic"))).all().get();
    return DONE;
  }

  private static Object createPartitions(Admin admin, JsonNode request) throws Exception {
    int total = request.get("total").asInt();
    admin.createPartitions(Map.of(text(request, "topic"), NewPartitions.increaseTo(total))).all().get();
    return DONE;
  }

  private static Object deleteRecords(Admin admin, JsonNode request) throws Exception {
    TopicPartition partition = new TopicPartition(text(request, "topic"), request.get("partition").asInt());
    RecordsToDelete before = RecordsToDelete.beforeOffset(request.get("before").asLong());
    admin.deleteRecords(Map.of(partition, before)).all().get();
    return DONE;
  }

  private static TopicDescription describe(Admin admin, String topic) throws Exception {
    return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
  }

  private static Object describeTopic(Admin admin, String topic) throws Exception {
    return toJson(describe(admin, topic));
  }

  private static Object toJson(TopicDescription description) {
    List<Object> partitions = each(description.partitions(), p -> map(
        "partition", p.partition(),
        "leader", p.leader() == null ? -1 : p.leader().id(),
        "replicas", each(p.replicas(), Node::id),
        "isr", each(p.isr(), Node::id)));
    return map("name", description.name(), "topicId", description.topicId().toString(), "partitions", partitions);
  }

  /** "at": beginning, end or a time in milliseconds; the end as the isolation level sees it. */
  private static Object offsets(Admin admin, JsonNode request) throws Exception {
    JsonNode at = request.get("at");
    OffsetSpec spec = at.isNumber() ? OffsetSpec.forTimestamp(at.asLong())
        : at.asText().equals("beginning") ? OffsetSpec.earliest() : OffsetSpec.latest();
    boolean committed = text(request, "isolation").equals("read_committed");
    String topic = text(request, "topic");
    Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
    describe(admin, topic).partitions().forEach(p -> wanted.put(new TopicPartition(topic, p.partition()), spec));
    IsolationLevel isolation = committed ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED;
    Map<Integer, Long> result = new TreeMap<>();
    admin.listOffsets(wanted, new ListOffsetsOptions(isolation)).all().get()
        .forEach((partition, info) -> result.put(partition.partition(), info.offset()));
    return result;
  }

  // Groups

  private static Object listGroups(Admin admin, JsonNode request) throws Exception {
    return each(admin.listGroups().all().get(), group -> map(
        "group", group.groupId(),
        "type", group.type().map(Object::toString).orElse(null),
        "protocol", group.protocol(),
        "state", group.groupState().map(Object::toString).orElse(null)));
  }

  private static Object describeGroup(Admin admin, JsonNode request) throws Exception {
    String group = text(request, "group");
    boolean share = admin.listGroups().all().get().stream()
        .anyMatch(g -> g.groupId().equals(group) && g.type().equals(Optional.of(GroupType.SHARE)));
    if (share) {
      ShareGroupDescription found = admin.describeShareGroups(List.of(group)).all().get().get(group);
      return map("group", group, "type", "Share", "state", found.groupState().toString(), "members", each(found.members(), m -> map(
          "memberId", m.consumerId(), "clientId", m.clientId(), "assignment", partitions(m.assignment().topicPartitions()))));
    }
    ConsumerGroupDescription found = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
    return map(
        "group", group,
        "type", found.type().toString(),
        "state", found.groupState().toString(),
        "assignor", found.partitionAssignor(),
        "coordinator", found.coordinator().id(),
        "members", each(found.members(), m -> map(
            "memberId", m.consumerId(),
            "instanceId", m.groupInstanceId().orElse(null),
            "clientId", m.clientId(),
            "assignment", partitions(m.assignment().topicPartitions()))));
  }

  private static Map<String, List<Integer>> partitions(Collection<TopicPartition> partitions) {
    return partitions.stream().sorted(Comparator.comparing(TopicPartition::partition)).collect(
        Collectors.groupingBy(TopicPartition::topic, TreeMap::new, Collectors.mapping(TopicPartition::partition, Collectors.toList())));
  }

  private static Object groupOffsets(Admin admin, JsonNode request) throws Exception {
    String group = text(request, "group");
    Map<String, Map<Integer, Object>> topics = new TreeMap<>();
    admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().forEach((partition, committed) -> {
      if (committed == null) return;
      topics.computeIfAbsent(partition.topic(), name -> new TreeMap<>()).put(partition.partition(), map(
          "offset", committed.offset(), "metadata", committed.metadata(), "leaderEpoch", committed.leaderEpoch().orElse(null)));
    });
    return topics;
  }

  private static Object deleteGroup(Admin admin, JsonNode request) throws Exception {
    admin.deleteConsumerGroups(List.of(text(request, "group"))).all().get();
    return DONE;
  }

  // Configuration

  private static ConfigResource resource(JsonNode request) {
    return new ConfigResource(ConfigResource.Type.valueOf(text(request, "type").toUpperCase()), text(request, "name"));
  }

  private static Object describeConfig(Admin admin, JsonNode request) throws Exception {
    ConfigResource resource = resource(request);
    Map<String, Object> entries = new TreeMap<>();
    for (ConfigEntry entry : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
      entries.put(entry.name(), map("value", entry.value(), "source", entry.source().toString()));
    }
    return entries;
  }

  private static Object alterConfig(Admin admin, JsonNode request) throws Exception {
    List<AlterConfigOp> operations = new ArrayList<>();
    request.get("set").properties().forEach(e -> {
      boolean remove = e.getValue().isNull();
      ConfigEntry entry = new ConfigEntry(e.getKey(), remove ? "" : e.getValue().asText());
      operations.add(new AlterConfigOp(entry, remove ? AlterConfigOp.OpType.DELETE : AlterConfigOp.OpType.SET));
    });
    admin.incrementalAlterConfigs(Map.of(resource(request), operations)).all().get();
    return DONE;
  }

  // Security

  private static Object createAcl(Admin admin, JsonNode request) throws Exception {
    ResourceType type = ResourceType.fromString(text(request, "resourceType"));
    PatternType pattern = PatternType.fromString(request.path("patternType").asText("LITERAL"));
    AclOperation operation = AclOperation.fromString(text(request, "operation"));
    AclPermissionType permission = AclPermissionType.fromString(request.path("permission").asText("ALLOW"));
    String host = request.path("host").asText("*");
    admin.createAcls(List.of(new AclBinding(
        new ResourcePattern(type, text(request, "resourceName"), pattern),
        new AccessControlEntry(text(request, "principal"), host, operation, permission)))).all().get();
    return DONE;
  }

  private static Object describeAcls(Admin admin, JsonNode request) throws Exception {
    return each(admin.describeAcls(AclBindingFilter.ANY).values().get(), acl -> map(
        "resourceType", acl.pattern().resourceType().toString(),
        "resourceName", acl.pattern().name(),
        "patternType", acl.pattern().patternType().toString(),
        "principal", acl.entry().principal(),
        "host", acl.entry().host(),
        "operation", acl.entry().operation().toString(),
        "permission", acl.entry().permissionType().toString()));
  }

  private static Object deleteAcls(Admin admin, JsonNode request) throws Exception {
    return map("deleted", admin.deleteAcls(List.of(AclBindingFilter.ANY)).all().get().size());
  }

  private static Object upsertScram(Admin admin, JsonNode request) throws Exception {
    ScramCredentialInfo info = new ScramCredentialInfo(
        ScramMechanism.fromMechanismName(text(request, "mechanism")), request.path("iterations").asInt(4096));
    admin.alterUserScramCredentials(List.of(
        new UserScramCredentialUpsertion(text(request, "user"), info, text(request, "password")))).all().get();
    return DONE;
  }

  private static Object describeScram(Admin admin, JsonNode request) throws Exception {
    Map<String, Object> users = new TreeMap<>();
    admin.describeUserScramCredentials().all().get().forEach((name, user) -> users.put(name, each(
        user.credentialInfos(), info -> map("mechanism", info.mechanism().mechanismName(), "iterations", info.iterations()))));
    return users;
  }

  // Cluster and transactions

  private static Object describeCluster(Admin admin, JsonNode request) throws Exception {
    DescribeClusterResult cluster = admin.describeCluster();
    return map(
        "clusterId", cluster.clusterId().get(),
        "controller", cluster.controller().get().id(),
        "nodes", each(cluster.nodes().get(), node -> map("id", node.id(), "host", node.host(), "port", node.port())));
  }

  private static Object listTransactions(Admin admin, JsonNode request) throws Exception {
    return each(admin.listTransactions().all().get(), listing -> map(
        "transactionalId", listing.transactionalId(), "producerId", listing.producerId(), "state", listing.state().toString()));
  }

  /** With the start of the open transaction, if there is one: how a hanging transaction is found. */
  private static Object describeProducers(Admin admin, JsonNode request) throws Exception {
    TopicPartition partition = new TopicPartition(text(request, "topic"), request.get("partition").asInt());
    return each(admin.describeProducers(List.of(partition)).all().get().get(partition).activeProducers(), producer -> map(
        "producerId", producer.producerId(),
        "producerEpoch", producer.producerEpoch(),
        "lastSequence", producer.lastSequence(),
        "transactionStart", producer.currentTransactionStartOffset().isPresent() ? producer.currentTransactionStartOffset().getAsLong() : null));
  }

  private static Object fenceProducer(Admin admin, JsonNode request) throws Exception {
    admin.fenceProducers(List.of(text(request, "transactionalId"))).all().get();
    return DONE;
  }

  private WitnessAdmin() {}
}

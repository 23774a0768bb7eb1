import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The Java producer and consumer, for Witness. */
final class WitnessRecords {
  /**
   * Writes records in their order; "transaction" {id, end: commit | abort | leave} writes them in one, and "leave" goes
   * away without ending it, as a killed program does.
   */
  static JsonNode produce(JsonNode request) throws Exception {
    Properties properties = Witness.clientProperties(request);
    properties.putIfAbsent("acks", "all");
    if (request.has("compression")) properties.put("compression.type", request.get("compression").asText());
    JsonNode transaction = request.path("transaction");
    String end = transaction.path("end").asText();
    if (transaction.isMissingNode()) {
      // With it, a first request that meets a partition which is only just there leaves Java's producer refused for ever
      // (OutOfOrderSequenceException, again and again).
      properties.putIfAbsent("enable.idempotence", "false");
      properties.putIfAbsent("max.in.flight.requests.per.connection", "1");
    } else {
      properties.put("transactional.id", transaction.get("id").asText());
    }
    KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    try {
      if (!end.isEmpty()) {
        producer.initTransactions();
        producer.beginTransaction();
      }
      List<Future<RecordMetadata>> futures = new ArrayList<>();
      for (JsonNode record : request.get("records")) futures.add(producer.send(toRecord(request.get("topic").asText(), record)));
      producer.flush();
      ArrayNode result = Witness.array();
      for (Future<RecordMetadata> future : futures) {
        RecordMetadata written = future.get();
        result.addObject().put("partition", written.partition()).put("offset", written.offset()).put("timestamp", written.timestamp());
      }
      if (end.equals("commit")) producer.commitTransaction();
      if (end.equals("abort")) producer.abortTransaction();
      return result;
    } finally {
      producer.close(end.equals("leave") ? Duration.ZERO : Duration.ofSeconds(10));
    }
  }

  private static ProducerRecord<byte[], byte[]> toRecord(String topic, JsonNode record) {
    List<Header> headers = new ArrayList<>();
    for (JsonNode header : record.path("headers")) {
      headers.add(new RecordHeader(header.get(0).asText(), Witness.decode(header.get(1))));
    }
    Integer partition = record.hasNonNull("partition") ? record.get("partition").asInt() : null;
    Long timestamp = record.hasNonNull("timestamp") ? record.get("timestamp").asLong() : null;
    return new ProducerRecord<>(
        topic, partition, timestamp, Witness.decode(record.get("key")), Witness.decode(record.get("value")), headers);
  }

  /**
   * Reads a topic without a group, from "from" (beginning, or partition -> offset) to the end offsets of the moment, or
   * until "count" records are there. Fails, saying what came, when that takes longer than "timeout" milliseconds.
   */
  static JsonNode consume(JsonNode request, Witness.Parts parts) throws Exception {
    Properties properties = Witness.clientProperties(request);
    properties.put("isolation.level", request.path("isolation").asText("read_uncommitted"));
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", "earliest");
    properties.putIfAbsent("max.poll.records", "2000");
    // Closing waits for the fetch under way, which at the end of a topic would be half a second.
    properties.putIfAbsent("fetch.max.wait.ms", "10");
    long deadline = System.nanoTime() + request.path("timeout").asLong(30_000) * 1_000_000;
    long limit = request.path("count").asLong(Long.MAX_VALUE);
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions = partitions(consumer, request);
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      request.path("from").properties().forEach(e ->
          consumer.seek(new TopicPartition(request.get("topic").asText(), Integer.parseInt(e.getKey())), e.getValue().asLong()));
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      long count = 0;
      while (count < limit && !(request.path("count").isMissingNode() && atEnd(consumer, ends))) {
        ArrayNode part = Witness.array();
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          if (count < limit) {
            part.add(toJson(record));
            count++;
          }
        }
        if (part.size() > 0) parts.send(part);
        if (count < limit && System.nanoTime() > deadline) {
          throw new TimeoutException(count + " records came, positions " + positions(consumer) + ", ends " + ends);
        }
      }
      return Witness.object().put("count", count).set("positions", Witness.JSON.valueToTree(positions(consumer)));
    }
  }

  private static List<TopicPartition> partitions(KafkaConsumer<byte[], byte[]> consumer, JsonNode request) {
    String topic = request.get("topic").asText();
    if (request.has("partitions")) {
      return StreamSupport.stream(request.get("partitions").spliterator(), false)
          .map(partition -> new TopicPartition(topic, partition.asInt()))
          .collect(Collectors.toList());
    }
    return consumer.partitionsFor(topic).stream()
        .map(info -> new TopicPartition(topic, info.partition()))
        .collect(Collectors.toList());
  }

  private static boolean atEnd(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends) {
    return ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
  }

  private static Map<Integer, Long> positions(KafkaConsumer<byte[], byte[]> consumer) {
    return consumer.assignment().stream().collect(Collectors.toMap(TopicPartition::partition, consumer::position));
  }

  private static ObjectNode toJson(ConsumerRecord<byte[], byte[]> record) {
    ObjectNode json = Witness.object();
    json.put("partition", record.partition()).put("offset", record.offset());
    json.put("timestamp", record.timestamp()).put("timestampType", record.timestampType().toString());
    json.put("leaderEpoch", record.leaderEpoch().orElse(null));
    json.put("key", Witness.encode(record.key())).put("value", Witness.encode(record.value()));
    ArrayNode headers = json.putArray("headers");
    for (Header header : record.headers()) headers.addArray().add(header.key()).add(Witness.encode(header.value()));
    return json;
  }

  private WitnessRecords() {}
}

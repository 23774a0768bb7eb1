import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Kafka's own Java clients as a witness for the tests: what they wrote we must read, and the reverse. One JVM serves a
 * whole test run; starting one of Kafka's tools takes a second, asking here takes milliseconds.
 *
 * It listens on a port of the loopback address that it prints, and speaks lines of JSON:
 *   request   {"id":1,"op":"createTopic","bootstrap":"host:port","config":{…client properties…}, …}
 *   answer    {"id":1,"result":…}  or  {"id":1,"error":{"type":"TopicExistsException","message":"…"}}
 *   before it, where the result is long, any number of {"id":1,"part":[…]}
 * Requests of one connection run side by side. It ends when its standard input does.
 */
public final class Witness {
  static final ObjectMapper JSON = new ObjectMapper();

  /** Sends a part of a long result. */
  interface Parts {
    void send(JsonNode part) throws IOException;
  }

  public static void main(String[] args) throws Exception {
    ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread parent = new Thread(Witness::endWithParent, "parent-watch");
    parent.setDaemon(true);
    parent.start();
    System.out.println("listening " + server.getLocalPort());
    ExecutorService workers = Executors.newCachedThreadPool();
    while (true) {
      Socket socket = server.accept();
      workers.execute(() -> serve(socket, workers));
    }
  }

  private static void endWithParent() {
    try {
      while (System.in.read() >= 0) continue;
    } catch (IOException e) {
      // A broken pipe says the same as its end.
    }
    Runtime.getRuntime().halt(0);
  }

  private static void serve(Socket socket, ExecutorService workers) {
    try (socket;
        BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8))) {
      socket.setTcpNoDelay(true);
      String line;
      while ((line = in.readLine()) != null) {
        JsonNode request = JSON.readTree(line);
        workers.execute(() -> answer(request, out));
      }
    } catch (IOException e) {
      // The test that asked is gone.
    }
  }

  private static void answer(JsonNode request, BufferedWriter out) {
    ObjectNode answer = JSON.createObjectNode();
    answer.set("id", request.get("id"));
    try {
      Parts parts = part -> write(out, JSON.createObjectNode().<ObjectNode>set("id", request.get("id")).set("part", part));
      answer.set("result", run(request, parts));
    } catch (Throwable thrown) {
      Throwable error = thrown instanceof ExecutionException && thrown.getCause() != null ? thrown.getCause() : thrown;
      answer.putObject("error").put("type", error.getClass().getSimpleName()).put("message", String.valueOf(error.getMessage()));
    }
    try {
      write(out, answer);
    } catch (IOException e) {
      // The test that asked is gone.
    }
  }

  private static void write(BufferedWriter out, JsonNode message) throws IOException {
    String line = JSON.writeValueAsString(message);
    synchronized (out) {
      out.write(line);
      out.write('\n');
      out.flush();
    }
  }

  private static JsonNode run(JsonNode request, Parts parts) throws Exception {
    switch (request.path("op").asText()) {
      case "produce":
        return WitnessRecords.produce(request);
      case "consume":
        return WitnessRecords.consume(request, parts);
      default:
        return WitnessAdmin.run(request);
    }
  }

  /** Client properties of a request. */
  static Properties clientProperties(JsonNode request) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", request.path("bootstrap").asText());
    // A test may have paused the broker that is asked: after this long, another one is.
    properties.put("request.timeout.ms", "5000");
    request.path("config").properties().forEach(e -> properties.put(e.getKey(), e.getValue().asText()));
    return properties;
  }

  static String encode(byte[] bytes) {
    return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
  }

  static byte[] decode(JsonNode text) {
    return text == null || text.isNull() ? null : Base64.getDecoder().decode(text.asText());
  }

  static ArrayNode array() {
    return JSON.createArrayNode();
  }

  static ObjectNode object() {
    return JSON.createObjectNode();
  }
}

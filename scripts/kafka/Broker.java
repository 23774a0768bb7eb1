import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Properties;
import java.util.stream.Stream;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import kafka.tools.StorageTool;
import org.apache.kafka.common.utils.Time;

/**
 * One Kafka node: formats its log directory when that is new, serves, and says "ready" once the server answers.
 * Formatting here saves a second JVM; saying it from here saves reading Kafka's log for a phrase.
 *
 * Its lifeline is standard input or, with -Dodradek.lifeline=PORT (in a container), one connection to that port: when
 * it ends, so do we, because whoever started us is gone. The connection first brings the properties, up to a line
 * "end": only after a container's start is it known under which port clients reach it.
 *
 * Usage: Broker SERVER_PROPERTIES CLUSTER_ID [argument of "format" ...]
 *   -Dodradek.remove=DIR     remove DIR when the lifeline ends
 */
public final class Broker {
  public static void main(String[] args) throws Exception {
    if (args.length < 2) {
      System.err.println("usage: Broker SERVER_PROPERTIES CLUSTER_ID [argument of format ...]");
      System.exit(2);
    }
    Path file = Path.of(args[0]);
    Integer port = Integer.getInteger("odradek.lifeline");
    OutputStream answers = port == null ? watch(System.in, System.out) : acceptLifeline(port, file);
    format(file, args[1], Arrays.copyOfRange(args, 2, args.length));

    Properties properties = new Properties();
    try (InputStream in = Files.newInputStream(file)) {
      properties.load(in);
    }
    KafkaRaftServer server = new KafkaRaftServer(KafkaConfig.fromProps(properties), Time.SYSTEM);
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown, "shutdown"));
    server.startup();
    new PrintStream(answers, true).println("ready");
    server.awaitShutdown();
  }

  private static void format(Path properties, String clusterId, String[] more) {
    String[] fixed = {"format", "--ignore-formatted", "-t", clusterId, "-c", properties.toString()};
    String[] all = Stream.concat(Arrays.stream(fixed), Arrays.stream(more)).toArray(String[]::new);
    int status = StorageTool.execute(all, System.err);
    if (status != 0) System.exit(status);
  }

  private static OutputStream acceptLifeline(int port, Path file) throws IOException {
    try (ServerSocket server = new ServerSocket(port)) {
      System.out.println("waiting for the configuration on port " + port);
      Socket socket = server.accept();
      BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
      StringBuilder properties = new StringBuilder();
      String line = in.readLine();
      for (; line != null && !line.equals("end"); line = in.readLine()) properties.append(line).append('\n');
      if (line == null) System.exit(0);
      Files.createDirectories(file.getParent());
      Files.writeString(file, properties, StandardCharsets.ISO_8859_1);
      return watch(socket.getInputStream(), socket.getOutputStream());
    }
  }

  /** A parent that was killed cannot stop us, but its end of the pipe closes: no node outlives its test run. */
  private static OutputStream watch(InputStream lifeline, OutputStream answers) {
    Thread thread = new Thread(() -> {
      try {
        while (lifeline.read() >= 0) continue;
      } catch (IOException e) {
        // A broken pipe says the same as its end.
      }
      String remove = System.getProperty("odradek.remove");
      if (remove != null) removeTree(Path.of(remove));
      Runtime.getRuntime().halt(0);
    }, "lifeline");
    thread.setDaemon(true);
    thread.start();
    return answers;
  }

  private static void removeTree(Path root) {
    try (Stream<Path> paths = Files.walk(root)) {
      paths.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    } catch (IOException | RuntimeException e) {
      // Kafka or another node may be writing or removing there: the next start of a cluster removes what is left.
    }
  }
}

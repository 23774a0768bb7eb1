import java.io.IOException;
import java.io.InputStream;
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
 * One Kafka node: formats its log directory when that is new, serves, and says "ready" on standard output once the
 * server answers. Formatting here saves a second JVM; saying it from here saves reading Kafka's log for a phrase.
 *
 * Usage: Broker SERVER_PROPERTIES CLUSTER_ID [argument of "format" ...]
 *   -Dodradek.wait=true      the properties arrive later (a container learns its mapped port after its start)
 *   -Dodradek.stdin=true     stop when standard input ends: then the process that started us is gone
 *   -Dodradek.remove=DIR     in that case remove DIR too
 */
public final class Broker {
  public static void main(String[] args) throws Exception {
    if (args.length < 2) {
      System.err.println("usage: Broker SERVER_PROPERTIES CLUSTER_ID [argument of format ...]");
      System.exit(2);
    }
    if (Boolean.getBoolean("odradek.stdin")) watchParent();
    Path file = Path.of(args[0]);
    if (Boolean.getBoolean("odradek.wait")) waitFor(file);
    format(file, args[1], Arrays.copyOfRange(args, 2, args.length));

    Properties properties = new Properties();
    try (InputStream in = Files.newInputStream(file)) {
      properties.load(in);
    }
    KafkaRaftServer server = new KafkaRaftServer(KafkaConfig.fromProps(properties), Time.SYSTEM);
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown, "shutdown"));
    server.startup();
    System.out.println("ready");
    server.awaitShutdown();
  }

  private static void format(Path properties, String clusterId, String[] more) {
    String[] fixed = {"format", "--ignore-formatted", "-t", clusterId, "-c", properties.toString()};
    String[] all = Stream.concat(Arrays.stream(fixed), Arrays.stream(more)).toArray(String[]::new);
    int status = StorageTool.execute(all, System.err);
    if (status != 0) System.exit(status);
  }

  private static void waitFor(Path file) throws InterruptedException {
    while (!Files.exists(file)) Thread.sleep(50);
  }

  /** A parent that was killed cannot stop us, but its end of the pipe closes: no node outlives its test run. */
  private static void watchParent() {
    Thread thread = new Thread(() -> {
      try {
        while (System.in.read() >= 0) continue;
      } catch (IOException e) {
        // A broken pipe says the same as its end.
      }
      String remove = System.getProperty("odradek.remove");
      if (remove != null) removeTree(Path.of(remove));
      Runtime.getRuntime().halt(0);
    }, "parent-watch");
    thread.setDaemon(true);
    thread.start();
  }

  private static void removeTree(Path root) {
    try (Stream<Path> paths = Files.walk(root)) {
      paths.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    } catch (IOException | RuntimeException e) {
      // Kafka or another node may be writing or removing there: the next start of a cluster removes what is left.
    }
  }
}

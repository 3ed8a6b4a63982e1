import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import software.amazon.event.ruler.Machine;

/** Reads one {"pattern", "event"} a line and answers one of "true", "false", "refused" and "slow" a line. */
public class Oracle {
  private static final ObjectMapper JSON = new ObjectMapper();
  /** Some patterns keep Event Ruler busy for hours; daemons do not keep the process from ending. */
  private static final long LIMIT_MS = 1000;
  private static final ThreadFactory DAEMONS = task -> {
    Thread thread = new Thread(null, task, "case", 64L << 20);
    thread.setDaemon(true);
    return thread;
  };

  public static void main(String[] arguments) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    ExecutorService worker = Executors.newSingleThreadExecutor(DAEMONS);
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode asked = JSON.readTree(line);
      Future<String> answer =
          worker.submit(() -> answer(asked.get("pattern").toString(), asked.get("event").toString()));
      try {
        answers.println(answer.get(LIMIT_MS, TimeUnit.MILLISECONDS));
      } catch (TimeoutException slow) {
        answers.println("slow");
        worker = Executors.newSingleThreadExecutor(DAEMONS);
      } catch (ExecutionException failed) {
        answers.println("failed: " + failed.getCause());
      }
    }
    System.exit(0);
  }

  private static String answer(String pattern, String event) throws Exception {
    Machine machine = Machine.builder().withOverridesForDuplicateRules(false).build();
    try {
      machine.addRule("route", pattern);
    } catch (Exception refused) {
      return "refused";
    }
    return machine.rulesForJSONEvent(event).isEmpty() ? "false" : "true";
  }
}

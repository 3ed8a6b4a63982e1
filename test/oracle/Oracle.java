import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/** Reads one {"pattern", "event"} a line and answers one of "true", "false" and "refused" a line. */
public class Oracle {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws IOException {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    StringBuilder answers = new StringBuilder();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode asked = JSON.readTree(line);
      answers.append(answer(asked.get("pattern").toString(), asked.get("event").toString())).append('\n');
    }
    System.out.print(answers);
  }

  private static String answer(String pattern, String event) {
    Machine machine = Machine.builder().withOverridesForDuplicateRules(false).build();
    try {
      machine.addRule("route", pattern);
    } catch (Exception refused) {
      return "refused";
    }
    try {
      return machine.rulesForJSONEvent(event).isEmpty() ? "false" : "true";
    } catch (Exception unexpected) {
      return "failed: " + unexpected;
    }
  }
}

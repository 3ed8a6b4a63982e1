import { checkHere, expectedOfTargets } from "../config/check.ts";
import { loadConfig, showFinding, showSummary } from "../config/load.ts";
import { previewTarget } from "../config/preview-target.ts";
import { callOut } from "../host/call-out.ts";
import { systemClock } from "../host/clock.ts";
import { LocalSecrets } from "../host/secrets.ts";
import { checkLive } from "./check-live.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { sessionOf } from "./session.ts";
import { jsonText, printable, table } from "./terminal-text.ts";

/**
 * `drawbridge check`: reports the findings in the configuration; with `--live`, forged requests that a bridge accepts; with
 * `--live <target> --page <id>`, what would be written to a page.
 */
export async function checkCommand(invocation: Invocation): Promise<number> {
  const { given, positionals, options } = invocation;
  const [target] = positionals;
  const page = options["page"];
  if (given.has("live") && given.has("strict"))
    throw usageFault("--strict is about the configuration: not with --live");
  if (!given.has("live") && given.has("url")) throw usageFault("--url names the bridge: only with --live");
  if (target === undefined && page === undefined) {
    return given.has("live") ? checkRunning(invocation) : checkFile(invocation);
  }
  if (target === undefined || page === undefined || !given.has("live") || given.has("url"))
    throw usageFault("what would be written to a page: check --live <target> --page <id>, without --url");
  return checkPage(invocation, target, page);
}

async function checkPage(invocation: Invocation, target: string, page: string): Promise<number> {
  const { given, environment, print } = invocation;
  const config = await loadConfig((await sessionOf(invocation)).config());
  const secrets = new LocalSecrets(environment);
  const { writes, facts } = await previewTarget(config, { target, page, secrets, clock: systemClock, callOut });
  if (given.has("json")) print(jsonText({ writes, ...facts }));
  else for (const [name, fact] of Object.entries(facts)) print(printable(`${name.padEnd(FACT_WIDTH)}  ${fact}`));
  return writes ? EXIT.done : EXIT.refused;
}

/** The longest name of a fact is "copied from". */
const FACT_WIDTH = 11;

async function checkFile(invocation: Invocation): Promise<number> {
  const { given, environment, print } = invocation;
  const path = (await sessionOf(invocation)).config();
  const findings = await checkHere(path, new LocalSecrets(environment), systemClock);
  if (given.has("json")) {
    print(jsonText(findings));
  } else {
    for (const finding of findings) print(printable(showFinding(finding)));
    for (const line of await expectedOfTargets(path)) print(printable(line));
    print(printable(showSummary(path, findings)));
  }
  const isFailing = findings.some(({ level }) => level === "error" || (level === "warning" && given.has("strict")));
  return isFailing ? EXIT.refused : EXIT.done;
}

async function checkRunning(invocation: Invocation): Promise<number> {
  const { given, print } = invocation;
  const session = await sessionOf(invocation);
  const config = await loadConfig(session.config());
  const findings = await checkLive(session.url, config, { clock: systemClock });
  if (given.has("json")) {
    print(jsonText(findings));
  } else {
    const rows = findings.map(({ what, status, verdict }) => [what, String(status), LIVE_VERDICTS[verdict]]);
    print(table(["FORGED REQUEST", "ANSWER", "VERDICT"], rows));
    if (findings.some(({ verdict }) => verdict === "let in"))
      print("A request that a source let in is recorded as its delivery.");
  }
  return findings.every(({ verdict }) => verdict === "refused") ? EXIT.done : EXIT.refused;
}

const LIVE_VERDICTS = { refused: "refused", "let in": "LET IN", undecided: "UNDECIDED" } as const;

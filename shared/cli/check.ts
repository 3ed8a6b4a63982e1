import { checkHere, expectedOfTargets } from "../config/check.ts";
import { loadConfig, showFinding, showSummary } from "../config/load.ts";
import { previewTarget, probeTarget } from "../config/preview-target.ts";
import { systemClock } from "../host/clock.ts";
import { LocalSecrets } from "../host/secrets.ts";
import { callOutOf } from "../outbound/certificate-authorities.ts";
import { checkCollector, checkLive, checkLiveGroups, type LiveFinding, unknownSources } from "./check-live.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { followProbe } from "./follow-probe.ts";
import { type Display, formatOf, printFound } from "./output.ts";
import { type Session, sessionOf } from "./session.ts";
import { type Cell, printable, table } from "./terminal-text.ts";

/**
 * `drawbridge check`: reports the findings in the configuration; with `--live`, forged requests that a bridge accepts,
 * whether the collector works, and whether the sites have the groups that give roles; with `--live <target> --page <id>`,
 * what would be written to a page.
 */
export async function checkCommand(invocation: Invocation): Promise<number> {
  const { given, positionals, options } = invocation;
  const [target] = positionals;
  const page = options["page"];
  if (given.has("live") && given.has("strict"))
    throw usageFault("--strict is about the configuration: not with --live");
  if (!given.has("live") && given.has("url")) throw usageFault("--url names the bridge: only with --live");
  for (const option of ["dry-run", "timeout"] as const) {
    if (given.has(option) && (!given.has("live") || target === undefined || page !== undefined))
      throw usageFault(`--${option} needs --live and a target, and no --page`);
  }
  if (target === undefined && page === undefined) {
    return given.has("live") ? checkRunning(invocation) : checkFile(invocation);
  }
  if (target === undefined || !given.has("live"))
    throw usageFault("a target is checked with --live: check --live <target>, or check --live <target> --page <id>");
  if (page === undefined && formatOf(invocation) !== "table")
    throw usageFault("the hops of a run are printed when they are reached: without --json and --output");
  if (page === undefined) return checkRun(invocation, target);
  if (given.has("url")) throw usageFault("what would be written to a page is read without the bridge: without --url");
  return checkPage(invocation, target, page);
}

async function checkRun(invocation: Invocation, target: string): Promise<number> {
  const { given, environment, options, print } = invocation;
  const session = await sessionOf(invocation);
  const config = await loadConfig(session.config());
  const probe = probeTarget(config, {
    target,
    secrets: new LocalSecrets(environment),
    clock: systemClock,
    callOut: callOutOf(config),
  });
  const timeoutMs = Number(options["timeout"]) * 1_000;
  const facts = { bridge: bridgeOf(session), ...probe.plan };
  for (const [name, fact] of Object.entries(facts)) print(printable(`${name.padEnd(FACT_WIDTH)}  ${fact}`));
  if (given.has("dry-run")) return EXIT.done;
  return (await followProbe(probe, { session, print, timeoutMs, clock: systemClock })) ? EXIT.done : EXIT.refused;
}

async function checkPage(invocation: Invocation, target: string, page: string): Promise<number> {
  const { environment } = invocation;
  const config = await loadConfig((await sessionOf(invocation)).config());
  const secrets = new LocalSecrets(environment);
  const { writes, facts } = await previewTarget(config, {
    target,
    page,
    secrets,
    clock: systemClock,
    callOut: callOutOf(config),
  });
  const whole = { writes, ...facts };
  const text = (): string =>
    Object.entries(facts)
      .map(([name, fact]) => printable(`${name.padEnd(FACT_WIDTH)}  ${fact}`))
      .join("\n");
  printFound(invocation, { whole, records: [whole], text });
  return writes ? EXIT.done : EXIT.refused;
}

/** The longest name of a fact is "copied from". */
const FACT_WIDTH = 11;

async function checkFile(invocation: Invocation): Promise<number> {
  const { given, environment } = invocation;
  const path = (await sessionOf(invocation)).config();
  const findings = await checkHere(path, new LocalSecrets(environment), systemClock);
  const expected = formatOf(invocation) === "table" ? await expectedOfTargets(path) : [];
  const lines = [...findings.map(showFinding), ...expected, showSummary(path, findings)];
  printFound(invocation, { whole: findings, records: findings, text: () => lines.map(printable).join("\n") });
  const isFailing = findings.some(({ level }) => level === "error" || (level === "warning" && given.has("strict")));
  return isFailing ? EXIT.refused : EXIT.done;
}

async function checkRunning(invocation: Invocation): Promise<number> {
  const { environment, print } = invocation;
  const session = await sessionOf(invocation);
  const config = await loadConfig(session.config());
  if (formatOf(invocation) === "table") print(`bridge ${bridgeOf(session)}`);
  const deps = { clock: systemClock, secrets: new LocalSecrets(environment) };
  const findings = [
    ...(await checkLive(session.url, config, deps)),
    ...(await checkCollector(config, deps)),
    ...(await checkLiveGroups(config, deps)),
  ];
  printFound(invocation, { whole: findings, records: findings, text: (display) => liveText(findings, display) });
  return findings.every(({ verdict }) => RIGHT.includes(verdict)) ? EXIT.done : EXIT.refused;
}

function liveText(findings: readonly LiveFinding[], display: Display): string {
  const rows = findings.map(({ what, status, verdict }): readonly Cell[] => [
    what,
    String(status),
    { text: LIVE_VERDICTS[verdict], tone: LIVE_TONES[verdict] },
  ]);
  const letIn = findings.some(({ verdict }) => verdict === "let in");
  return [
    table([{ name: "FORGED REQUEST", least: 20 }, "ANSWER", "VERDICT"], rows, display),
    ...(letIn ? ["A request that a source let in is recorded as its delivery."] : []),
    ...unknownSources(findings).map((source) => `This bridge has no source ${source}: use --url.`),
  ].join("\n");
}

const RIGHT: readonly LiveFinding["verdict"][] = ["refused", "taken", "known"];

const LIVE_TONES = {
  refused: undefined,
  "let in": "failed",
  undecided: "attention",
  taken: undefined,
  "not taken": "failed",
  known: undefined,
  "not known": "failed",
} as const;

const bridgeOf = ({ url, isPlayground }: Session): string => `${url.origin}${isPlayground ? " (the playground)" : ""}`;

const LIVE_VERDICTS = {
  refused: "refused",
  "let in": "LET IN",
  undecided: "UNDECIDED",
  taken: "taken",
  "not taken": "NOT TAKEN",
  known: "known",
  "not known": "NOT KNOWN",
} as const;

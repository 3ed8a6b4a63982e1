import * as v from "valibot";
import { renderTekton } from "../actions/tekton/render.ts";
import type { DECISIONS } from "../approvals/decide.ts";
import { checkHere } from "../config/check.ts";
import { loadConfig, showFinding, showSummary } from "../config/load.ts";
import { systemClock } from "../host/clock.ts";
import type { Environment } from "../host/environment.ts";
import { Fault } from "../host/fault.ts";
import { LocalSecrets } from "../host/secrets.ts";
import { createTokenVerifier } from "../identity/verify-token.ts";
import { approvalsDecide, approvalsList } from "./approvals.ts";
import { checkLive } from "./check-live.ts";
import { eventsList, eventsShow } from "./events.ts";
import { eventsReplay, rollback } from "./replay.ts";
import { reportShadow } from "./report.ts";
import { secretsList } from "./secrets.ts";
import { fixturesOf, sendFixture } from "./send.ts";
import { besidesSession, openSession, type Session } from "./session.ts";
import { table } from "./table.ts";
import { offline, readToken, tokenExplain } from "./token.ts";
import { USAGE } from "./usage.ts";

type Options = Readonly<Record<string, string>>;
type Print = (text: string) => void;

interface Invocation {
  readonly rest: readonly string[];
  readonly options: Options;
  readonly environment: Environment;
  readonly session: Session;
  readonly print: Print;
  /** Width of the terminal; absent where it is none. */
  readonly columns?: number | undefined;
}

interface Command {
  /** Gives the exit code. */
  readonly run: (invocation: Invocation) => Promise<number>;
  /** What it may be given besides options. */
  readonly takes?: readonly string[];
  /** Said to whoever gives more. What that was is not repeated: it may be a secret. */
  readonly instead?: string;
}

/** Runs one command that is not `start`. Gives the exit code. */
export async function runCommand(
  words: readonly string[],
  options: Options,
  environment: Environment,
  print: Print,
  columns?: number,
): Promise<number> {
  if (words.length === 0 || words[0] === "help") {
    print(USAGE);
    return words.length === 0 ? 1 : 0;
  }
  const [name, { run, takes = [], instead }] = commandIn(words);
  const rest = words.slice(name.split(" ").length);
  if (rest.length > takes.length) throw wrong(instead ?? `too many arguments: it is "${told(name, takes)}"`);
  const session = await openSession({ environment, url: options["url"], config: options["config"] });
  return run({ rest, options, environment, session, print, columns });
}

const told = (name: string, takes: readonly string[]): string => [name, ...takes.map((what) => `<${what}>`)].join(" ");

function commandIn(words: readonly string[]): readonly [string, Command] {
  const known = Object.entries(COMMANDS).find(([name]) => `${words.join(" ")} `.startsWith(`${name} `));
  if (known !== undefined) return known;
  const [group = "", ...below] = words;
  const siblings = Object.keys(COMMANDS).filter((name) => name.startsWith(`${group} `));
  if (siblings.length === 0) throw wrong(`no command "${group}"; see --help`);
  throw wrong(`no command "${[group, ...below.slice(0, 1)].join(" ")}"; there are: ${siblings.join(", ")}`);
}

const COMMANDS: Readonly<Record<string, Command>> = {
  check: { run: check },
  send: { run: send, takes: ["provider", "event"] },
  "events list": telling(({ session, options }) => eventsList(session, options)),
  "events show": about("delivery", (id, { session, columns }) => eventsShow(session, id, columns)),
  "events replay": about("delivery", (id, { session, options }) => eventsReplay(session, id, options["route"])),
  rollback: about("route", (route, { session, options: { environment, to } }) =>
    rollback(session, { route, environment, to }),
  ),
  "approvals list": telling(({ session }) => approvalsList(session)),
  "approvals grant": deciding("grant"),
  "approvals deny": deciding("deny"),
  "approvals withdraw": deciding("withdraw"),
  "report shadow": telling(({ session, options }) => reportShadow(session, besidesSession(options))),
  secrets: telling(async ({ session }) => secretsList(session, await loadConfig(session.config), systemClock.now())),
  "tekton render": about("route", tektonObjects),
  "token explain": {
    run: explain,
    instead: "the token is read from standard input or --file: other users can see what a command is called with",
  },
};

/** A command that only tells something. */
function telling(tell: (invocation: Invocation) => Promise<string>): Command {
  const run = async (invocation: Invocation): Promise<number> => {
    invocation.print(await tell(invocation));
    return 0;
  };
  return { run };
}

/** One that tells something of what it is given. */
function about(what: string, tell: (name: string, invocation: Invocation) => Promise<string>): Command {
  const { run } = telling((invocation) => {
    const [name] = invocation.rest;
    if (name === undefined) throw wrong(`say which ${what}`);
    return tell(name, invocation);
  });
  return { run, takes: [what] };
}

function deciding(decision: (typeof DECISIONS)[number]): Command {
  return about("approval", (id, { session, options: { comment } }) =>
    approvalsDecide(session, id, { decision, comment }),
  );
}

const wrong = (message: string): Fault => new Fault("configuration_invalid", message, { retryable: false });

async function check(invocation: Invocation): Promise<number> {
  const { session, options, environment, print } = invocation;
  if (options["live"]) return checkRunning(invocation);
  const findings = await checkHere(session.config, new LocalSecrets(environment), systemClock);
  for (const finding of findings) print(showFinding(finding));
  print(showSummary(session.config, findings));
  return findings.some(({ level }) => level === "error") ? 1 : 0;
}

async function checkRunning({ session, print }: Invocation): Promise<number> {
  const config = await loadConfig(session.config);
  const tokens = createTokenVerifier(config.issuers, { clock: systemClock });
  const findings = await checkLive(session.url, config, { tokens, clock: systemClock });
  const rows = findings.map(({ what, status, verdict }) => [what, String(status), LIVE_VERDICTS[verdict]]);
  print(table(["FORGED REQUEST", "ANSWER", "VERDICT"], rows));
  if (findings.some(({ verdict }) => verdict === "let in"))
    print("What a source let in is recorded as a delivery of it.");
  return findings.every(({ verdict }) => verdict === "refused") ? 0 : 1;
}

const LIVE_VERDICTS = { refused: "refused", "let in": "LET IN", undecided: "UNDECIDED" } as const;

async function send({ rest, session, environment, print }: Invocation): Promise<number> {
  const [provider = "", event] = rest;
  if (event === undefined) {
    print(
      fixturesOf(provider).join("\n") || "send <provider> <event>; providers: buildkite, confluence, gitlab, tekton",
    );
    return fixturesOf(provider).length > 0 ? 0 : 2;
  }
  const config = await loadConfig(session.config);
  const secrets = new LocalSecrets(environment);
  const tools = { secrets, clock: systemClock, tokens: createTokenVerifier(config.issuers, { clock: systemClock }) };
  const { status, answer } = await sendFixture(session.url, { provider, event }, config, tools);
  print(`${status} ${answer}`);
  return status < 300 ? 0 : 1;
}

async function explain({ session, options, print }: Invocation): Promise<number> {
  const config = await loadConfig(session.config);
  const tools = { ...config, clock: systemClock, print, ...(options["offline"] && { callOut: offline }) };
  return tokenExplain(await readToken(options["file"]), options["entry"], tools);
}

async function tektonObjects(name: string, { session, options }: Invocation): Promise<string> {
  const config = await loadConfig(session.config);
  const route = config.routes.find((one) => one.name === name && one.action === "tekton");
  if (route === undefined) {
    const names = config.routes.filter(({ action }) => action === "tekton").map((one) => one.name);
    throw wrong(`no route "${name}" fires Tekton; those that do: ${names.join(", ")}`);
  }
  const {
    namespace = "default",
    listener = "drawbridge",
    pipeline = name,
    "service-account": serviceAccount = "default",
  } = options;
  const params = Object.keys(v.parse(withParams, route.options).params);
  return renderTekton({ name, params }, { namespace, listener, pipeline, serviceAccount });
}

const withParams = v.object({ params: v.optional(v.record(v.string(), v.string()), {}) });

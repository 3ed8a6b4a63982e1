import * as v from "valibot";
import { renderTekton } from "../actions/tekton/render.ts";
import type { DECISIONS } from "../approvals/decide.ts";
import { checkConfig } from "../config/check.ts";
import { loadConfig } from "../config/load.ts";
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
import { openSession, type Session } from "./session.ts";
import { table } from "./table.ts";
import { offline, readToken, tokenExplain } from "./token.ts";
import { USAGE } from "./usage.ts";

type Options = Readonly<Record<string, string | undefined>>;
type Print = (text: string) => void;

interface Invocation {
  readonly rest: readonly string[];
  readonly options: Options;
  readonly environment: Environment;
  readonly session: Session;
  readonly print: Print;
}

/** Gives the exit code. */
type Command = (invocation: Invocation) => Promise<number>;

/** Runs one command that is not `start`. Gives the exit code. */
export async function runCommand(
  words: readonly string[],
  options: Options,
  environment: Environment,
  print: Print,
): Promise<number> {
  const name = Object.keys(COMMANDS).find((command) => `${words.join(" ")} `.startsWith(`${command} `));
  const command = name === undefined ? undefined : COMMANDS[name];
  if (name === undefined || command === undefined) {
    print(USAGE);
    return words.length === 0 || words[0] === "help" ? 0 : 2;
  }
  const session = await openSession({ environment, url: options["url"], config: options["config"] });
  return command({ rest: words.slice(name.split(" ").length), options, environment, session, print });
}

const COMMANDS: Readonly<Record<string, Command>> = {
  check,
  send,
  "events list": telling(({ session, options }) => eventsList(session, filtersIn(options))),
  "events show": telling(({ session, rest }) => eventsShow(session, nameIn(rest))),
  "events replay": telling(({ session, rest, options }) => eventsReplay(session, nameIn(rest), options["route"])),
  rollback: telling(({ session, rest, options: { environment, to } }) =>
    rollback(session, { route: nameIn(rest), environment, to }),
  ),
  "approvals list": telling(({ session }) => approvalsList(session)),
  "approvals grant": deciding("grant"),
  "approvals deny": deciding("deny"),
  "approvals withdraw": deciding("withdraw"),
  "report shadow": telling(({ session, options }) => reportShadow(session, filtersIn(options))),
  secrets: telling(async ({ session }) => secretsList(session, await loadConfig(session.config), systemClock.now())),
  "tekton render": telling(tektonObjects),
  "token explain": explain,
};

/** A command that only tells something. */
function telling(tell: (invocation: Invocation) => Promise<string>): Command {
  return async (invocation) => {
    invocation.print(await tell(invocation));
    return 0;
  };
}

function deciding(decision: (typeof DECISIONS)[number]): Command {
  return telling(({ session, rest, options: { comment } }) =>
    approvalsDecide(session, nameIn(rest), { decision, comment }),
  );
}

/** What a command is about that has to be given something. */
function nameIn([name]: readonly string[]): string {
  if (name !== undefined) return name;
  throw wrong("say which: a delivery, a route or an approval");
}

function filtersIn({ url: _, config: __, ...given }: Options): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

const wrong = (message: string): Fault => new Fault("configuration_invalid", message, { retryable: false });

async function check(invocation: Invocation): Promise<number> {
  const { session, options, environment, print } = invocation;
  if (options["live"]) return checkRunning(invocation);
  const findings = await checkConfig(session.config, new LocalSecrets(environment));
  for (const { level, message } of findings) print(`${level}: ${message}`);
  const errors = findings.filter(({ level }) => level === "error").length;
  print(`${session.config}: ${errors} errors, ${findings.length - errors} warnings`);
  return errors === 0 ? 0 : 1;
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

async function explain({ rest, session, options, print }: Invocation): Promise<number> {
  if (rest.length > 0)
    throw wrong("the token is read from standard input or --file: other users can see what a command is called with");
  const config = await loadConfig(session.config);
  const tools = { ...config, clock: systemClock, print, ...(options["offline"] && { callOut: offline }) };
  return tokenExplain(await readToken(options["file"]), options["entry"], tools);
}

async function tektonObjects({ rest, session, options }: Invocation): Promise<string> {
  const [name = ""] = rest;
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

import { renderTekton } from "../actions/tekton/render.ts";
import { checkConfig } from "../config/check.ts";
import { loadConfig } from "../config/load.ts";
import { systemClock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { LocalSecrets } from "../host/secrets.ts";
import { createTokenVerifier } from "../identity/verify-token.ts";
import { approvalsDecide, approvalsList, eventsReplay, rollback } from "./approvals.ts";
import { checkLive } from "./check-live.ts";
import { eventsList, eventsShow } from "./events.ts";
import { reportShadow } from "./report.ts";
import { secretsList } from "./secrets.ts";
import { fixturesOf, sendFixture } from "./send.ts";
import { openSession, type Session } from "./session.ts";
import { table } from "./table.ts";
import { offline, readToken, tokenExplain } from "./token.ts";
import { USAGE } from "./usage.ts";

type Options = Readonly<Record<string, string | undefined>>;
type Environment = Readonly<Record<string, string | undefined>>;
type Print = (text: string) => void;

interface Invocation {
  readonly rest: readonly string[];
  readonly options: Options;
  readonly environment: Environment;
  readonly session: Session;
  readonly print: Print;
}

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

const COMMANDS: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = {
  check,
  send,
  "events list": list,
  "events show": show,
  "events replay": (invocation) =>
    one(invocation, (id) => eventsReplay(invocation.session, id, invocation.options["route"])),
  rollback: (invocation) =>
    one(invocation, (route) => rollback(invocation.session, { ...placeIn(invocation.options), route })),
  "approvals list": async ({ session, print }) => {
    print(await approvalsList(session));
    return 0;
  },
  "approvals grant": (invocation) => decided("grant", invocation),
  "approvals deny": (invocation) => decided("deny", invocation),
  "approvals withdraw": (invocation) => decided("withdraw", invocation),
  "report shadow": shadow,
  secrets,
  "tekton render": render,
  "token explain": explain,
};

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
  const rows = findings.map(({ what, status, good }) => [
    what,
    String(status),
    good ? "refused" : "LET IN, OR UNDECIDED",
  ]);
  print(table(["FORGED REQUEST", "ANSWER", "VERDICT"], rows));
  return findings.every(({ good }) => good) ? 0 : 1;
}

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

async function list({ session, options, print }: Invocation): Promise<number> {
  print(await eventsList(session, filtersOf(options)));
  return 0;
}

function filtersOf({ url: _, config: __, ...given }: Options): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

async function shadow({ session, options, print }: Invocation): Promise<number> {
  print(await reportShadow(session, filtersOf(options)));
  return 0;
}

async function secrets({ session, print }: Invocation): Promise<number> {
  print(await secretsList(session, await loadConfig(session.config), systemClock.now()));
  return 0;
}

async function show({ rest, session, print }: Invocation): Promise<number> {
  const [id] = rest;
  if (id === undefined)
    throw new Fault("configuration_invalid", "events show needs a delivery's id", { retryable: false });
  print(await eventsShow(session, id));
  return 0;
}

/** A command about one thing that it has to be given. */
async function one({ rest: [name], print }: Invocation, run: (name: string) => Promise<string>): Promise<number> {
  if (name === undefined)
    throw new Fault("configuration_invalid", "say which: a delivery, a route or an approval", { retryable: false });
  print(await run(name));
  return 0;
}

const decided = (decision: "grant" | "deny" | "withdraw", invocation: Invocation): Promise<number> =>
  one(invocation, (id) =>
    approvalsDecide(invocation.session, id, { decision, comment: invocation.options["comment"] }),
  );

const placeIn = ({ environment, to }: Options) => ({ environment, to });

async function explain({ rest, session, options, print }: Invocation): Promise<number> {
  if (rest.length > 0) {
    const message =
      "the token is read from standard input or --file: other users can see what a command is called with";
    throw new Fault("configuration_invalid", message, { retryable: false });
  }
  const { issuers } = await loadConfig(session.config);
  const tools = { issuers, clock: systemClock, print, ...(options["offline"] && { callOut: offline }) };
  return tokenExplain(await readToken(options["file"]), options["entry"], tools);
}

async function render({ rest, session, options, print }: Invocation): Promise<number> {
  const [name = ""] = rest;
  const config = await loadConfig(session.config);
  const route = config.routes.find((one) => one.name === name && one.action === "tekton");
  if (route === undefined) {
    const names = config.routes.filter(({ action }) => action === "tekton").map((one) => one.name);
    throw new Fault("configuration_invalid", `no route "${name}" fires Tekton; those that do: ${names.join(", ")}`, {
      retryable: false,
    });
  }
  const {
    namespace = "default",
    listener = "drawbridge",
    pipeline = name,
    "service-account": serviceAccount = "default",
  } = options;
  const { params = {} } = route.options as { readonly params?: Readonly<Record<string, string>> };
  print(renderTekton({ name, params: Object.keys(params) }, { namespace, listener, pipeline, serviceAccount }));
  return 0;
}

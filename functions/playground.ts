import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { post } from "../shared/cli/bridge-client.ts";
import { usageFault } from "../shared/cli/command.ts";
import { placedOrder } from "../shared/cli/responses.ts";
import { sendFixture } from "../shared/cli/send.ts";
import { openSession, PLAYGROUND_SESSION, type PlaygroundSession, readPlayground } from "../shared/cli/session.ts";
import { trace } from "../shared/cli/trace.ts";
import type { Config } from "../shared/config/schema.ts";
import { signingDeps } from "../shared/config/signing-deps.ts";
import { DEFAULT_RETRY } from "../shared/delivery/backoff.ts";
import { systemClock as clock, toIso } from "../shared/host/clock.ts";
import { Fault } from "../shared/host/fault.ts";
import { jsonLog, type Log } from "../shared/host/log.ts";
import type { Secrets } from "../shared/host/secrets.ts";
import { startPlaygroundSandboxes } from "../test/support/playground-sandboxes.ts";
import { LiveConfig } from "./live-config.ts";
import { startStandalone } from "./standalone.ts";
import type { StopOutcome } from "./stop-on-signal.ts";

const HOME = ".drawbridge/playground";
const LOG = `${HOME}/bridge.log`;
/** One port for the bridge, and one for each of its three sandboxes. */
const PORTS = 4;
const MAX_PORT = 65_535;
const SEARCHED_PORTS = 400;
/** Much longer than the trace takes: a run in the sandbox takes one or two seconds. */
const TRACE_TIMEOUT_MS = 60_000;

export interface PlaygroundOptions {
  readonly port: number;
  /** What the commands that it names begin with. */
  readonly program: string;
  readonly print: (line: string) => void;
}

export interface Playground {
  /** Sends one recorded Confluence delivery, and prints its trace to the end. Resolves early if it is stopped. */
  demonstrate(): Promise<void>;
  /** Stops every part once. Each call returns the same promise. */
  stop(): Promise<StopOutcome>;
}

/**
 * Starts a bridge between sandboxes, all on loopback and without earlier data. Commands find it as soon as
 * `demonstrate` is called.
 */
export async function startPlayground({ port, program, print }: PlaygroundOptions): Promise<Playground> {
  await rejectSecondPlayground();
  if (port !== 0) await checkPorts(port);
  const onDropped = (sentence: string): void => print(`\n${sentence} ${LOG} says why.`);
  const sandboxes = await startPlaygroundSandboxes({ port, onDropped });
  await rm(HOME, { recursive: true, force: true });
  // Its configuration and its log are as private as its data.
  await mkdir(HOME, { recursive: true, mode: 0o700 });
  const path = await sandboxes.writeConfig(HOME);
  const log = jsonLog(
    (line) => appendFileSync(LOG, line, { mode: 0o600 }),
    () => toIso(clock.now()),
  );
  const live = new LiveConfig({ path, tls: NO_TLS, environment: {}, log });
  const { config, secrets } = await live.open();
  const bridge = await startBridge({ config, secrets, log, port });
  live.start((settings) => {
    bridge.use(settings);
    print("\nThe changed configuration is in force.");
  });
  let stopping: Promise<StopOutcome> | undefined;
  const stopAll = async (): Promise<StopOutcome> => {
    await rm(PLAYGROUND_SESSION, { force: true });
    await live.close();
    const outcome = await bridge.stop();
    await sandboxes.close();
    return outcome;
  };
  const stop = (): Promise<StopOutcome> => {
    stopping ??= stopAll();
    return stopping;
  };
  const introduce = async (): Promise<void> => {
    writeSession(sandboxes.meet(bridge.url, path));
    print("The Drawbridge playground. Everything is on this machine and starts empty.\n");
    const webhooks = ["webhooks go to", `${bridge.url.origin}/webhooks/<source>`];
    const addresses = [...sandboxes.addresses, webhooks, ["configuration", path]];
    for (const [what = "", where = ""] of addresses) print(`  ${what.padEnd(20)}${where}`);

    const arrived = await sendOne(bridge.url, { config, secrets, print });
    print(
      arrived
        ? `\nThe page is now at version ${sandboxes.pageVersion()}: ${sandboxes.pageUrl}`
        : "\nThe page was not written in time.",
    );
    print(await placeOne(bridge.url));
    print(nextSteps(program));
  };
  const demonstrate = async (): Promise<void> => {
    try {
      await introduce();
    } catch (error) {
      // The calls of the trace fail when the bridge stops.
      if (stopping !== undefined) return;
      await stop();
      throw error;
    }
  };
  return { demonstrate, stop };
}

/** Renames a complete file, so no command reads a part of it. Synchronous, so no signal handler runs between its steps. */
function writeSession(session: PlaygroundSession): void {
  const unfinished = `${PLAYGROUND_SESSION}.new`;
  writeFileSync(unfinished, JSON.stringify(session), { mode: 0o600 });
  renameSync(unfinished, PLAYGROUND_SESSION);
}

const NO_TLS = { certificate: undefined, key: undefined, clientCa: undefined };

interface StartOptions {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly port: number;
}

const startBridge = ({ config, secrets, log, port }: StartOptions) =>
  startStandalone({
    config,
    secrets,
    log,
    retry: DEFAULT_RETRY,
    address: { hostname: "127.0.0.1", port },
    dataPath: `${HOME}/data`,
  });

/** Sends a page edit. Resolves to whether the page showed the resulting build in time. */
async function sendOne(
  bridge: URL,
  {
    config,
    secrets,
    print,
  }: { readonly config: Config; readonly secrets: Secrets; readonly print: PlaygroundOptions["print"] },
): Promise<boolean> {
  const fixture = { provider: "confluence", event: "page-updated" };
  print(`\nA page edit is sent as Confluence sends it, signed: ${fixture.provider} ${fixture.event}\n`);
  const sent = await sendFixture(bridge, fixture, config, signingDeps(config, secrets, clock));
  const session = await openSession({ environment: {}, url: bridge.href });
  return trace(session, sent.delivery, {
    print,
    timeoutMs: TRACE_TIMEOUT_MS,
    isEnd: (event, what) => what === "build.succeeded" && event.kind === "attempt" && event.outcome === "done",
  });
}

/** Places an order, which waits for a person. Returns what to read about it. */
async function placeOne(bridge: URL): Promise<string> {
  const session = await openSession({ environment: {}, url: bridge.href });
  const [body, headers] = [{ inputs: { version: "4.2" } }, { "idempotency-key": "playground" }];
  const { delivery } = await post(session, "/v1/orders/release-docs", placedOrder, { body, headers });
  return `\nThe order release-docs version=4.2 is placed as ${delivery}. It waits in the console until axel approves.`;
}

/** Throws `configuration_invalid` if a playground is running: the second one would overwrite its files. */
async function rejectSecondPlayground(): Promise<void> {
  const other = await readPlayground();
  if (other === undefined) return;
  const isUp = await fetch(new URL("/healthz", other.url)).then(
    ({ ok }) => ok,
    () => false,
  );
  if (isUp) throw invalid(`a playground is already running at ${other.url}: stop it first`);
}

/** Throws if a port of the row is taken. The message names that port and the first port of a free row. */
async function checkPorts(first: number): Promise<void> {
  const rowFrom = (start: number): readonly number[] => Array.from({ length: PORTS }, (_, place) => start + place);
  const last = MAX_PORT - PORTS + 1;
  const need = `the playground needs ${PORTS} ports in a row`;
  if (first > last) throw usageFault(`${need}: --port can be ${last} at most`);
  const taken = await firstTaken(rowFrom(first));
  if (taken === undefined) return;
  const remedy = `${need}, here ${first} to ${first + PORTS - 1}: stop the process that listens on ${taken}`;
  for (let start = first + PORTS; start <= Math.min(first + SEARCHED_PORTS, last); start += PORTS) {
    if ((await firstTaken(rowFrom(start))) !== undefined) continue;
    throw invalid(`127.0.0.1:${taken} is taken; ${remedy}, or run: npm start -- --port ${start}`);
  }
  throw invalid(`127.0.0.1:${taken} is taken; ${remedy}, or use another --port`);
}

async function firstTaken(ports: readonly number[]): Promise<number | undefined> {
  for (const port of ports) if (!(await isFree(port))) return port;
  return undefined;
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

const invalid = (message: string): Fault => new Fault("configuration_invalid", message, { retryable: false });

const nextSteps = (program: string): string => `
Edit that page in the browser and watch its status change. To repeat the run before the newest one, add a comment to the
page that consists of: drawbridge rollback docs-build
“Save ten times” there makes ten edits: one run, of the last. See the other nine: ${program} events list --state superseded
The console shows all of this. It lets you choose the person to sign in as. In another terminal:
  ${program} send gitlab push      # waits in the console until axel approves
  ${program} run release-docs --set version=4.3 --wait      # so does this order
  ${program} events list
Ctrl-C ends the playground.`;

import { appendFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { sendFixture } from "../shared/cli/send.ts";
import { openSession, PLAYGROUND_SESSION } from "../shared/cli/session.ts";
import { trace } from "../shared/cli/trace.ts";
import { loadConfig } from "../shared/config/load.ts";
import { DEFAULT_RETRY } from "../shared/delivery/retry-delay.ts";
import { systemClock as clock, toIso } from "../shared/host/clock.ts";
import { jsonLog } from "../shared/host/log.ts";
import { LocalSecrets } from "../shared/host/secrets.ts";
import { createTokenVerifier } from "../shared/identity/verify-token.ts";
import { startPlaygroundSandboxes } from "../test/support/playground-sandboxes.ts";
import { startStandalone } from "./standalone.ts";

const HOME = ".drawbridge/playground";
/** Far more than the crossing takes; a run in the sandbox takes a second or two. */
const TRACE_TIMEOUT_MS = 60_000;

export interface PlaygroundOptions {
  readonly port: number;
  readonly print: (line: string) => void;
}

/**
 * The bridge between sandboxes, all on loopback, starting empty each time. Sends one recorded Confluence delivery through
 * the whole path, prints its trace, and stays up.
 */
export async function startPlayground({ port, print }: PlaygroundOptions): Promise<{ stop(): Promise<void> }> {
  const sandboxes = await startPlaygroundSandboxes(port);
  await rm(HOME, { recursive: true, force: true });
  await mkdir(HOME, { recursive: true });
  const path = await sandboxes.writeConfig(HOME);
  const config = await loadConfig(path);
  const secrets = new LocalSecrets({});
  const bridge = await startStandalone({
    config,
    secrets,
    log: jsonLog(
      (line) => appendFileSync(`${HOME}/bridge.log`, line),
      () => toIso(clock.now()),
    ),
    retry: DEFAULT_RETRY,
    address: { hostname: "127.0.0.1", port },
    dataPath: `${HOME}/data`,
  });
  await writeFile(PLAYGROUND_SESSION, JSON.stringify(sandboxes.meet(bridge.url, path)), { mode: 0o600 });
  print("The Drawbridge playground. Everything is on this machine and starts empty.\n");
  const addresses = [["bridge", bridge.url.href], ...sandboxes.addresses, ["configuration", path]];
  for (const [what = "", where = ""] of addresses) print(`  ${what.padEnd(20)}${where}`);

  const fixture = { provider: "confluence", event: "page-updated" };
  print(`\nA page edit is sent as Confluence sends it, signed: ${fixture.provider} ${fixture.event}\n`);
  const tokens = createTokenVerifier(config.issuers, { clock });
  const sent = await sendFixture(bridge.url, fixture, config, { secrets, clock, tokens });
  const session = await openSession({ environment: {}, url: bridge.url.href });
  const arrived = await trace(session, sent.delivery, {
    print,
    timeoutMs: TRACE_TIMEOUT_MS,
    isEnd: (entry, what) => what === "build.succeeded" && entry.kind === "attempt" && entry.outcome === "done",
  });
  print(
    arrived
      ? `\nThe page is now at version ${sandboxes.pageVersion()}: ${sandboxes.pageUrl}`
      : "\nThe page was not written in time.",
  );
  print(NEXT_STEPS);
  const stop = async (): Promise<void> => {
    await bridge.stop();
    await sandboxes.close();
    await rm(PLAYGROUND_SESSION, { force: true });
  };
  return { stop };
}

const NEXT_STEPS = `
Edit that page in the browser and watch its status change. Then comment on it, with these words alone, to have the run
before the newest once more: drawbridge rollback docs-build
The console shows all of it to whoever you say you are there. In another terminal:
  npm run drawbridge -- send gitlab push      # waits in the console until axel approves
  npm run drawbridge -- events list
Ctrl-C ends the playground.`;

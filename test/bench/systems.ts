import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CANARY } from "../support/http-bridge.ts";
import { until } from "../support/until.ts";
import { type Child, startChild } from "./child.ts";

/** A receiver of webhooks that a load can be sent to. */
export interface System {
  readonly name: SystemName;
  /** What is on the disk when a delivery is answered with 2xx. */
  readonly keeps: string;
  /** Whether a push to `main` calls the listener. */
  readonly fires: boolean;
  /** Starts it with its data in the folder. */
  readonly start: (folder: string, listener: URL) => Promise<RunningSystem>;
}

export type SystemName = keyof typeof NAMES;

/** Names for a person. */
export const NAMES = {
  ours: "Drawbridge",
  old: "Drawbridge before SQLite",
  bare: "bare `node:http` and SQLite",
  powertools: "Powertools idempotency and an audit put",
  express: "Express",
  octokit: "`@octokit/webhooks`",
  webhook: "Debian's `webhook`",
} as const;

export interface RunningSystem {
  /** Where hooks are sent. */
  readonly url: string;
  /** Resident memory of all its processes. */
  residentBytes(): Promise<number>;
  stop(): Promise<void>;
}

/** The systems that can run here. `oldRoot` is the folder of the version with the old store; undefined: it is left out. */
export function systemsOf({ oldRoot }: { readonly oldRoot: string | undefined }): readonly System[] {
  const systems: readonly (System | undefined)[] = [
    {
      name: "ours",
      keeps: "the delivery, synced",
      fires: true,
      start: (folder, listener) => startStandalone(folder, listener),
    },
    oldRoot === undefined
      ? undefined
      : {
          name: "old",
          keeps: "the delivery, not synced",
          fires: true,
          start: (folder, listener) => startStandalone(folder, listener, oldRoot),
        },
    {
      name: "bare",
      keeps: "the body, synced",
      fires: false,
      start: async (folder) => ofChild(await startChild("./bare-server.ts", [folder])),
    },
    { name: "powertools", keeps: "the body, not synced", fires: true, start: startPowertools },
    {
      name: "express",
      keeps: "nothing",
      fires: true,
      start: async (_, listener) => ofChild(await startChild("./express-server.ts", [listener.href])),
    },
    {
      name: "octokit",
      keeps: "nothing",
      fires: true,
      start: async (_, listener) => ofChild(await startChild("./octokit-server.ts", [listener.href])),
    },
    whyNoWebhook() === undefined ? { name: "webhook", keeps: "nothing", fires: false, start: startWebhook } : undefined,
  ];
  return systems.filter((system) => system !== undefined);
}

/** Why Debian's `webhook` cannot run here; undefined if it can. */
export const whyNoWebhook = (): string | undefined =>
  spawnSync("webhook", ["-version"]).status === 0 ? undefined : "the Debian package `webhook` is not installed";

/** The whole one-machine bridge of this version, or of the version in another folder. */
export async function startStandalone(folder: string, listener: URL, root?: string): Promise<RunningSystem> {
  const file = "test/bench/standalone-server.ts";
  const there = root && pathToFileURL(join(root, file)).href;
  const child = await startChild(there ?? "./standalone-server.ts", [folder, listener.href], root);
  return ofChild(child, "/webhooks/gitlab");
}

const ofChild = ({ url, usage, stop }: Child, path = "/"): RunningSystem => ({
  url: new URL(path, url).href,
  residentBytes: async () => (await usage()).residentBytes,
  stop,
});

async function startPowertools(folder: string, listener: URL): Promise<RunningSystem> {
  const database = await startChild("./dynalite-server.ts", [folder]);
  const server = await startChild("./powertools-server.ts", [database.url.port, listener.href]);
  return {
    url: server.url.href,
    residentBytes: async () => (await server.usage()).residentBytes + (await database.usage()).residentBytes,
    stop: async () => {
      await server.stop();
      await database.stop();
    },
  };
}

/** It runs a command for each push to `main`: the shortest one, which does not call the listener. */
async function startWebhook(folder: string): Promise<RunningSystem> {
  const hooks = join(folder, "hooks.json");
  await mkdir(folder, { recursive: true });
  await writeFile(hooks, JSON.stringify([PUSH_HOOK]));
  const port = await freePort();
  const child = spawn("webhook", ["-hooks", hooks, "-ip", "127.0.0.1", "-port", String(port)], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}/hooks/push`;
  await until("webhook to listen", () =>
    fetch(url).then(
      () => true,
      () => false,
    ),
  );
  return {
    url,
    residentBytes: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1_024;
    },
    stop: async () => {
      child.kill();
      await once(child, "exit");
    },
  };
}

const PUSH_HOOK = {
  id: "push",
  "execute-command": "/bin/true",
  "http-methods": ["POST"],
  "trigger-rule": {
    and: [
      {
        match: {
          type: "payload-hmac-sha256",
          secret: CANARY,
          parameter: { source: "header", name: "X-Hub-Signature-256" },
        },
      },
      { match: { type: "value", value: "refs/heads/main", parameter: { source: "payload", name: "ref" } } },
    ],
  },
};

/** A port that was free a moment ago: `webhook` cannot choose one itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

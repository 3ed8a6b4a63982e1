import { spawn, spawnSync } from "node:child_process";
import { closeSync, constants, existsSync, openSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { gitlabWebhook } from "../support/gitlab-webhook.ts";
import { sharedService } from "../support/shared-services.ts";
import { until } from "../support/until.ts";

const TOKEN = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

let home: string;
let stop: () => Promise<unknown> = async () => undefined;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-log-"));
});
afterEach(async () => {
  await stop();
  await rm(home, { recursive: true, force: true });
});

/** A port that was free a moment ago: a bridge whose log is lost cannot say which one it has. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server that listens on TCP has a port");
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}

/** Starts a bridge that writes its log to this file descriptor, and waits until it answers. */
async function bridgeWithLog(output: number) {
  const { drawbridge } = await sharedService("programs");
  const config = join(home, "drawbridge.yaml");
  const gitlab = { provider: "gitlab", signingToken: { current: "env:TOKEN" } };
  await writeFile(config, stringify({ sources: { gitlab } }));
  const port = await freePort();
  const args = [drawbridge, "start", "--config", config, "--port", String(port), "--data", join(home, "data")];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"], TOKEN },
    stdio: ["ignore", output, "pipe"],
  });
  closeSync(output);
  let errors = "";
  child.stderr?.on("data", (text) => {
    errors += String(text);
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  stop = async () => {
    child.kill("SIGKILL");
    return ended;
  };
  const url = `http://127.0.0.1:${port}`;
  await until("the bridge to answer", () => {
    if (child.exitCode !== null) throw new Error(`the bridge ended with ${child.exitCode}: ${errors}`);
    return fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    push: async (n: number) => (await fetch(`${url}/webhooks/gitlab`, gitlabWebhook(TOKEN, n))).status,
    /** Stops the bridge, and returns its exit code and what it wrote to the standard error. */
    stopped: async () => {
      child.kill("SIGTERM");
      return { code: await ended, errors };
    },
  };
}

describe("a bridge whose log cannot be written", () => {
  it.skipIf(!existsSync("/dev/full"))("the bridge starts, works and stops with a log on a full disk", async () => {
    const { push, stopped } = await bridgeWithLog(openSync("/dev/full", "w"));
    for (const n of [1, 2, 3]) expect(await push(n)).toBe(202);
    expect(await stopped()).toEqual({ code: 0, errors: "" });
  });

  it("the bridge outlives each reader of its log, and the next reader gets the number of the dropped lines", async () => {
    const fifo = join(home, "log");
    expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
    const first = readerOf(fifo);
    const { push, stopped } = await bridgeWithLog(openSync(fifo, "w"));
    expect(await push(1)).toBe(202);
    await first.accepted();
    await first.close();
    for (const n of [2, 3, 4]) expect(await push(n)).toBe(202);
    const second = readerOf(fifo);
    expect(await push(5)).toBe(202);
    expect(await second.accepted()).toMatchObject([
      { level: "warn", message: "log lines were dropped, because they could not be written", lines: 3 },
      { status: "accepted" },
    ]);
    await second.close();
    for (const n of [6, 7]) expect(await push(n)).toBe(202);
    const third = readerOf(fifo);
    expect(await push(8)).toBe(202);
    expect(await third.accepted()).toMatchObject([{ level: "warn", lines: 2 }, { status: "accepted" }]);
    expect(await stopped()).toEqual({ code: 0, errors: "" });
  });
});

describe("a command whose output cannot be written", () => {
  it("the command ends quietly if the reader of its output has ended", async () => {
    const fifo = join(home, "output");
    expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
    const reader = readerOf(fifo);
    const output = openSync(fifo, "w");
    await reader.close();
    expect(await ranInto(output)).toEqual({ status: 141, stderr: "" });
  });

  it.skipIf(!existsSync("/dev/full"))("the command ends with one line if the disk is full", async () => {
    const stderr = "drawbridge: the output cannot be written: ENOSPC\n";
    expect(await ranInto(openSync("/dev/full", "w"))).toEqual({ status: 1, stderr });
  });

  /** Runs `help` with this file as its output. */
  async function ranInto(output: number) {
    const { drawbridge } = await sharedService("programs");
    const { status, stderr } = spawnSync(process.execPath, [drawbridge, "help"], {
      stdio: ["ignore", output, "pipe"],
      encoding: "utf8",
    });
    closeSync(output);
    return { status, stderr };
  }
});

/** Opens a named pipe for reading, also if nobody writes to it yet. */
function readerOf(fifo: string) {
  const socket = new Socket({ fd: openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK), readable: true });
  let text = "";
  socket.setEncoding("utf8").on("data", (more) => {
    text += String(more);
  });
  const lines = () => text.split("\n").flatMap((line) => (line.endsWith("}") ? [JSON.parse(line)] : []));
  return {
    /** Returns the lines up to the first one about an accepted delivery. */
    accepted: () => until("the line of a delivery", lines, (all) => all.some(({ status }) => status === "accepted")),
    close: () =>
      new Promise((resolve) => {
        socket.once("close", resolve).destroy();
      }),
  };
}

import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stringify } from "yaml";
import { gitlabWebhook } from "./gitlab-webhook.ts";
import { sharedService } from "./shared-services.ts";
import { until } from "./until.ts";

type LogLine = Readonly<Record<string, unknown>> & { readonly message: string };

/** A process of `drawbridge start`, and the lines that it has logged. */
export interface BridgeProcess {
  readonly url: URL;
  readonly process: ChildProcess;
  readonly lines: readonly LogLine[];
  /** Sends a push of its own for each number, and returns the answer. */
  push(n: number): Promise<Response>;
  linesOf(message: string): readonly LogLine[];
  stop(): Promise<void>;
}

const TOKEN = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

/** Starts a bridge that fires a trigger of `listener` for each GitLab push. `wrapper` is a command that runs the rest. */
export async function startBridgeProcess(
  home: string,
  {
    listener,
    data,
    wrapper = [],
  }: { readonly listener: URL; readonly data: string; readonly wrapper?: readonly string[] },
): Promise<BridgeProcess> {
  const { drawbridge } = await sharedService("programs");
  const config = join(home, "drawbridge.yaml");
  await writeFile(
    config,
    stringify({
      sources: {
        gitlab: { provider: "gitlab", signingToken: { current: "env:TOKEN" } },
        cluster: { provider: "tekton", basic: { username: "tekton", password: { current: "env:TOKEN" } } },
      },
      targets: { listener: { kind: "tekton", url: listener.href, runsReportedBy: "cluster" } },
      routes: { push: { when: { "detail-type": ["code.pushed"] }, do: { tekton: { target: "listener" } } } },
    }),
  );
  const start = [process.execPath, drawbridge, "start", "--config", config, "--port", "0", "--data", data];
  const [command = "", ...args] = [...wrapper, ...start];
  const child = spawn(command, args, { env: { PATH: process.env["PATH"], TOKEN }, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const lines: LogLine[] = [];
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += String(text);
  });
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  const linesOf = (message: string) => lines.filter((line) => line.message === message);
  const [started] = await until(
    "the bridge to start",
    () => {
      if (child.exitCode !== null) throw new Error(`the bridge ended with ${child.exitCode}: ${errors}`);
      return linesOf("started");
    },
    ({ length }) => length > 0,
  );
  const url = new URL(String(started?.["url"]));
  return {
    url,
    process: child,
    lines,
    linesOf,
    push: (n) => fetch(new URL("/webhooks/gitlab", url), gitlabWebhook(TOKEN, n)),
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

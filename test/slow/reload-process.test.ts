import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { systemClock } from "../../shared/host/clock.ts";
import { testAuthority } from "../support/certificates.ts";
import { commandLine } from "../support/command-line.ts";
import { CANARY, gitlabHeaders } from "../support/http-bridge.ts";
import { until } from "../support/until.ts";

const RELOADED = "the configuration was reloaded";
const REFUSED = "the configuration was not reloaded; the earlier one stays in force";
const OTHER_TOKEN = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;

const HANGS = /file:token: the file cannot be read(?: within 3 s|: an earlier read of it has not ended)/;
const NO_PYTHON = spawnSync("python3", ["-c", "import fcntl; fcntl.F_SETLEASE"]).status;
const LEASE = `
import fcntl, os, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
for path in sys.argv[1:]:
    fcntl.fcntl(os.open(path, os.O_RDWR), fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
time.sleep(60)
`;

/** Makes each open of these files wait for the process that is returned, for up to 45 s. */
async function leaseOf(...paths: readonly string[]) {
  const lease = spawn("python3", ["-c", LEASE, ...paths], { stdio: ["ignore", "pipe", "inherit"] });
  const released = new Promise((resolve) => lease.once("close", resolve));
  await new Promise((resolve) => lease.stdout.once("data", resolve));
  return { lease, released };
}

let home: string;
let stop: () => Promise<unknown>;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-reload-"));
});
afterEach(async () => {
  await stop();
  await rm(home, { recursive: true, force: true });
});

/** Saves a file of the test as most editors do: a new file takes the place of the old one. */
async function save(name: string, content: string): Promise<void> {
  const path = join(home, name);
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

const gitlab = (current = "file:token") => ({ provider: "gitlab", signingToken: { current } });

/** Saves a configuration with these sources. */
const configure = (sources: object) => save("drawbridge.yaml", stringify({ sources }));

/** Starts `drawbridge start` in the folder of the test, with a token in a file. */
async function started(...args: readonly string[]) {
  await save("token", CANARY);
  await configure({ gitlab: gitlab() });
  const run = commandLine(["start", "--port", "0", ...args], { cwd: home, environment: { TOKEN: CANARY } });
  stop = async () => {
    run.child.kill("SIGTERM");
    return run.ended;
  };
  await run.printed("started");
  /** The log lines with one of these messages, or all. */
  const lines = (...messages: readonly string[]): readonly Readonly<Record<string, string>>[] =>
    run.ran.out
      .split("\n")
      .flatMap((line) => (line.startsWith("{") && line.endsWith("}") ? [JSON.parse(line)] : []))
      .filter(({ message }) => messages.length === 0 || messages.includes(message));
  const [first] = lines("started");
  const url = first?.["url"] ?? "";
  const post = async (source: string, headers: Record<string, string>, body: string) =>
    (await fetch(new URL(`/webhooks/${source}`, url), { method: "POST", headers, body })).status;
  let seen = 0;
  return {
    ...run,
    url,
    digest: first?.["digest"],
    lines,
    /** Waits for the next line about a reload. */
    nextReload: async () => {
      const all = await until(
        "a line about a reload",
        () => lines(RELOADED, REFUSED),
        ({ length }) => length > seen,
      );
      seen += 1;
      return all[seen - 1] ?? {};
    },
    /** Sends a signed push. */
    push: (source: string, id: string) => {
      const body = JSON.stringify({ object_kind: "push", id });
      return post(source, gitlabHeaders(body, systemClock.now(), id), body);
    },
    readyz: async () => (await fetch(new URL("/readyz", url))).json(),
  };
}

describe("a bridge whose configuration file changes", () => {
  it("a saved file is in force at once, and the log, the readiness and the file agree about its digest", async () => {
    const { digest, nextReload, push, readyz } = await started();
    expect(await readyz()).toMatchObject({ status: "ready", configuration: digest });
    expect(await push("other", "1")).toBe(404);
    await configure({ gitlab: gitlab(), other: gitlab() });
    const reloaded = await nextReload();
    expect(reloaded).toMatchObject({ level: "info", message: RELOADED, config: "drawbridge.yaml", earlier: digest });
    expect(reloaded["digest"]).not.toBe(digest);
    expect(await readyz()).toMatchObject({ status: "ready", configuration: reloaded["digest"] });
    expect(await push("other", "2")).toBe(202);
    await configure({ gitlab: gitlab() });
    expect(await nextReload()).toMatchObject({ message: RELOADED, digest });
    expect(await push("other", "3")).toBe(404);
  });

  it("a bad file changes nothing, each of its errors is in one log line, and the corrected file is in force", async () => {
    const { digest, nextReload, push, readyz } = await started();
    await configure({ other: { ...gitlab(), misspelt: 1 }, third: gitlab("file:absent") });
    const refused = await nextReload();
    expect(refused).toMatchObject({ level: "error", message: REFUSED, digest });
    expect(refused["errors"]?.split("\n")).toEqual([
      "the configuration is invalid:",
      expect.stringContaining("sources.other.misspelt"),
      expect.stringContaining("sources.third.signingToken.current"),
    ]);
    expect(await push("gitlab", "1")).toBe(202);
    expect(await push("third", "2")).toBe(404);
    expect(await readyz()).toMatchObject({ configuration: digest });
    await configure({ gitlab: gitlab(), other: gitlab() });
    expect(await nextReload()).toMatchObject({ message: RELOADED, earlier: digest });
    expect(await push("other", "3")).toBe(202);
  });

  it("a missing secret is taken up as soon as its file exists", async () => {
    const { nextReload, push } = await started();
    await configure({ gitlab: gitlab(), other: gitlab("file:late") });
    expect(await nextReload()).toMatchObject({ message: REFUSED, errors: expect.stringContaining("file:late") });
    await save("late", CANARY);
    expect(await nextReload()).toMatchObject({ message: RELOADED });
    expect(await push("other", "1")).toBe(202);
  });

  it("a deleted file changes nothing, and the file that is written later is in force", async () => {
    const { digest, nextReload, push } = await started();
    await unlink(join(home, "drawbridge.yaml"));
    expect(await nextReload()).toMatchObject({ message: REFUSED, errors: "drawbridge.yaml: the file cannot be read" });
    expect(await push("gitlab", "1")).toBe(202);
    await configure({ gitlab: gitlab() });
    expect(await nextReload()).toMatchObject({ message: RELOADED, digest });
  });

  it("a warning about the new file is in the log", async () => {
    const { nextReload, lines } = await started();
    await configure({ gitlab: { ...gitlab(), mode: "shadow" } });
    expect(await nextReload()).toMatchObject({ message: RELOADED });
    await until(
      "the warning",
      () => lines("the configuration is unsafe or useless in part").map(({ check }) => check),
      (checks) => checks.includes("shadow-mode"),
    );
  });
});

describe("a bridge whose secrets change", () => {
  it("a new secret in a file is in force, and a bad one is refused", async () => {
    const { digest, nextReload, push } = await started();
    await save("token", OTHER_TOKEN);
    expect(await nextReload()).toMatchObject({ message: RELOADED, digest });
    expect(await push("gitlab", "1")).toBe(401);
    await save("token", "no-signing-token");
    const refused = await nextReload();
    expect(refused).toMatchObject({ message: REFUSED, errors: expect.stringContaining("it is not a signing token") });
    expect(JSON.stringify(refused)).not.toContain("no-signing-token");
    await save("token", CANARY);
    expect(await nextReload()).toMatchObject({ message: RELOADED });
    expect(await push("gitlab", "2")).toBe(202);
  });

  it("a reference to an environment variable that is not set says that a restart is needed", async () => {
    const { nextReload } = await started();
    await configure({ gitlab: gitlab("env:LATER") });
    expect(await nextReload()).toMatchObject({
      message: REFUSED,
      restart: "a running process cannot see a new environment variable: set LATER and restart the bridge",
    });
    await configure({ gitlab: gitlab("env:TOKEN") });
    expect(await nextReload()).toMatchObject({ message: RELOADED });
  });
});

describe("a bridge whose files cannot be used", () => {
  it("a secret that becomes a pipe is refused, and neither the next reload nor the stop waits for it", async () => {
    const { child, ended, digest, nextReload, push } = await started();
    const pipe = join(home, "pipe");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    await unlink(join(home, "token"));
    await symlink(pipe, join(home, "token"));
    child.kill("SIGHUP");
    expect(await nextReload()).toMatchObject({
      message: REFUSED,
      digest,
      errors: expect.stringContaining("secret file:token: it is not a regular file"),
    });
    child.kill("SIGHUP");
    expect(await nextReload()).toMatchObject({ message: REFUSED });
    expect(await push("gitlab", "1")).toBe(202);
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 0, err: "" });
  });

  it.skipIf(NO_PYTHON !== 0)(
    "a secret whose read hangs is refused after a time, and the stop does not wait",
    async () => {
      const { child, ended, nextReload, push } = await started();
      const { lease, released } = await leaseOf(join(home, "token"));
      try {
        for (let reloads = 0; reloads < 2; reloads++) {
          child.kill("SIGHUP");
          expect(await nextReload()).toMatchObject({ message: REFUSED, errors: expect.stringMatching(HANGS) });
        }
        expect(await push("gitlab", "1")).toBe(202);
        const [signal] = await new Promise<[NodeJS.Signals | null]>((resolve) => {
          child.once("exit", (_, name) => resolve([name]));
          child.kill("SIGTERM");
        });
        expect(signal).toBe("SIGKILL");
        await ended;
        expect(lease.exitCode).toBe(null);
      } finally {
        lease.kill();
        await released;
      }
    },
  );

  it.skipIf(NO_PYTHON !== 0)("six secrets whose reads hang leave threads for everything else", async () => {
    const { child, url, nextReload, push } = await started();
    const names = ["a", "b", "c", "d", "e", "f"];
    for (const name of names) await save(name, CANARY);
    await configure(Object.fromEntries(["gitlab", ...names].map((name) => [name, gitlab(`file:${name}`)])));
    expect(await nextReload()).toMatchObject({ errors: expect.stringContaining("file:gitlab") });
    await save("gitlab", CANARY);
    expect(await nextReload()).toMatchObject({ message: RELOADED });
    const { lease, released } = await leaseOf(...names.map((name) => join(home, name)));
    try {
      child.kill("SIGHUP");
      expect(await nextReload()).toMatchObject({
        message: REFUSED,
        errors: expect.stringContaining("earlier reads of 2 other files have not ended"),
      });
      // Asks the system for the free space, which takes a thread.
      expect((await fetch(new URL("/readyz", url), { signal: AbortSignal.timeout(10_000) })).status).toBe(200);
      expect(await push("gitlab", "1")).toBe(202);
    } finally {
      lease.kill();
      await released;
    }
    child.kill("SIGHUP");
    expect(await nextReload()).toMatchObject({ message: RELOADED });
  });

  it("a configuration that grows beyond 256 kB is refused with one line, and the corrected one is in force", async () => {
    const { digest, nextReload, push } = await started();
    await save("drawbridge.yaml", `${stringify({ sources: { gitlab: gitlab() } })}${"# comment\n".repeat(26_000)}`);
    expect(await nextReload()).toMatchObject({
      message: REFUSED,
      digest,
      errors: "drawbridge.yaml: the file is larger than 256 kB",
    });
    expect(await push("gitlab", "1")).toBe(202);
    await configure({ gitlab: gitlab() });
    expect(await nextReload()).toMatchObject({ message: RELOADED, digest });
  });
});

describe("a bridge that gets SIGHUP", () => {
  it("the bridge reads its files again, and says which configuration is in force", async () => {
    const { child, digest, nextReload, push } = await started();
    child.kill("SIGHUP");
    expect(await nextReload()).toMatchObject({ message: RELOADED, digest, earlier: digest });
    child.kill("SIGHUP");
    expect(await nextReload()).toMatchObject({ message: RELOADED, digest });
    expect(await push("gitlab", "1")).toBe(202);
  });

  it("the bridge goes on if the signal arrives while it is being loaded", async () => {
    await save("token", CANARY);
    await configure({ gitlab: gitlab() });
    // Sends the signal to the process itself when it begins to load the bridge.
    const hook = `export function resolve(name, context, next) {
      if (name.includes("/start-")) process.kill(process.pid, "SIGHUP");
      return next(name, context);
    }`;
    const asUrl = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
    const preload = `import { register } from "node:module"; register(${JSON.stringify(asUrl(hook))});`;
    const run = commandLine(["start", "--port", "0"], {
      cwd: home,
      environment: { NODE_OPTIONS: `--import ${asUrl(preload)}` },
    });
    stop = async () => {
      run.child.kill("SIGTERM");
      return run.ended;
    };
    await run.printed("started");
    expect(await stop()).toMatchObject({ code: 0 });
  });

  it("the bridge stops with 0 although a reload has just begun", async () => {
    const { child, ended } = await started();
    child.kill("SIGHUP");
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 0, err: "" });
  });
});

describe("a bridge whose certificate changes", () => {
  const authority = testAuthority("Invented test authority");
  const [first, second] = [authority.issue("invented first server"), authority.issue("invented second server")];

  /** Returns the certificate that the bridge shows to a new connection. */
  const shown = (url: string) =>
    new Promise<Buffer | undefined>((resolve, reject) => {
      const request = httpsRequest(new URL("/healthz", url), { ca: authority.certificate, agent: false });
      request.on("error", reject).on("response", (response) => {
        const { socket } = response;
        resolve(socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined);
        response.resume();
      });
      request.end();
    });

  it("new connections get the new certificate, and a certificate without its key changes nothing", async () => {
    await save("server.pem", first.certificate);
    await save("server.key", first.key);
    const { url, nextReload } = await started("--tls-cert", "server.pem", "--tls-key", "server.key");
    expect(await shown(url)).toEqual(Buffer.from(first.der));
    await save("server.pem", second.certificate);
    expect(await nextReload()).toMatchObject({
      message: REFUSED,
      errors: "the TLS certificate, its key and the client CA are not matching PEM files: server.pem, server.key",
    });
    expect(await shown(url)).toEqual(Buffer.from(first.der));
    await save("server.key", second.key);
    expect(await nextReload()).toMatchObject({ message: RELOADED });
    expect(await shown(url)).toEqual(Buffer.from(second.der));
  });
});

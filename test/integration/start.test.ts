import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { PLAYGROUND_SESSION } from "../../shared/cli/session.ts";
import { checkHere } from "../../shared/config/check.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { commandLine } from "../support/command-line.ts";
import { secretsOf } from "../support/test-doubles.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-start-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const TOKEN = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

/** A configuration of one GitLab source and the given sections. */
async function configured(more: object = {}): Promise<string> {
  const path = join(home, "drawbridge.yaml");
  const gitlab = { provider: "gitlab", signingToken: { current: "env:TOKEN" } };
  await writeFile(path, stringify({ sources: { gitlab }, ...more }));
  return path;
}

const start = (environment: Readonly<Record<string, string>>, ...args: readonly string[]) =>
  commandLine(["start", ...args], { cwd: home, environment });

describe("a playground that a signal ends during its trace", () => {
  it("the playground removes its session and exits with 0, also if an earlier one left a truncated session", async () => {
    const session = join(home, PLAYGROUND_SESSION);
    await mkdir(dirname(session), { recursive: true });
    await writeFile(session, '{"url":');
    const playground = start({}, "--port", "0");
    await playground.printed("A page edit is sent");
    expect(JSON.parse(await readFile(session, "utf8"))).toHaveProperty("url");
    playground.child.kill("SIGTERM");
    expect(await playground.ended).toMatchObject({ code: 0, err: "" });
    expect(existsSync(session)).toBe(false);
  }, 60_000);
});

describe("a bridge that cannot start", () => {
  it("the bridge ends with one line if its port is taken", async () => {
    await configured();
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { code, err } = await start({ TOKEN }, "--port", String(port)).ended;
    other.close();
    expect(err).toBe(
      `drawbridge: 127.0.0.1:${port} is already in use: stop the other process, or set another --port or --host\n`,
    );
    expect(code).toBe(1);
  });

  it("the bridge ends with one line if another bridge uses its data", async () => {
    await configured();
    const first = start({ TOKEN }, "--port", "0", "--data", "kept");
    await first.printed("started");
    const second = await start({ TOKEN }, "--port", "0", "--data", "kept").ended;
    first.child.kill("SIGTERM");
    expect(second).toMatchObject({
      code: 1,
      err: "drawbridge: kept is in use by another bridge: stop that one, or give another folder with --data\n",
    });
    expect((await first.ended).code).toBe(0);
  });

  it("the bridge ends with one line if its data cannot be stored there", async () => {
    await configured();
    await writeFile(join(home, "file"), "");
    const { code, err } = await start({ TOKEN }, "--port", "0", "--data", "file/below").ended;
    expect([code, err]).toEqual([1, expect.stringMatching(/^drawbridge: file\/below cannot be used .*\n$/)]);
  });

  it("the bridge ends with 2 if the command line has a part of what HTTPS needs", async () => {
    await configured();
    for (const option of ["--tls-cert", "--tls-key", "--client-ca"]) {
      const { code, err } = await start({ TOKEN }, "--port", "0", option, "file.pem").ended;
      expect([code, err]).toEqual([2, "drawbridge: HTTPS needs both --tls-cert and --tls-key\n"]);
    }
  });

  it("the bridge ends with one line for each error in its configuration", async () => {
    await configured({ sources: { one: GITLAB("env:ONE"), two: GITLAB("env:TWO") } });
    const { code, err } = await start({}, "--port", "0").ended;
    expect(code).toBe(1);
    expect(err.trimEnd().split("\n")).toEqual([
      "drawbridge: the configuration is invalid:",
      expect.stringMatching(/sources\.one\.signingToken\.current: .*env:ONE/),
      expect.stringMatching(/sources\.two\.signingToken\.current: .*env:TWO/),
    ]);
  });
});

describe("the secrets and files that the bridge would use on this machine", () => {
  /** The errors. Warnings, such as that no route matches an event, are left out. */
  const errorsIn = async (path: string, environment: Readonly<Record<string, string>>) =>
    (await checkHere(path, secretsOf(environment), systemClock)).flatMap(({ level, message }) =>
      level === "error" ? [message] : [],
    );

  it("no error is found if everything fits", async () => {
    expect(await errorsIn(await configured(), { TOKEN })).toEqual([]);
  });

  it("an invalid signing token is an error", async () => {
    expect(await errorsIn(await configured(), { TOKEN: "no-signing-token" })).toEqual([
      expect.stringMatching(/sources\.gitlab: secret env:TOKEN: it is not a signing token/),
    ]);
  });

  it("an invalid next signing token is an error, although it signs nothing yet", async () => {
    const gitlab = { provider: "gitlab", signingToken: { current: "env:TOKEN", next: "env:NEXT" } };
    const path = await configured({ sources: { gitlab } });
    expect(await errorsIn(path, { TOKEN, NEXT: "no-signing-token" })).toEqual([
      expect.stringMatching(/secret env:NEXT: it is not a signing token/),
    ]);
  });

  it.each([
    ["is missing", undefined, "ENOENT"],
    ["is not JSON", "{", "JSON"],
    ["contains no keys", "{}", "not a set of public keys"],
  ])("a file of keys that %s is an error", async (_, text, why) => {
    const keys = join(home, "keys.json");
    if (text !== undefined) await writeFile(keys, text);
    const cluster = { issuer: "https://cluster.example.com", audience: "bridge", jwks: { file: keys } };
    const errors = await errorsIn(await configured({ issuers: { cluster } }), { TOKEN });
    expect(errors).toEqual([
      expect.stringMatching(new RegExp(`issuers\\.cluster\\.jwks\\.file: no usable keys: .*${why}`)),
    ]);
  });
});

const GITLAB = (current: string) => ({ provider: "gitlab", signingToken: { current } });

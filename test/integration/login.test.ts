import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import { type Standalone, startStandalone } from "../../functions/standalone.ts";
import type { Invocation } from "../../shared/cli/command.ts";
import { COMMANDS } from "../../shared/cli/commands.ts";
import { logIn } from "../../shared/cli/login.ts";
import { loginToken } from "../../shared/cli/login-token.ts";
import { parseCommandLine } from "../../shared/cli/parse.ts";
import { runCommand } from "../../shared/cli/run-command.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { epochMillis, systemClock } from "../../shared/host/clock.ts";
import { commandHost } from "../support/command-host.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { serveOnLoopback } from "../support/loopback.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { Visitor } from "../support/visitor.ts";

const AUDIENCE = "https://bridge.example.test";
const LIFETIME = 90;

let identity: IdentityProvider;
/** An issuer without the device grant. */
let older: IdentityProvider;
let bridge: Standalone;
beforeAll(async () => {
  const site = {
    people: [{ id: "mia", is: "on call", groups: ["on-call"] }],
    clientId: "console",
    redirectUri: "http://127.0.0.1:9/console/callback",
  };
  const terminal = { clientId: "drawbridge-cli", lifetimeSeconds: LIFETIME };
  [identity, older] = await Promise.all([
    startIdentityProvider({ clients: [], site, terminal }),
    startIdentityProvider({ clients: [], site, terminal: { ...terminal, hasNoDevice: true } }),
  ]);
  const entry = ({ issuer }: IdentityProvider) => ({
    issuer,
    audience: AUDIENCE,
    claims: [{ path: "sub", equals: "mia" }],
    roles: [{ role: "on-call", when: [{ path: "sub", equals: "mia" }] }],
  });
  const loaded = parseConfig(
    stringify({
      issuers: { people: entry(identity), others: entry(older) },
      roles: { "on-call": { call: ["deliveries"] } },
      sources: {
        wiki: { provider: "confluence", site: "https://wiki.example.test", hubSignature: { current: "env:W" } },
      },
    }),
    "test.yaml",
  );
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  bridge = await startStandalone({
    config: loaded.config,
    secrets: secretsOf({ W: "wiki-secret-for-tests" }),
    log: silentLog,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 3 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
});
afterAll(async () => {
  await bridge.stop();
  await Promise.all([identity.close(), older.close()]);
});

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-login-"));
  return () => rm(home, { recursive: true, force: true });
});

const folder = () => join(home, "drawbridge", "logins");
const environmentOf = (more: Readonly<Record<string, string>> = {}) => ({ XDG_STATE_HOME: home, ...more });

/** Runs a login. `onWait` is called in place of each wait, with its seconds, and `onPrint` with each text. */
async function login(
  { issuer }: IdentityProvider,
  {
    onWait = async () => undefined,
    onPrint = () => undefined,
    audience = AUDIENCE,
  }: {
    readonly onWait?: (seconds: number, printed: readonly string[]) => Promise<unknown>;
    readonly onPrint?: (text: string) => void;
    readonly audience?: string;
  },
) {
  const printed: string[] = [];
  const print = (text: string): void => {
    printed.push(text);
    onPrint(text);
  };
  const args = ["login", "--url", bridge.url.origin, "--client-id", "drawbridge-cli", "--issuer", issuer];
  const parsed = parseCommandLine([...args, "--audience", audience], COMMANDS);
  if (parsed.kind !== "run") throw new Error("a login is a command that runs");
  const invocation: Invocation = { ...commandHost({ environment: environmentOf(), print }), ...parsed };
  let waits = 0;
  const wait = async (seconds: number): Promise<void> => {
    waits += 1;
    if (waits > 5) throw new Error(`nothing came of it:\n${printed.join("\n")}`);
    await onWait(seconds, printed);
  };
  const code = await logIn(invocation, { print, clock: systemClock, wait, port: 0 });
  return { code, printed };
}

/** What a person does who opens the printed address: confirms the code, or aborts. */
async function confirm(printed: readonly string[], { isAborting = false } = {}): Promise<void> {
  const [, address = ""] = /(http\S+user_code=\S+)/.exec(printed.join("\n")) ?? [];
  const visitor = new Visitor();
  const fieldsOf = (text: string) =>
    Object.fromEntries(Array.from(text.matchAll(/name="(\w+)" value="([^"]*)"/g), ([, name, value]) => [name, value]));
  const shown = await visitor.go(address);
  const asked = await visitor.post("/device", fieldsOf(shown.text));
  // The button that aborts is a field too.
  const { abort: _, ...fields } = fieldsOf(asked.text);
  await visitor.post("/device", { ...fields, ...(isAborting && { abort: "yes" }) });
  if (!isAborting) await visitor.post(visitor.url.pathname, { person: "mia" });
}

const loggedIn = () => login(identity, { onWait: (_, printed) => confirm(printed) });

async function listed(environment: Readonly<Record<string, string>> = {}, url = bridge.url.origin): Promise<number> {
  return runCommand(["events", "list", "--url", url], commandHost({ environment: environmentOf(environment) }));
}

/** Sends a request with any path. The clients of Node send only the path of a valid URL. */
async function statusLineOf(path: string, { hostname, port }: URL): Promise<string> {
  const socket = connect(Number(port), hostname);
  socket.end(`GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text.split("\r\n")[0] ?? "";
}

/** An issuer whose answers to a login with a code have these members too. */
async function withIssuer(
  { device = {}, token = {}, claims = {} }: Readonly<Record<string, object>>,
  use: (issuer: IdentityProvider) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) => {
    const issuer = `http://${request.headers.host}`;
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const jwt = [part({ alg: "none" }), part({ iss: issuer, aud: AUDIENCE, sub: "mia", ...claims }), "x"].join(".");
    const answers: Readonly<Record<string, object>> = {
      "/device": { device_code: "d", user_code: "u", verification_uri: issuer, expires_in: 600, ...device },
      "/token": { access_token: jwt, token_type: "bearer", ...token },
    };
    const discovery = { issuer, token_endpoint: `${issuer}/token`, device_authorization_endpoint: `${issuer}/device` };
    request.resume();
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(answers[request.url ?? ""] ?? discovery));
  });
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  try {
    // A test reads only the address.
    await use({ ...identity, issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("an issuer that answers anything", () => {
  it.each([
    [1e12, 300],
    [1e-6, 1],
  ])("with an interval of %s seconds it is asked after %s seconds", (interval, expected) =>
    withIssuer({ device: { interval } }, async (issuer) => {
      const waits: number[] = [];
      await login(issuer, { onWait: async (seconds) => waits.push(seconds) });
      expect(waits).toEqual([expected]);
    }),
  );

  it("its texts change no other line of the terminal", () =>
    withIssuer(
      {
        device: {
          verification_uri: "https://x\nlogged in",
          user_code: "\u001b[2Ju",
          verification_uri_complete: "y\rz",
        },
        claims: { sub: "mia\nlogged out" },
      },
      async (issuer) => {
        const { printed } = await login(issuer, {});
        expect(printed).toEqual([
          "Open https://x?logged in and enter the code ?[2Ju",
          "or open y?z",
          expect.stringMatching(/^logged in at \S+ as mia\?logged out, until [^\n]*$/),
        ]);
      },
    ));

  it("a lifetime beyond every calendar is kept as a year", () =>
    withIssuer({ token: { expires_in: 1e300 } }, async (issuer) => {
      expect((await login(issuer, {})).code).toBe(0);
      const [name = ""] = await readdir(folder());
      const { expiresAt } = JSON.parse(await readFile(join(folder(), name), "utf8"));
      expect(expiresAt - systemClock.now()).toBeLessThan(366 * 86_400_000);
    }));
});

describe("a login with a code", () => {
  it("it waits as long as the issuer asks, and then commands use a token that only this user can read", async () => {
    const waits: number[] = [];
    const { code, printed } = await login(identity, {
      onWait: async (seconds, soFar) => {
        waits.push(seconds);
        // The second request is answered `authorization_pending` by the provider itself.
        if (waits.length === 1) identity.answerTokenRequestsWith("slow_down");
        if (waits.length === 3) await confirm(soFar);
      },
    });
    expect([code, waits]).toEqual([0, [5, 10, 10]]);
    expect(printed[0]).toMatch(/^Open http:\S+\/device and enter the code [A-Z]{4}-[A-Z]{4}$/);
    expect(printed.at(-1)).toMatch(/^logged in at http:\S+ as mia, until \S+, and refreshed by then$/);
    const [file = ""] = await readdir(folder());
    const { accessToken, refreshToken } = JSON.parse(await readFile(join(folder(), file), "utf8"));
    for (const token of [accessToken, refreshToken]) expect(printed.join("\n")).not.toContain(token);
    expect(((await stat(join(folder(), file))).mode & 0o777).toString(8)).toBe("600");
    expect(((await stat(folder())).mode & 0o777).toString(8)).toBe("700");
    expect(await listed()).toBe(0);
  });

  it("a code that is denied or expires ends the login, and nothing is kept", async () => {
    await expect(
      login(identity, { onWait: (_, printed) => confirm(printed, { isAborting: true }) }),
    ).rejects.toMatchObject({ code: "not_allowed", message: "the login was denied at the issuer" });
    const onWait = async () => identity.answerTokenRequestsWith("expired_token");
    await expect(login(identity, { onWait })).rejects.toMatchObject({
      code: "not_allowed",
      message: "nobody confirmed the code in time: log in again",
    });
    await expect(readdir(folder())).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("a token that the bridge could not verify is explained and not kept", async () => {
    // The provider issues a JWT only for a resource, which must be an address.
    await expect(
      login(identity, { audience: "drawbridge", onWait: (_, printed) => confirm(printed) }),
    ).rejects.toMatchObject({
      code: "not_allowed",
      message: expect.stringContaining("is no JWT, so no bridge can verify"),
    });
    await expect(login({ ...identity, issuer: `${identity.issuer}/tenant` }, {})).rejects.toMatchObject({
      message: expect.stringContaining("the issuer must be written as in its tokens"),
    });
    await expect(readdir(folder())).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("a login with a browser", () => {
  it("the browser of this machine logs in at an issuer without a device grant, and a foreign answer is ignored", async () => {
    const visitor = new Visitor();
    let visited: Promise<unknown> = Promise.resolve();
    const { code } = await login(older, {
      onPrint: (text) => {
        const [, address] = /^Open this address [^\n]*\n(\S+)$/.exec(text) ?? [];
        if (address === undefined) return;
        visited = (async () => {
          const redirect = new URL(new URL(address).searchParams.get("redirect_uri") ?? "");
          expect(redirect.hostname).toBe("127.0.0.1");
          const foreign = new URL("?code=forged&state=forged", redirect);
          expect((await fetch(foreign)).status).toBe(400);
          expect(await statusLineOf("//[", redirect)).toContain("404");
          await visitor.go(address);
          return visitor.post(visitor.url.pathname, { person: "mia" });
        })();
        visited.catch(() => undefined);
      },
    });
    await visited;
    expect([code, await listed()]).toEqual([0, 0]);
  });
});

describe("the token of a login", () => {
  it("DRAWBRIDGE_TOKEN goes first, and no other bridge gets the token", async () => {
    await loggedIn();
    await expect(listed({ DRAWBRIDGE_TOKEN: "word" })).rejects.toMatchObject({ code: "not_allowed" });
    const asked: unknown[] = [];
    const app = new Hono<{ Bindings: HttpBindings }>().all("*", (c) => {
      asked.push([c.req.path, c.req.header("authorization")]);
      return c.text("ok");
    });
    const { url: other, close } = await serveOnLoopback(app, 0);
    onTestFinished(close);
    await expect(listed({}, other.origin)).rejects.toMatchObject({ code: "usage_invalid" });
    // A file that is copied to the name of another bridge still names its own.
    const { LoginFile } = await import("../../shared/cli/login-file.ts");
    const [own = ""] = await readdir(folder());
    await new LoginFile(other, environmentOf()).write({
      issuer: "i",
      clientId: "c",
      audience: "a",
      scope: "s",
      accessToken: "t",
      expiresAt: 0,
    });
    const [copy = ""] = (await readdir(folder())).filter((name) => name !== own);
    await copyFile(join(folder(), own), join(folder(), copy));
    await expect(listed({}, other.origin)).rejects.toMatchObject({ code: "usage_invalid" });
    expect(asked).toEqual([
      ["/healthz", undefined],
      ["/healthz", undefined],
    ]);
  });

  it("a file that others can read is not used", async () => {
    await loggedIn();
    const [file = ""] = await readdir(folder());
    await chmod(join(folder(), file), 0o644);
    await expect(listed()).rejects.toMatchObject({
      code: "usage_invalid",
      message: expect.stringContaining("others can read"),
    });
  });

  it("two commands at once refresh a token once, before it expires, and the next refresh works too", async () => {
    await loggedIn();
    const first = await loginToken(bridge.url, environmentOf());
    const later = (seconds: number) => ({ ...systemClock, now: () => epochMillis(Date.now() + seconds * 1_000) });
    for (const seconds of [LIFETIME - 30, 2 * LIFETIME]) {
      const tokens = await Promise.all([1, 2, 3].map(() => loginToken(bridge.url, environmentOf(), later(seconds))));
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).not.toBe(first);
    }
    expect((await readdir(folder())).filter((name) => name.endsWith(".lock"))).toEqual([]);
  });

  it("the lock of a command that was killed holds up no other", async () => {
    await loggedIn();
    const [file = ""] = await readdir(folder());
    const ended = spawnSync(process.execPath, ["-e", ""]);
    await writeFile(join(folder(), `${file}.lock`), String(ended.pid));
    const clock = { ...systemClock, now: () => epochMillis(Date.now() + (LIFETIME - 30) * 1_000) };
    const tokens = await Promise.all([1, 2].map(() => loginToken(bridge.url, environmentOf(), clock)));
    expect(new Set(tokens).size).toBe(1);
    expect(await readdir(folder())).toEqual([file]);
  });

  it("the valid token is used while the issuer is away, and a login that ended at the issuer says so", async () => {
    await loggedIn();
    const later = (seconds: number) => ({ ...systemClock, now: () => epochMillis(Date.now() + seconds * 1_000) });
    const refreshed = (seconds: number) => loginToken(bridge.url, environmentOf(), later(seconds));
    identity.answerTokenRequestsWith("invalid_grant");
    await expect(refreshed(2 * LIFETIME)).rejects.toMatchObject({
      code: "not_allowed",
      message: expect.stringContaining("log in again"),
    });
    const { LoginFile } = await import("../../shared/cli/login-file.ts");
    const file = new LoginFile(bridge.url, environmentOf());
    const known = await file.read();
    if (known === undefined) throw new Error("a login was made");
    // Nothing listens there.
    await file.write({ ...known, issuer: "http://127.0.0.1:9" });
    expect(await refreshed(LIFETIME - 30)).toBe(known.accessToken);
    await expect(refreshed(2 * LIFETIME)).rejects.toMatchObject({ code: "token_unavailable" });
  });

  it("a logout removes the token, and the issuer refreshes it no more", async () => {
    await loggedIn();
    const { LoginFile } = await import("../../shared/cli/login-file.ts");
    const file = new LoginFile(bridge.url, environmentOf());
    const known = await file.read();
    if (known === undefined) throw new Error("a login was made");
    const [name] = await readdir(folder());
    const logout = async () => {
      const printed: string[] = [];
      const print = (text: string): void => void printed.push(text);
      const host = commandHost({ environment: environmentOf(), print });
      return [await runCommand(["logout", "--url", bridge.url.origin], host), ...printed];
    };
    expect(await logout()).toEqual([
      0,
      expect.stringMatching(/^logged out at \S+, and the login is revoked at the issuer$/),
    ]);
    await expect(listed()).rejects.toMatchObject({ code: "usage_invalid" });
    // The draft of a command that was killed while it wrote, and a file that is none of this bridge.
    await writeFile(join(folder(), `${name}.${randomUUID()}`), JSON.stringify(known));
    await writeFile(join(folder(), "other.json"), "");
    expect(await logout()).toEqual([0, expect.stringMatching(/^nobody is logged in at /)]);
    expect(await readdir(folder())).toEqual(["other.json"]);
    await file.write({ ...known, expiresAt: 0 });
    await expect(listed()).rejects.toMatchObject({ code: "not_allowed" });
    await file.remove();
    expect(await logout()).toEqual([0, expect.stringMatching(/^nobody is logged in at /)]);
  });
});

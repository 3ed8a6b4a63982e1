import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSession, PLAYGROUND_SESSION, readPlayground } from "../../../shared/cli/session.ts";

const url = "http://127.0.0.1:8787";

describe("the address of a bridge", () => {
  it.each([url, "https://bridge.example.test", "HTTP://localhost:8787/"])(
    "the address of a bridge may be %s",
    async (value) => {
      expect((await openSession({ environment: {}, url: value })).url.href).toBe(new URL(value).href);
      expect((await openSession({ environment: { DRAWBRIDGE_URL: value } })).url.href).toBe(new URL(value).href);
    },
  );

  it.each([
    "",
    "127.0.0.1:8787",
    "localhost:8787",
    "http://",
    "http://x:99999",
    "ftp://x",
    "http://x\n",
    "https://:pass-word@x",
  ])("the address %j is rejected without being repeated", async (value) => {
    for (const [place, options] of [
      ["--url", { environment: {}, url: value }],
      ["DRAWBRIDGE_URL", { environment: { DRAWBRIDGE_URL: value } }],
    ] as const) {
      const opened = openSession(options);
      await expect(opened).rejects.toMatchObject({
        code: "usage_invalid",
        message: `${place} must be the address of a bridge, such as http://127.0.0.1:8787`,
      });
    }
  });

  it.each([
    [`${url}/bridge`, "path"],
    [`${url}/?a=b`, "query"],
    [`${url}?`, "query"],
    [`${url}/x?a=b`, "query"],
    [`${url}/#top`, "fragment"],
    [`${url}\\x`, "path"],
  ])("the address %j is rejected, and the message names its %s", async (given, part) => {
    const message = `has a ${part}: give the bridge's address without a path, query or fragment`;
    for (const [where, session] of [
      ["--url", { environment: {}, url: given }],
      ["DRAWBRIDGE_URL", { environment: { DRAWBRIDGE_URL: given } }],
    ] as const) {
      await expect(openSession(session)).rejects.toMatchObject({
        code: "usage_invalid",
        message: `${where} ${message}`,
      });
    }
  });

  it.each([
    "http://192.0.2.2:22108",
    "http://bridge.example.test",
    "http://127.0.0.1.example.test",
    "http://[2001:db8::1]",
  ])("plain HTTP to another machine is rejected, because a command sends credentials there: %s", async (given) => {
    for (const place of [{ environment: {}, url: given }, { environment: { DRAWBRIDGE_URL: given } }]) {
      const session = openSession(place);
      await expect(session).rejects.toMatchObject({ code: "usage_invalid" });
      await expect(session).rejects.toThrow("is http:// to another machine");
    }
  });

  it("the address on the command line takes precedence over the environment's", async () => {
    expect((await openSession({ environment: { DRAWBRIDGE_URL: "nowhere" }, url })).url.origin).toBe(url);
  });
});

const before = process.cwd();
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-session-"));
  process.chdir(home);
});
afterEach(async () => {
  process.chdir(before);
  await rm(home, { recursive: true, force: true });
});

describe("the configuration", () => {
  it("the configuration is the named one, else drawbridge.yaml here", async () => {
    const environment = { DRAWBRIDGE_CONFIG: "b.yaml" };
    expect((await openSession({ environment, config: "a.yaml" })).config()).toBe("a.yaml");
    expect((await openSession({ environment })).config()).toBe("b.yaml");
    await writeFile("drawbridge.yaml", "");
    expect((await openSession({ environment: {} })).config()).toBe("drawbridge.yaml");
  });

  it("without a configuration, a command that needs one says how to name it", async () => {
    const { config } = await openSession({ environment: {} });
    expect(config).toThrow(expect.objectContaining({ code: "usage_invalid" }));
    expect(config).toThrow(/there is no drawbridge\.yaml here: .*--config or DRAWBRIDGE_CONFIG/);
  });
});

describe("the session of a playground", () => {
  beforeEach(() => mkdir(dirname(PLAYGROUND_SESSION), { recursive: true }));

  it.each(["", '{"url":"http://127.0.0', "null", '{"url":"http://127.0.0.1:1"}'])(
    "the session of a playground is absent if its file holds %j",
    async (text) => {
      await writeFile(PLAYGROUND_SESSION, text);
      expect(await readPlayground()).toBeUndefined();
      expect((await openSession({ environment: {} })).url.origin).toBe("http://127.0.0.1:8787");
    },
  );
});

describe("the token of a playground", () => {
  beforeEach(() => mkdir(dirname(PLAYGROUND_SESSION), { recursive: true }));

  /** Asks a token endpoint with this handler for a token. */
  async function tokenFrom(handle: (response: ServerResponse) => void): Promise<string> {
    const app = createServer((_, response) => handle(response)).listen(0, "127.0.0.1");
    await new Promise((resolve) => app.once("listening", resolve));
    const address = app.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const tokenEndpoint = `http://127.0.0.1:${port}/token`;
    const client = { audience: "bridge", clientId: "reader", clientSecret: "reader-secret" };
    await writeFile(PLAYGROUND_SESSION, JSON.stringify({ url, config: "drawbridge.yaml", tokenEndpoint, ...client }));
    try {
      return await (await openSession({ environment: {} })).token();
    } finally {
      app.closeAllConnections();
      app.close();
    }
  }

  it("the token is that of the token endpoint", async () => {
    expect(await tokenFrom((response) => response.end('{"access_token":"abc"}'))).toBe("abc");
  });

  it.each<readonly [string, (response: ServerResponse) => void]>([
    ["a page", (response) => response.writeHead(502).end("<html>Bad gateway</html>")],
    ["nothing", (response) => response.end()],
    ["JSON without a token", (response) => response.end("{}")],
    [
      "half a body",
      (response) => response.writeHead(200, { "content-length": 9 }).write('{"a', () => response.destroy()),
    ],
  ])("the token is unavailable if the token endpoint answers with %s", async (_, handle) => {
    await expect(tokenFrom(handle)).rejects.toMatchObject({ code: "token_unavailable" });
  });
});

describe("the token", () => {
  const tokenOf = async (value: string) =>
    (await openSession({ environment: { DRAWBRIDGE_TOKEN: value }, url })).token();

  it("the token is the value in the environment without the line break of a file", async () => {
    expect(await tokenOf("abc.def-_~+/==\n")).toBe("abc.def-_~+/==");
  });

  it.each(["", "Bearer abc", "abc\ndef", "a,b"])("the token %j is rejected without being repeated", async (value) => {
    await expect(tokenOf(value)).rejects.toMatchObject({
      code: "usage_invalid",
      message: "the value of DRAWBRIDGE_TOKEN is not a bearer token",
    });
  });
});

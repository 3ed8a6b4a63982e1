import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

const CLI = fileURLToPath(new URL("../../functions/cli.ts", import.meta.url));
const TSX = fileURLToPath(import.meta.resolve("tsx"));

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command line in a process of its own, in the test's folder. */
function launch(args: readonly string[]) {
  const child = spawn(process.execPath, ["--import", TSX, CLI, ...args], {
    cwd: home,
    env: { PATH: process.env["PATH"] },
  });
  const ran = { out: "", err: "" };
  child.stdout.on("data", (text) => {
    ran.out += String(text);
  });
  child.stderr.on("data", (text) => {
    ran.err += String(text);
  });
  const ended = new Promise<Ran>((resolve) => child.once("exit", (code) => resolve({ code, ...ran })));
  return { child, ran, ended };
}

const run = (...args: readonly string[]): Promise<Ran> => runOn("", ...args);

/** With `input` as standard input. */
function runOn(input: string, ...args: readonly string[]): Promise<Ran> {
  const { child, ended } = launch(args);
  child.stdin.end(input);
  return ended;
}

describe("the playground", () => {
  let playground: ReturnType<typeof launch>;
  beforeAll(async () => {
    playground = launch(["start", "--port", "0"]);
    while (!playground.ran.out.includes("Ctrl-C ends")) {
      if (playground.child.exitCode !== null) throw new Error(playground.ran.err);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }, 60_000);
  afterAll(async () => {
    playground.child.kill("SIGTERM");
    expect((await playground.ended).code).toBe(0);
  });

  it("prints a trace that ends in the page's new version, and the page at the printed address shows the state", async () => {
    const { out, err } = playground.ran;
    expect(err).toBe("");
    expect(out).toMatch(/ 0 ms {2}page\.updated 98310 received from wiki, proved by hub-signature/);
    expect(out).toMatch(/tekton attempt 1 done after \d+ ms: accepted by the listener/);
    const [, version, address = ""] = /The page is now at version (\d+): (http\S+)/.exec(out) ?? [];
    const page = await (await fetch(address)).text();
    expect(page).toContain(`Version ${version}`);
    expect(page).toContain("PASSED");
  });

  it.each([
    ["gitlab", "push", "gitlab", "code.pushed"],
    ["buildkite", "build-finished", "buildkite", "build.succeeded"],
    ["tekton", "pipelinerun-succeeded", "cluster", "build.succeeded"],
    ["confluence", "page-created", "wiki", "page.created"],
  ])(
    "takes a signed %s %s, lists it, and takes it again as a duplicate",
    async (provider, event, source, what) => {
      const first = await run("send", provider, event);
      expect(first).toMatchObject({
        code: 0,
        out: expect.stringMatching(/^202 \{"delivery":"d-[a-z2-7]{26}","status":"accepted"\}\n$/),
      });
      const [id = ""] = /d-[a-z2-7]{26}/.exec(first.out) ?? [];
      expect(await run("send", provider, event)).toMatchObject({
        out: `200 {"delivery":"${id}","status":"duplicate"}\n`,
      });
      const listed = (await run("events", "list", "--source", source)).out
        .split("\n")
        .find((line) => line.includes(id));
      expect(listed?.split(/\s{2,}/)).toMatchObject([
        expect.any(String),
        source,
        "event",
        what,
        expect.any(String),
        id,
      ]);
      expect((await run("events", "show", id)).out).toContain(`what      ${what}`);
    },
    60_000,
  );

  it("names the fixtures that there are", async () => {
    expect((await run("send", "gitlab")).out.split("\n")).toContain("push");
    expect((await run("send", "gitlab", "pus")).err).toContain('gitlab has no fixture "pus"; it has: ');
  });

  it("renders what fits a route", async () => {
    const { code, out } = await run("tekton", "render", "docs-build", "--namespace", "ci");
    const kinds = parseAllDocuments(out).map((document) => document.get("kind"));
    expect(code).toBe(0);
    expect(kinds).toEqual(
      expect.arrayContaining(["EventListener", "TriggerBinding", "TriggerTemplate", "ServiceAccount"]),
    );
    expect((await run("tekton", "render", "docs-status")).err).toContain("those that do: docs-build");
  });

  it("has a configuration without a mistake", async () => {
    expect(await run("check")).toMatchObject({ code: 0 });
  });
});

describe("the command line", () => {
  it("explains itself, and fails on what it does not know", async () => {
    expect(await run()).toMatchObject({ code: 0, out: expect.stringContaining("drawbridge <command>") });
    expect(await run("evnts", "list")).toMatchObject({ code: 2 });
    expect(await run("check", "--cofnig", "x")).toMatchObject({ code: 1, err: expect.stringContaining("--cofnig") });
  });

  it("says which line of a configuration is wrong, and does not start with it", async () => {
    const path = join(home, "wrong.yaml");
    await writeFile(path, "sources:\n  wiki:\n    provider: conflunce\n");
    const told = `${path}:3:5 sources.wiki.provider: there is no provider "conflunce" (did you mean "confluence"?)`;
    expect(await run("check", "--config", path)).toMatchObject({ code: 1, out: expect.stringContaining(told) });
    expect(await run("start", "--config", path, "--port", "0")).toMatchObject({
      code: 1,
      err: expect.stringContaining(told),
    });
  });

  it("does not start when a secret is not there", async () => {
    const path = join(home, "no-secret.yaml");
    await writeFile(path, "sources:\n  gitlab:\n    provider: gitlab\n    token: { current: env:NOT_SET }\n");
    const { code, err } = await run("start", "--config", path, "--port", "0");
    expect([code, err]).toEqual([1, expect.stringContaining("secret env:NOT_SET: it is not set, or empty")]);
  });

  it("explains a token from a file or standard input, and takes none from the command line", async () => {
    const [config, file] = [join(home, "trust.yaml"), join(home, "token")];
    const trust = "issuer: https://issuer.example.test, audience: us";
    await writeFile(config, `sources: {}\nissuers:\n  ci: { ${trust} }\n`);
    const claims = { iss: "https://issuer.example.test", aud: "us", sub: "canary-subject", exp: 1 };
    const parts = [{ alg: "RS256" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
    const token = [...parts, "c2lnbmF0dXJl"].join(".");
    await writeFile(file, `${token}\n`);
    const command = ["token", "explain", "--config", config, "--offline"] as const;
    for (const ran of [await run(...command, "--file", file), await runOn(`Bearer ${token}\n`, ...command)]) {
      expect(ran).toMatchObject({ code: 1, err: "", out: expect.stringContaining("refused: token_expired") });
      expect(ran.out).not.toMatch(new RegExp([token, ...parts, "canary-subject"].join("|")));
    }
    const { code, err } = await run(...command, token);
    expect([code, err]).toEqual([1, expect.stringContaining("standard input")]);
    expect(err).not.toContain(token);
  });

  it("says so when no bridge answers", async () => {
    const config = join(home, "idle.yaml");
    await writeFile(config, "sources: {}\n");
    const { code, err } = await run("events", "list", "--url", "http://127.0.0.1:9", "--config", config);
    expect([code, err]).toEqual([1, expect.stringContaining("drawbridge: ")]);
  });
});

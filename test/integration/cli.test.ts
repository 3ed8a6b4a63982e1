import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { runCommand } from "../../shared/cli/run-command.ts";
import { commandHost, optionArgs } from "../support/command-host.ts";
import { commandLine, type Ran } from "../support/command-line.ts";
import { serveOnLoopback } from "../support/loopback.ts";
import { deliveries, delivery } from "../unit/console/visiting.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const run = (...args: readonly string[]): Promise<Ran> => runOn("", ...args);

/** With `input` as standard input. */
function runOn(input: string, ...args: readonly string[]): Promise<Ran> {
  const { child, ended } = commandLine(args, { cwd: home });
  child.stdin.end(input);
  return ended;
}

describe("the playground", () => {
  let playground: ReturnType<typeof commandLine>;
  beforeAll(async () => {
    playground = commandLine(["start", "--port", "0"], { cwd: home });
    await playground.printed("Ctrl-C ends");
  }, 60_000);
  afterAll(async () => {
    playground.child.kill("SIGTERM");
    expect((await playground.ended).code).toBe(0);
  });

  it("the printed trace ends with the page's new version, and the page at the printed address shows the state", async () => {
    const { out, err } = playground.ran;
    expect(err).toBe("");
    expect(out).toMatch(/ 0 ms {2}page\.updated 98310 received from wiki, proved by hub-signature/);
    expect(out).toMatch(/tekton attempt 1 done after \d+ ms: accepted by the listener/);
    const [, version, address = ""] = /The page is now at version (\d+): (http\S+)/.exec(out) ?? [];
    const page = await (await fetch(address)).text();
    expect(page).toContain(`Version ${version}`);
    expect(page).toContain("PASSED");
  });

  it("the playground's token is sent to no other bridge", async () => {
    const asked: (string | null)[] = [];
    const other = new Hono<{ Bindings: HttpBindings }>();
    other.all("*", (c) => {
      asked.push(c.req.raw.headers.get("authorization"));
      return c.notFound();
    });
    const { url, close } = await serveOnLoopback(other, 0);
    const { code, err } = await run("events", "list", "--url", url.origin);
    await close();
    expect([code, err]).toEqual([2, expect.stringContaining("put a bearer token for")]);
    expect(asked).toEqual([]);
  });

  it.each([
    ["gitlab", "push", "gitlab", "code.pushed"],
    ["buildkite", "build-finished", "buildkite", "build.succeeded"],
    ["tekton", "pipelinerun-succeeded", "cluster", "build.succeeded"],
    ["confluence", "page-created", "wiki", "page.created"],
  ])(
    "a signed %s %s is accepted, listed, and accepted again as a duplicate",
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
      expect(JSON.parse((await run("events", "show", id, "--json")).out)).toMatchObject({ delivery: { id, what } });
    },
    60_000,
  );

  it("the existing fixtures are listed", async () => {
    expect((await run("send", "gitlab")).out.split("\n")).toContain("push");
    expect((await run("send", "gitlab", "pus")).err).toContain('gitlab has no fixture "pus"; it has: ');
  });

  it("the manifests of a route are rendered", async () => {
    const { code, out } = await run("tekton", "render", "docs-build", "--namespace", "ci");
    const kinds = parseAllDocuments(out).map((document) => document.get("kind"));
    expect(code).toBe(0);
    expect(kinds).toEqual(
      expect.arrayContaining(["EventListener", "TriggerBinding", "TriggerTemplate", "ServiceAccount"]),
    );
    expect((await run("tekton", "render", "docs-status")).err).toContain("these have: docs-build");
  });

  it("the playground's configuration has no errors, and each wiki in it says what it costs", async () => {
    expect(await run("check")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^info targets\.\w+: .*versions a day.*\n.*: 0 errors, \d+ warnings?\n$/m),
    });
  });

  it("the address for webhooks is printed", () => {
    expect(playground.ran.out).toMatch(/ {2}webhooks go to {6}http:\/\/127\.0\.0\.1:\d+\/webhooks\/<source>\n/);
  });

  it("a second playground does not start", async () => {
    const { code, err } = await run("start", "--port", "0");
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^drawbridge: a playground is already running at http\S+: /),
    ]);
    expect((await run("events", "list")).code).toBe(0);
  });
});

describe("the command line", () => {
  it.each([
    [["--help"], 0, "Usage: drawbridge <command>", ""],
    [["events", "list", "--help"], 0, "Usage: drawbridge events list [options]", ""],
    [["--version"], 0, "0.1.0\n", ""],
    [[], 2, "Usage: drawbridge <command>", ""],
    [["completion", "bash"], 0, "complete -o default -F _drawbridge drawbridge\n", ""],
    [["bogus"], 2, "", 'drawbridge: there is no command "bogus"; see drawbridge --help\n'],
    [["check", "--cofnig", "x"], 2, "", 'drawbridge: "check" has no option --cofnig: did you mean --config?\n'],
    [
      ["events", "replay", "d-1", "--environment", "prod"],
      2,
      "",
      'drawbridge: "events replay" has no option --environment',
    ],
    [["start", "x"], 2, "", 'drawbridge: too many arguments: it is "start"\n'],
    [["start", "--port", "abc"], 2, "", "drawbridge: --port must be a whole number from 0 to 65535\n"],
    [["start", "--port", "65535"], 2, "", "--port can be 65532 at most\n"],
    [["start", "--tls-cert", "x.pem"], 2, "", "drawbridge: --tls-cert needs a configuration"],
  ])("the arguments %j give the exit code %i and a sentence", async (args, code, out, err) => {
    const ran = await run(...args);
    expect(ran).toEqual({ code, out: expect.stringContaining(out), err: expect.stringContaining(err) });
    expect(ran[err === "" ? "err" : "out"]).toBe("");
  });

  it.each([0, 1, 3])("the taken port %i places after --port is named, with a free row of ports", async (places) => {
    const { first, other } = await freeRow(places);
    const port = first + places;
    const { code, err } = await run("start", "--port", String(first));
    other.close();
    expect([code, err]).toEqual([1, expect.stringContaining(`drawbridge: 127.0.0.1:${port} is taken; `)]);
    expect(err).toContain(
      `4 ports in a row, here ${first} to ${first + 3}: stop the process that listens on ${port}, `,
    );
    expect(err).toMatch(/or run: npm start -- --port \d+\n$/);
  });

  it.each([
    [200, 0, ""],
    [401, 4, 'the bridge does not accept your token: see "drawbridge token explain"'],
    [403, 4, "403 no reason given"],
    [404, 1, "404 no reason given"],
    [503, 3, "503 no reason given"],
  ])("the bridge's response %i becomes the exit code %i", async (status, code, message) => {
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.get("*", () => Response.json({ deliveries: [] }, { status }));
    const bridge = await serveOnLoopback(app, 0);
    const environment = { DRAWBRIDGE_URL: bridge.url.origin, DRAWBRIDGE_TOKEN: "token" };
    const ran = await commandLine(["events", "list"], { cwd: home, environment }).ended;
    await bridge.close();
    expect(ran).toMatchObject({ code, err: message === "" ? "" : `drawbridge: ${message}\n` });
    // Nothing listens at the address any more.
    const later = await commandLine(["events", "list"], { cwd: home, environment }).ended;
    expect([later.code, later.err]).toEqual([3, expect.stringContaining("no bridge answers at ")]);
  });

  it("warnings give the exit code 1 only if check is strict", async () => {
    const path = join(home, "idle.yaml");
    await writeFile(path, "sources:\n  gitlab:\n    provider: gitlab\n    token: { current: file:idle-secret }\n");
    await writeFile(join(home, "idle-secret"), "a-secret-of-enough-characters");
    const check = (...options: readonly string[]) => run("check", "--config", path, ...options);
    const lenient = await check();
    expect(lenient).toMatchObject({ code: 0, out: expect.stringMatching(/: 0 errors, [1-9]\d* warnings?\n$/) });
    expect(await check("--strict")).toEqual({ ...lenient, code: 1 });
    const { code, out } = await check("--strict", "--json");
    expect([code, JSON.parse(out)]).toEqual([
      1,
      expect.arrayContaining([expect.objectContaining({ level: "warning" })]),
    ]);
  });

  it("a wrong line of a configuration is named, and the bridge does not start with it", async () => {
    const path = join(home, "wrong.yaml");
    await writeFile(path, "sources:\n  wiki:\n    provider: conflunce\n");
    const finding = `${path}:3:5 sources.wiki.provider: there is no provider "conflunce" (did you mean "confluence"?)`;
    const { code, out } = await run("check", "--config", path);
    expect([code, out]).toEqual([1, expect.stringContaining(finding)]);
    expect(out).toContain(`${path}: 1 error, 0 warnings; more may follow once these are corrected\n`);
    expect(await run("start", "--config", path, "--port", "0")).toMatchObject({
      code: 1,
      err: expect.stringContaining(finding),
    });
  });

  it("check tries the secrets and files that the bridge would use on this machine", async () => {
    const path = join(home, "unfit.yaml");
    await writeFile(join(home, "unfit"), "no signing token");
    const signingToken = `{ current: "file:${join(home, "unfit")}" }`;
    await writeFile(path, `sources:\n  gitlab:\n    provider: gitlab\n    signingToken: ${signingToken}\n`);
    const { code, out } = await run("check", "--config", path);
    expect([code, out]).toEqual([1, expect.stringContaining("it is not a signing token")]);
  });

  it("the bridge does not start if a secret is missing", async () => {
    const path = join(home, "no-secret.yaml");
    await writeFile(path, "sources:\n  gitlab:\n    provider: gitlab\n    token: { current: env:NOT_SET }\n");
    const { code, err } = await run("start", "--config", path, "--port", "0");
    expect([code, err]).toEqual([1, expect.stringContaining("secret env:NOT_SET: it is not set, or empty")]);
  });

  it("a token is explained from a file or standard input, and rejected as an argument", async () => {
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
    expect([code, err]).toEqual([2, expect.stringContaining("standard input")]);
    expect(err).not.toContain(token);
  });

  it("a missing bridge and a TLS error are reported", async () => {
    const plain = await serveOnLoopback(new Hono(), 0);
    const list = async (url: string) =>
      runCommand(["events", "list", "--url", url], commandHost({ environment: { DRAWBRIDGE_TOKEN: "token" } }));
    await expect(list(plain.url.href.replace("http:", "https:"))).rejects.toMatchObject({
      code: "target_unreachable",
      message: expect.stringMatching(
        /: the connection failed \(\w*SSL\w*\); is it running, and is this its address\?$/,
      ),
    });
    await plain.close();
    await expect(list(plain.url.href)).rejects.toMatchObject({ message: expect.stringContaining("(ECONNREFUSED)") });
  });
});

describe("the output of a command", () => {
  /** What a command prints of a response of a stand-in for the bridge. Its output is as wide as `columns`. */
  async function printedOf(
    answer: object,
    words: readonly string[],
    options: Readonly<Record<string, string>> = {},
    columns?: number,
  ) {
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.get("*", (c) => c.json(answer));
    const bridge = await serveOnLoopback(app, 0);
    const printed: string[] = [];
    const args = [...words, ...optionArgs({ url: bridge.url.href, ...options })];
    const environment = { DRAWBRIDGE_TOKEN: "token" };
    await runCommand(args, commandHost({ environment, print: (text) => void printed.push(text), columns }));
    await bridge.close();
    return { url: bridge.url.href, lines: printed.join("\n").split("\n") };
  }

  const list = ["events", "list"] as const;

  it("an empty list of deliveries says so", async () => {
    expect((await printedOf({ deliveries: [] }, list)).lines).toEqual(["no delivery matches"]);
    const { lines } = await printedOf({ deliveries: [], next: "1793600000000.d-1" }, list);
    expect(lines).toEqual([
      "no delivery matches so far",
      expect.stringMatching(/^more: .* --cursor 1793600000000.d-1/),
    ]);
  });

  it("the list names the sender of a rejected delivery", async () => {
    const { deliveries: all } = deliveries(() => "word");
    const rejected = all.flatMap(({ subject: _, ...one }) => ({
      ...one,
      principal: { ...one.principal, subject: "eve" },
    }));
    const { lines } = await printedOf({ deliveries: rejected }, list);
    expect(lines.slice(1).map((line) => line.split(/ {2,}/).slice(2, 5))).toEqual([
      ["event", "word", "word"],
      ["ignored", "word", "word"],
      ["unusable", "word", "word"],
      ["refused", "word", "eve"],
    ]);
  });

  it("an incomplete list ends with a shell command for the rest, with the same filters", async () => {
    const next = "1793600000000.d-1";
    const options = { text: "it's $HOME; a", source: "wiki", cursor: "1793700000000.d-2" };
    const { url, lines } = await printedOf({ ...deliveries(() => "word"), next }, list, options);
    const [, command = ""] = /^more: (.*)$/.exec(lines.at(-1) ?? "") ?? [];
    const { stdout } = spawnSync("sh", ["-c", `npm() { printf '%s\\n' "$@"; }; ${command}`], { encoding: "utf8" });
    const given = { ...options, url, cursor: next };
    const [run, ...args] = stdout.trimEnd().split("\n--");
    expect(run?.split("\n")).toEqual(["run", "-s", "drawbridge"]);
    expect(args[0]).toBe("\nevents\nlist");
    expect(args.slice(1).sort()).toEqual(
      Object.entries(given)
        .map((pair) => pair.join("\n"))
        .sort(),
    );
  });

  const shown = delivery(() => "word");
  const at = (second: number): string => `2026-11-02T09:00:0${second}.000Z`;
  const show = async (answer: object, columns?: number) =>
    (await printedOf(answer, ["events", "show", "d-1"], {}, columns)).lines;

  it("a delivery is shown with its trace and what it replays, and its timeline is in order of time", async () => {
    const detail = {
      ...shown.events[0]?.detail,
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      replay: { of: "d-first", routes: ["docs", "more"], isRollback: true },
    };
    const timeline = [
      { at: at(2), kind: "followed_by", delivery: "d-2", what: "build.queued" },
      { at: at(1), kind: "scheduled", route: "docs", action: "tekton" },
      { ...shown.timeline.find(({ kind }) => kind === "replayed"), at: at(3), delivery: "d-3" },
    ];
    const lines = await show({ ...shown, events: [{ "detail-type": "page.updated", detail }], timeline });
    expect(lines).toEqual(
      expect.arrayContaining([
        "trace     0af7651916cd43dd8448eb211c80319c",
        "replay of d-first (rollback) for docs, more",
      ]),
    );
    expect(lines.slice(-3)).toEqual([
      `${at(1)}  route docs: tekton due`,
      `${at(2)}  followed by build.queued (d-2)`,
      expect.stringContaining(`${at(3)}  rolled back to, as d-3, for docs by `),
    ]);
  });

  it("a repeat is listed as one, and shown with the delivery that it repeats", async () => {
    const [first] = deliveries(() => "word").deliveries;
    const listed = await printedOf({ deliveries: [{ ...first, outcome: "event", repeats: "d-first" }] }, list);
    expect(listed.lines.join("\n")).toContain("event, repeat  ");
    expect(await show({ ...shown, delivery: { ...shown.delivery, repeats: "d-first" } })).toContain(
      "repeats   d-first",
    );
  });

  it("each event of a delivery is shown with its id, type, subject and key, and a line of the timeline names its event", async () => {
    const [first] = shown.events;
    const second = { ...first?.detail, id: "d-1.2", subject: "production", eventKey: "e-2" };
    const events = [first, { "detail-type": "code.tagged", detail: second }];
    const timeline = [{ at: at(1), kind: "scheduled", route: "docs", event: "d-1.2", action: "tekton" }];
    expect(await show({ ...shown, events, timeline })).toEqual(
      expect.arrayContaining([
        "event     word: build.failed word, event key word",
        "event     d-1.2: code.tagged production, event key e-2",
        `${at(1)}  route docs: tekton due (event d-1.2)`,
      ]),
    );
  });

  it("each field of an event is shown with the path that a route has for it, and JSON has the whole event", async () => {
    const detail = {
      ...shown.events[0]?.detail,
      label: "build-me",
      code: {
        paths: { changed: ["docs/a.md", "docs/b.md"], truncated: false },
        commits: [{ id: "3f9d" }, { id: "77aa" }],
      },
    };
    const events = [{ source: "drawbridge.gitlab", "detail-type": "code.pushed", time: at(0), detail }];
    const lines = await show({ ...shown, events });
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual(
      expect.arrayContaining([
        ["FIELD", "VALUE"],
        ["source", "drawbridge.gitlab"],
        ["detail-type", "code.pushed"],
        ["detail.source", "/sources/wiki"],
        ["detail.label", "build-me"],
        ["detail.build.change.fork", "true"],
        ["detail.code.paths.changed", "docs/a.md, docs/b.md"],
        ["detail.code.paths.truncated", "false"],
        ["detail.code.commits[0].id", "3f9d"],
      ]),
    );
    const json = (await printedOf({ ...shown, events }, ["events", "show", "d-1", "--json"])).lines.join("\n");
    expect(JSON.parse(json)).toMatchObject({ events });
  });

  it("a delivery without an event is shown as not to be relayed", async () => {
    expect(await show({ ...shown, events: [], timeline: [] })).toEqual(
      expect.arrayContaining(["relayed   nothing to relay", "nothing followed"]),
    );
  });

  it("a line is wrapped at the terminal's width, and not wrapped without a terminal", async () => {
    const summary = "accepted by the listener, which will say what became of it";
    const timeline = [{ at: at(1), kind: "waiting", route: "docs", action: "tekton", summary }];
    const wide = `${at(1)}  route docs: tekton waits: ${summary}`;
    expect((await show({ ...shown, timeline })).at(-1)).toBe(wide);
    const lines = (await show({ ...shown, timeline }, 60)).slice(-3);
    expect(lines.map((line) => line.trim()).join(" ")).toBe(wide);
    expect(lines.every((line, n) => line.length <= 60 && line.startsWith(n === 0 ? at(1) : " ".repeat(26)))).toBe(true);
  });
});

/**
 * A row of four ports of which only one is taken, by `other`. It lies below the ports that the system gives to other tests.
 */
async function freeRow(places: number): Promise<{ readonly first: number; readonly other: Server }> {
  for (;;) {
    const first = 10_000 + Math.floor(Math.random() * 5_000) * 4;
    const servers = await Promise.all([0, 1, 2, 3].map((place) => listenOn(first + place)));
    const other = servers[places];
    for (const server of servers) if (server !== other) server?.close();
    if (other !== undefined && servers.every((server) => server !== undefined)) return { first, other };
    other?.close();
  }
}

/** Undefined if the port is taken. */
function listenOn(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

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
import { commandLine, PROGRAM, type Ran } from "../support/command-line.ts";
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

const PROBE_RUN = /drawbridge-probe-e-[a-z2-7]{26}/;

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
    expect(out).toMatch(/tekton attempt 1 accepted after \d+ ms: accepted by the listener/);
    const [, version, address = ""] = /The page is now at version (\d+): (http\S+)/.exec(out) ?? [];
    const page = await (await fetch(address)).text();
    expect(page).toContain(`Version ${version}`);
    expect(page).toContain("PASSED");
  });

  it("the playground's token is sent to no other bridge", async () => {
    const asked: (readonly [path: string, credential: string | null])[] = [];
    const other = new Hono<{ Bindings: HttpBindings }>();
    other.all("*", (c) => {
      asked.push([c.req.path, c.req.raw.headers.get("authorization")]);
      return c.notFound();
    });
    const { url, close } = await serveOnLoopback(other, 0);
    const { code, err } = await run("events", "list", "--url", url.origin);
    await close();
    expect([code, err]).toEqual([2, expect.stringContaining("put a bearer token for")]);
    // It asks only whether a bridge runs there.
    expect(asked).toEqual([["/healthz", null]]);
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
        expect.stringMatching(/^[^ ] [a-z ]+$/),
        expect.any(String),
        source,
        what,
        expect.any(String),
        id,
      ]);
      expect((await run("events", "show", id)).out).toContain(`what      ${what}`);
      expect(JSON.parse((await run("events", "show", id, "--json")).out)).toMatchObject({ delivery: { id, what } });
    },
    60_000,
  );

  it("a changed fixture is another delivery each time, with the changed value in its event", async () => {
    const branch = ["--set", "ref=refs/heads/try/me", "--new"];
    const ids = [];
    for (const _ of [1, 2]) {
      const { code, out } = await run("send", "gitlab", "push", ...branch);
      expect([code, out]).toEqual([0, expect.stringContaining('"status":"accepted"')]);
      ids.push(/d-[a-z2-7]{26}/.exec(out)?.[0] ?? "");
    }
    expect(new Set(ids).size).toBe(2);
    const { out } = await run("events", "show", ids[1] ?? "", "--json");
    expect(JSON.parse(out)).toMatchObject({ events: [{ detail: { code: { name: "try/me" } } }] });
    expect(JSON.parse(out).delivery).not.toHaveProperty("repeats");
    const wrong = await run("send", "gitlab", "push", "--set", "branch=main");
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('there is no "branch" here')]);
    expect((await run("send", "gitlab", "--new")).code).toBe(2);
  }, 60_000);

  it("the existing fixtures are listed", async () => {
    expect((await run("send", "gitlab")).out.split("\n")).toContain("push");
    expect((await run("send", "gitlab", "pus")).err).toContain('gitlab has no fixture "pus"; it has: ');
  });

  it("a probe of a listener is followed from the request to the end of its run, and a dry run sends nothing", async () => {
    const dry = await run("check", "--live", "listener", "--dry-run");
    expect(dry).toMatchObject({ code: 0, err: "" });
    const { code, out, err } = await run("check", "--live", "listener");
    expect([code, err, out]).toEqual([0, "", expect.any(String)]);
    const hops = out.split("\n").map((line) => line.split(/ {2,}/)[0]);
    expect(out).toMatch(/^bridge {7}http:\/\/127\.0\.0\.1:\d+ \(the playground\)\n/);
    expect(hops.slice(1, 6)).toEqual(["request", "credential", "run", "reports", "accepted"]);
    expect(out).toMatch(/^accepted {5}202, ci\/drawbridge, eventID [\w-]+, after \d\.\d s$/m);
    expect(out).toMatch(/^reported {5}build\.succeeded \(d-[a-z2-7]{26}\), after \d+\.\d s$/m);
    const [name = ""] = PROBE_RUN.exec(dry.out) ?? [];
    const listed = (await run("events", "list", "--text", PROBE_RUN.exec(out)?.[0] ?? "")).out;
    expect(listed).toContain("probe.build.succeeded");
    // No route fires for what is no event.
    expect(listed).not.toMatch(/ event /);
    expect((await run("events", "list", "--text", name)).out).not.toContain(name);
  });

  it("the manifests of a target are rendered", async () => {
    const { code, out } = await run("tekton", "render", "listener");
    const kinds = parseAllDocuments(out).map((document) => document.get("kind"));
    expect(code).toBe(0);
    expect(kinds).toEqual(expect.arrayContaining(["EventListener", "Trigger", "ServiceAccount"]));
  });

  it("the playground's configuration has no errors, and each wiki in it says what it costs", async () => {
    expect(await run("check")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^info targets\.\w+: .*versions a day.*\n.*: 0 errors, \d+ warnings?\n$/m),
    });
  });

  it("the console's sessions of the caller are revoked, and those of another person need a role", async () => {
    expect(await run("sessions", "revoke")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^the console's sessions of \S+ from before \S+Z have ended\n$/),
    });
    expect(await run("sessions", "revoke", "olga")).toMatchObject({
      code: 4,
      err: expect.stringContaining("role_missing"),
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
    [["bogus"], 2, "", `drawbridge: there is no command "bogus"; see ${PROGRAM} --help\n`],
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
    [401, 4, `the bridge does not accept your token: see "${PROGRAM} token explain"`],
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
    environment: Readonly<Record<string, string>> = {},
  ) {
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.get("*", (c) => c.json(answer));
    const bridge = await serveOnLoopback(app, 0);
    const printed: string[] = [];
    const args = [...words, ...optionArgs({ url: bridge.url.href, ...options })];
    const warnings: string[] = [];
    const host = commandHost({
      environment: { DRAWBRIDGE_TOKEN: "token", ...environment },
      print: (text) => void printed.push(text),
      warn: (text) => void warnings.push(text),
      columns,
    });
    await runCommand(args, host);
    await bridge.close();
    return { url: bridge.url.href, lines: printed.join("\n").split("\n"), warnings };
  }

  const list = ["events", "list"] as const;

  it("an empty list of deliveries says so", async () => {
    expect((await printedOf({ deliveries: [] }, list)).lines).toEqual(["no delivery matches"]);
    const { lines } = await printedOf({ deliveries: [], next: "1793600000000.d-1" }, list);
    expect(lines).toEqual([
      "no delivery matches so far; there are older ones",
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
    expect(
      lines
        .slice(1)
        .map((line) => line.split(/ {2,}/))
        .map((row) => row.toSpliced(1, 2)),
    ).toEqual([
      ["✕ given up", "word", "d-event"],
      ["– ignored", "word", "d-ignored"],
      ["! unusable", "word", "d-unusable"],
      ["✕ refused", "word", "eve", "d-refused"],
    ]);
  });

  it("a list fits a terminal of 80 columns and has whole ids, and without a terminal nothing is cut", async () => {
    const id = "d-twp4klpzkhwviq4i4tluhixvtv";
    const long = "group/subgroup/a-project-with-a-long-name/日本語の説明";
    const texts = { source: "platform-gitlab-production", what: "change.comment_edited", subject: long };
    const principal = { ...deliveries(() => "word").deliveries[0]?.principal, subject: long };
    const all = deliveries(() => "word").deliveries.map((one) => ({ ...one, ...texts, id, principal }));
    for (const options of [{}, { outcome: "audit" }]) {
      const narrow = (await printedOf({ deliveries: all }, list, options, 80, { NO_COLOR: "1" })).lines;
      expect(narrow).toHaveLength(all.length + 1);
      // Each of the other characters takes two places.
      for (const line of narrow) expect(line.replace(/[^\x20-\x7e…•–✕]/g, "xx").length, line).toBeLessThanOrEqual(80);
      for (const line of narrow.slice(1)) expect(line).toMatch(new RegExp(`…  ${id}$`));
      const wide = (await printedOf({ deliveries: all }, list, options)).lines;
      for (const line of wide.slice(1)) for (const text of Object.values(texts)) expect(line).toContain(`  ${text}  `);
    }
  });

  it("a terminal has colour beside the words, and none if the user wants none", async () => {
    const answer = deliveries(() => "word");
    const lines = (environment: Readonly<Record<string, string>>, columns?: number) =>
      printedOf(answer, list, {}, columns, environment).then((printed) => printed.lines.slice(1, -1).join("\n"));
    const colours = /\p{Cc}\[\d*m/gu;
    const coloured = await lines({}, 80);
    expect(coloured).toMatch(colours);
    for (const environment of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
      expect(await lines(environment, 80)).toBe(coloured.replace(colours, ""));
    }
    expect(await lines({})).not.toMatch(colours);
  });

  it("JSON lines have a record in each line and nothing else, and the next page is named beside the output", async () => {
    const next = "1793600000000.d-1";
    const answer = deliveries(() => "two\nlines\u2028");
    const { lines, warnings } = await printedOf({ ...answer, next }, list, { output: "jsonl" });
    expect(lines.map((line) => JSON.parse(line).what)).toEqual(answer.deliveries.map(({ what }) => what));
    expect(warnings).toEqual([expect.stringMatching(/^more: .* --cursor 1793600000000.d-1 --output jsonl /)]);
    const json = (await printedOf({ ...answer, next }, list, { output: "json" })).lines.join("\n");
    expect(JSON.parse(json)).toMatchObject({ next, deliveries: answer.deliveries.map(({ id }) => ({ id })) });
    const shownLines = (await printedOf(shown, ["events", "show", "d-1"], { output: "jsonl" })).lines;
    expect(shownLines.map((line) => JSON.parse(line))).toMatchObject([{ delivery: { id: shown.delivery.id } }]);
  });

  it("the approvals fit a terminal of 80 columns, and JSON lines have all of each", async () => {
    const one = {
      id: "p-twp4klpzkhwviq4i4tluhixvtv",
      state: "requested",
      route: "deploy-the-documentation-to-production",
      subject: "group/subgroup/a-project-with-a-long-name",
      version: "4f2d6a9c".repeat(5),
      requester: { issuer: "https://issuer.example.test", subject: "robin", method: "m", credential: "c", roles: [] },
      requestedAt: "2026-11-02T09:00:00.000Z",
      until: "2026-11-02T10:00:00.000Z",
      approvers: ["on-call"],
      delivery: "d-1",
      progress: { needed: 2, grantedBy: ["a"], missingRoles: [] },
      may: ["grant", "deny", "emergency"],
    };
    const answer = { approvals: [one, one], hasMore: true };
    const narrow = (await printedOf(answer, ["approvals", "list"], {}, 80)).lines;
    expect(Math.max(...narrow.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(narrow.filter((line) => line.startsWith(`${one.id}  requested 1/2  `))).toHaveLength(2);
    const { lines, warnings } = await printedOf(answer, ["approvals", "list"], { output: "jsonl" });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([one, one]);
    expect(warnings).toEqual([expect.stringContaining("More approvals are open")]);
    const card = (await printedOf(answer, ["approvals", "show", one.id], { output: "json" })).lines.join("\n");
    expect(JSON.parse(card)).toMatchObject(one);
  });

  it("a relative time is sent as the time that it means", async () => {
    const asked: (string | undefined)[] = [];
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.get("*", (c) => {
      asked.push(c.req.query("since"), c.req.query("output"), c.req.query("json"));
      return c.json({ deliveries: [] });
    });
    const bridge = await serveOnLoopback(app, 0);
    const args = [...list, "--json", ...optionArgs({ url: bridge.url.href, since: "2h" })];
    const before = Date.now();
    await runCommand(args, commandHost({ environment: { DRAWBRIDGE_TOKEN: "token" } }));
    await bridge.close();
    expect(asked.slice(1)).toEqual([undefined, undefined]);
    const since = Date.parse(asked[0] ?? "") + 7_200_000;
    expect(since).toBeGreaterThanOrEqual(before);
    expect(since).toBeLessThanOrEqual(Date.now());
  });

  it("an incomplete list ends with a shell command for the rest, with the same filters", async () => {
    const next = "1793600000000.d-1";
    const options = { text: "it's $HOME; a", source: "wiki", cursor: "1793700000000.d-2" };
    const { url, lines } = await printedOf({ ...deliveries(() => "word"), next }, list, options);
    const [, command = ""] = /^more: (.*)$/.exec(lines.at(-1) ?? "") ?? [];
    const { stdout } = spawnSync("sh", ["-c", `drawbridge() { printf '%s\\n' "$@"; }; ${command}`], {
      encoding: "utf8",
    });
    const given = { ...options, url, cursor: next };
    const [words, ...args] = stdout.trimEnd().split("\n--");
    expect(words).toBe("events\nlist");
    expect(args.sort()).toEqual(
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

  it("a run that is expected, was reported or is missing has a line in the timeline", async () => {
    const about = { route: "docs", action: "tekton", acceptedAt: at(2), requests: 2 };
    const runs = [
      { ...about, state: "expecting_run", next: "repeat", nextAt: at(9) },
      { ...about, event: "d-1.2", state: "reported", reportedAt: at(4), reportedBy: "d-7" },
      { ...about, state: "accepted_without_run" },
      { ...about, state: "reported", reportedAt: at(5), reportedBy: "d-8", noReportSince: at(6) },
    ];
    const timeline = [
      { kind: "run", at: at(3), route: "docs", action: "tekton", state: "missing", summary: "no run was reported" },
    ];
    expect((await show({ ...shown, timeline, runs })).slice(-4)).toEqual([
      `${at(2)}  route docs: tekton run expected, accepted requests: 2; without a report the request is sent again at ${at(9)}`,
      `${at(3)}  route docs: tekton, accepted, no run: no run was reported`,
      `${at(4)}  route docs: tekton run reported (d-7) (event d-1.2)`,
      `${at(5)}  route docs: tekton run reported (d-8); it has not ended, and there is no report since ${at(6)}`,
    ]);
  });

  it("a delivery whose run is without a report for too long is listed with the time of the last one", async () => {
    const [first] = deliveries(() => "word").deliveries;
    const listed = await printedOf({ deliveries: [{ ...first, outcome: "event", noReportSince: at(6) }] }, list);
    expect(listed.lines.join("\n")).toContain(`✕ given up, no report since ${at(6)}  `);
  });

  it("a repeat is listed as one, and shown with the delivery that it repeats", async () => {
    const [first] = deliveries(() => "word").deliveries;
    const repeat = { ...first, outcome: "event", state: "repeat", repeats: "d-first" };
    expect((await printedOf({ deliveries: [repeat] }, list)).lines.join("\n")).toContain("– repeat  ");
    expect(await show({ ...shown, delivery: { ...shown.delivery, repeats: "d-first" } })).toContain(
      "repeats   d-first",
    );
  });

  it("a list begins with the state, and a delivery with its state and those of its routes", async () => {
    const [first] = deliveries(() => "word").deliveries;
    const routes = [
      { route: "docs", target: "ci", state: "given_up", since: at(2), why: "refused (400)" },
      { route: "status", target: "pages", state: "waiting", since: at(1), next: at(3), waitsFor: "release" },
    ];
    const state = { state: "given_up", stateSince: at(2), routes };
    const listed = (await printedOf({ deliveries: [{ ...first, ...state }] }, list)).lines;
    expect(listed.map((line) => line.split(/ {2,}/)[0])).toEqual(["STATE", "✕ given up"]);
    const lines = await show({ ...shown, delivery: { ...shown.delivery, ...state } });
    expect(lines.slice(0, 4)).toEqual([
      `state     ✕ given up since ${at(2)}`,
      `route     docs at ci: ✕ given up since ${at(2)}; refused (400)`,
      `route     status at pages: ! waiting since ${at(1)}; for release; next at ${at(3)}`,
      expect.stringMatching(/^delivery {2}/),
    ]);
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

import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse, stringify } from "yaml";
import { startPlayground } from "../../functions/playground.ts";
import { get } from "../../shared/cli/bridge-client.ts";
import { listedDeliveries, shownDelivery } from "../../shared/cli/responses.ts";
import { openSession } from "../../shared/cli/session.ts";
import { ROBIN } from "../support/sandbox-confluence-users.ts";
import { until } from "../support/until.ts";
import { type Shown, Visitor } from "../support/visitor.ts";

const HOUR_MS = 3_600_000;
const before = process.cwd();
let home: string;
let port: number;
let playground: Awaited<ReturnType<typeof startPlayground>>;
const printed: string[] = [];

beforeAll(async () => {
  // Sets every clock of the process: the bridge's, the sandboxes' and the identity provider library's.
  vi.useFakeTimers({ toFake: ["Date"], shouldAdvanceTime: true });
  home = await mkdtemp(join(tmpdir(), "drawbridge-"));
  process.chdir(home);
  port = await freePorts(4);
  playground = await startPlayground({ port, program: "drawbridge", print: (line) => void printed.push(line) });
  await playground.demonstrate();
}, 90_000);

afterAll(async () => {
  await playground.stop();
  process.chdir(before);
  vi.useRealTimers();
  await rm(home, { recursive: true, force: true });
});

/** The first of `count` free ports in a row. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 30_000);
    const servers = Array.from({ length: count }, () => createServer());
    const taken = await Promise.all(servers.map((server, at) => isTaken(server, first + at)));
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    if (!taken.includes(true)) return first;
  }
}

const isTaken = (server: Server, at: number): Promise<boolean> =>
  new Promise((resolve) => {
    server.once("error", () => resolve(true));
    server.listen(at, "127.0.0.1", () => resolve(false));
  });

const pageAddress = () => new URL("/wiki/spaces/ENG/pages/98310", `http://127.0.0.1:${port + 1}`);
const page = async () => (await fetch(pageAddress())).text();
/** The text of the page's own part, on one line. */
const pageText = async () =>
  (await page())
    .replace(/^.*<div id="content"/s, "")
    .replace(/<div class="side">.*$/s, "")
    .replace(/<[^>]+>|\s+/g, " ")
    .replace(/ +/g, " ");
const toDay = (time: number): string => new Date(time).toISOString().slice(0, 10);
const consoleAddress = () => new URL("/console", `http://127.0.0.1:${port}`);

async function editPage(line: string): Promise<void> {
  const url = new URL("/sandbox/pages/98310/edit", pageAddress());
  const body = new URLSearchParams({ line });
  const answer = await fetch(url, { method: "POST", headers: { origin: url.origin }, body, redirect: "manual" });
  expect(answer.status).toBe(303);
}

const choose = (visitor: Visitor, person: string): Promise<Shown> => visitor.post(visitor.url.pathname, { person });

describe("the files of the playground", () => {
  it("the folder, the configuration and the log are closed to other users", async () => {
    const folder = join(home, ".drawbridge/playground");
    const modes = ["", "drawbridge.yaml", "bridge.log", "session.json"].map(async (name) => {
      const { mode } = await stat(join(folder, name));
      return mode & 0o077;
    });
    expect(await Promise.all(modes)).toEqual([0, 0, 0, 0]);
  });
});

describe("the configuration of the playground", () => {
  it("a change of the file takes effect, and a mistake in it does not", async () => {
    const file = join(home, ".drawbridge/playground/drawbridge.yaml");
    const inForce = async () => {
      const ready = await (await fetch(`http://127.0.0.1:${port}/readyz`)).text();
      return String(JSON.parse(ready).configuration);
    };
    const earlier = await inForce();
    const written = readFileSync(file, "utf8");
    writeFileSync(file, "sources: [");
    const log = () => readFileSync(join(home, ".drawbridge/playground/bridge.log"), "utf8");
    await until("the mistake in the log", log, (text) => text.includes("the configuration was not reloaded"));
    expect(await inForce()).toBe(earlier);
    writeFileSync(file, stringify({ ...parse(written), limits: { retentionDays: 30 } }));
    await until("the change in force", inForce, (digest) => digest !== earlier);
    expect(printed.at(-1)).toBe("\nThe changed configuration is in force.");
  });
});

describe("the playground, 30 hours after its start", () => {
  const signedIn = new Visitor();
  const undecided = new Visitor();

  beforeAll(async () => {
    await signedIn.go(consoleAddress());
    expect((await choose(signedIn, "olga")).url).toEqual(consoleAddress());
    await undecided.go(consoleAddress());
    expect(undecided.url.pathname).toMatch(/^\/choose\//);
    vi.setSystemTime(Date.now() + 30 * HOUR_MS);
  });

  it("the run of an edit is shown on the page, and then its end", async () => {
    const linesBefore = printed.length;
    await editPage("thirty hours later");
    const board = new RegExp(
      `PASSED .* “${ROBIN.displayName}” account ${ROBIN.userKey.slice(0, 15)}… of .* ${toDay(Date.now())} \\d\\d:\\d\\d UTC`,
    );
    await until("the run's end on the page", pageText, (text) => board.test(text));
    expect(printed.slice(linesBefore)).toEqual([]);
  });

  it("a person whose session has ended is asked who it is, and then sees the console", async () => {
    const shown = await signedIn.go(consoleAddress());
    expect(shown.url.pathname).toMatch(/^\/choose\//);
    expect(await choose(signedIn, "olga")).toMatchObject({ status: 200, url: consoleAddress() });
  });

  it("a person whose sign-in was started too long ago is asked again", async () => {
    const shown = await choose(undecided, "olga");
    expect(shown.url.pathname).toMatch(/^\/choose\//);
    expect(await choose(undecided, "olga")).toMatchObject({ status: 200, url: consoleAddress() });
  });
});

describe("ten saves of a page", () => {
  it("are one run of the last, and the console shows the others as superseded", async () => {
    const startedAt = Date.now();
    const url = new URL("/sandbox/pages/98310/saves", pageAddress());
    const headers = { origin: url.origin, "content-type": "application/x-www-form-urlencoded" };
    expect((await fetch(url, { method: "POST", headers, redirect: "manual" })).status).toBe(303);
    const reader = await openSession({ environment: {} });
    const saves = async () => {
      const { deliveries } = await get(reader, "/v1/deliveries?source=wiki&type=page.updated", listedDeliveries);
      return deliveries.filter(({ receivedAt, state }) => Date.parse(receivedAt) >= startedAt && state !== "ignored");
    };
    const isEnded = ({ state }: { readonly state?: string | undefined }) => state === "ran" || state === "superseded";
    const ended = await until("the end of each save", saves, (all) => all.length === 10 && all.every(isEnded));
    expect(ended[0]?.state, "the last").toBe("ran");
    // A machine that is busy for more than two seconds between two saves starts a run of the earlier one.
    const superseded = ended.filter(({ state }) => state === "superseded");
    expect(superseded.length).toBeGreaterThan(0);
    const visitor = new Visitor();
    await visitor.go(consoleAddress());
    await choose(visitor, "olga");
    const shown = await visitor.go("/console/deliveries?state=superseded");
    for (const { id } of superseded) expect(shown.text).toContain(id);
  });
});

describe("the README's trace", () => {
  const example = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => /^ +\d+ ms {2}/.test(line));
  /** The form of a line. Ids and durations may differ. */
  const formOf = (line: string) =>
    new RegExp(
      `^${line
        .trim()
        .replace(/[.*+?^${"$"}{}()|[\]\\]/g, "\\$&")
        .replace(/\w+…|…/g, "[\\w-]+")
        .replace(/\d+ ms/g, "\\d+ ms")}`,
    );

  /**
   * Lines of which each one comes after the one before it. All other lines come in any order: the run may end while its
   * first state is still being written to the page.
   */
  const CHAINS = [
    ["page.updated 98310 received", "tekton due", "followed by build.queued", "build.queued: route docs-status"],
    ["tekton due", "tekton attempt 1 accepted"],
    ["tekton due", "build.succeeded ci/docs-build", "build.succeeded: route docs-status"],
  ] as const;

  it("the README's trace has the form and the guaranteed order of what the playground prints", () => {
    const lines = printed.map((line) => line.trim());
    const places = example.map((line) => lines.findIndex((one) => formOf(line).test(one)));
    for (const [at, line] of example.entries()) expect(places[at], line).toBeGreaterThanOrEqual(0);
    expect(new Set(places).size).toBe(example.length);
    for (const chain of CHAINS) {
      const shown = chain.map((part) => example.findIndex((line) => line.includes(part)));
      expect(shown).not.toContain(-1);
      expect(shown).toEqual(shown.toSorted((a, b) => a - b));
      const printedAt = shown.map((at) => places[at] ?? -1);
      expect(printedAt, printed.join("\n")).toEqual(printedAt.toSorted((a, b) => a - b));
    }
    expect(example.length).toBeGreaterThan(5);
  });

  it("it shows an order that waits for a person", async () => {
    const [, id = ""] = /release-docs version=4\.2 is placed as (d-\w+)\. It waits/.exec(printed.join("\n")) ?? [];
    const session = await openSession({ environment: {} });
    // The clock of the other tests may have passed its expiry since.
    const { timeline } = await get(session, `/v1/deliveries/${id}`, shownDelivery);
    expect(timeline).toContainEqual(expect.objectContaining({ kind: "approval", state: "requested" }));
  });

  it("the README's trace and the printed trace are in order of time", () => {
    const traced = printed.filter((line) => /^ +\d+ ms {2}/.test(line));
    for (const lines of [example, traced]) {
      const times = lines.map((line) => Number.parseInt(line, 10));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
  });
});

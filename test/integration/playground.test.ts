import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startPlayground } from "../../functions/playground.ts";
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
  // Every clock of the process: the bridge's, the sandboxes', and that of the identity provider's library.
  vi.useFakeTimers({ toFake: ["Date"], shouldAdvanceTime: true });
  home = await mkdtemp(join(tmpdir(), "drawbridge-"));
  process.chdir(home);
  port = await freePorts(4);
  playground = await startPlayground({ port, print: (line) => void printed.push(line) });
  await playground.demonstrate();
}, 90_000);

afterAll(async () => {
  await playground.stop();
  process.chdir(before);
  vi.useRealTimers();
  await rm(home, { recursive: true, force: true });
});

/** The first of so many free ports in a row. */
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
/** What a person reads in the page's own part, on one line. */
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

  it("shows the run of an edit on the page, and then its end", async () => {
    const linesBefore = printed.length;
    await editPage("thirty hours later");
    const board = new RegExp(`PASSED .* names “${ROBIN.userKey}” .* ${toDay(Date.now())} \\d\\d:\\d\\d UTC`);
    await until("the run's end on the page", pageText, (text) => board.test(text));
    expect(printed.slice(linesBefore)).toEqual([]);
  });

  it("asks a person whose session has ended who it is, and then shows the console", async () => {
    const shown = await signedIn.go(consoleAddress());
    expect(shown.url.pathname).toMatch(/^\/choose\//);
    expect(await choose(signedIn, "olga")).toMatchObject({ status: 200, url: consoleAddress() });
  });

  it("asks a person anew whose sign-in was begun too long ago", async () => {
    const shown = await choose(undecided, "olga");
    expect(shown.url.pathname).toMatch(/^\/choose\//);
    expect(await choose(undecided, "olga")).toMatchObject({ status: 200, url: consoleAddress() });
  });
});

describe("the README's trace", () => {
  const example = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => /^ +\d+ ms {2}/.test(line));
  /** The line's form: what differs from one start to the next may be anything. */
  const formOf = (line: string) =>
    new RegExp(
      `^${line
        .trim()
        .replace(/[.*+?^${"$"}{}()|[\]\\]/g, "\\$&")
        .replace(/\w+…|…/g, "[\\w-]+")
        .replace(/\d+ ms/g, "\\d+ ms")}`,
    );

  it("has the form and the order of what the playground prints", () => {
    const left = printed.map((line) => line.trim());
    for (const line of example) {
      const found = left.findIndex((one) => formOf(line).test(one));
      expect(found, line).toBeGreaterThanOrEqual(0);
      left.splice(0, found + 1);
    }
    expect(example.length).toBeGreaterThan(5);
  });

  it("is in order of time, as is what the playground prints", () => {
    const traced = printed.filter((line) => /^ +\d+ ms {2}/.test(line));
    for (const lines of [example, traced]) {
      const times = lines.map((line) => Number.parseInt(line, 10));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
  });
});

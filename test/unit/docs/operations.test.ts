import { readdirSync } from "node:fs";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { handWritten, pages } from "../../../docs/generated-blocks.ts";
import { ANSWER_WITHIN_MS } from "../../../functions/receive-app.ts";
import { COMMANDS } from "../../../shared/cli/commands.ts";
import { timelineLine } from "../../../shared/cli/events.ts";
import { EXIT, EXIT_CODES } from "../../../shared/cli/exit-codes.ts";
import { parseCommandLine } from "../../../shared/cli/parse.ts";
import { shownDelivery } from "../../../shared/cli/responses.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { timelineOf } from "../../../shared/console/timeline.ts";
import { MESSAGE_REFUSALS } from "../../../shared/delivery/act-on-message.ts";
import { readinessOf } from "../../../shared/delivery/readiness.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import { ADMISSION_LIMITS } from "../../../shared/http/admission.ts";
import { SOURCE_STATES } from "../../../shared/http/overview-sources.ts";
import { problemOf } from "../../../shared/http/problem-of.ts";
import { DELIVERY_STATES, needsAttention } from "../../../shared/model/delivery-state.ts";
import { LEVELS } from "../../../shared/model/level.ts";
import type { Rejection } from "../../../shared/model/rejection.ts";
import { HINTS } from "../../../shared/model/rejection-hints.ts";
import { targetWordsOf, wordsOf } from "../../../shared/model/state-words.ts";
import { TARGET_STATES } from "../../../shared/model/target-state.ts";
import { blocksOf, codeIn, readText, rowsOf, sectionOf } from "../../support/documents.ts";
import { testClock } from "../../support/test-doubles.ts";
import { delivery } from "../console/visiting.ts";

const REASONS = readText("docs/reasons.md");
const DELIVERIES = readText("docs/operations/deliveries.md");
const STATES = readText("docs/operations/states.md");
const LOG = readText("docs/operations/log.md");
const BESIDE_TEKTON = readText("docs/operations/beside-tekton.md");
const TRACING = readText("docs/operations/tracing.md");
const rowsUnder = (document: string, heading: string) => rowsOf(sectionOf(document, heading));
const firstCodes = (document: string, heading: string) =>
  rowsUnder(document, heading).map(([cell = ""]) => codeIn(cell)[0] ?? cell);

const matchesIn = (path: string, what: RegExp): readonly string[] =>
  Array.from(readText(path).matchAll(what), ([, found = ""]) => found);

/** Members of a union of texts, by the name of its type or member. */
function unionIn(path: string, name: string): readonly string[] {
  const [, union = ""] =
    new RegExp(`${name}\\??[:=\\s]+((?:\\s*(?:/\\*\\*.*?\\*/)?\\s*\\|?\\s*"\\w+")+)`).exec(readText(path)) ?? [];
  return Array.from(union.replace(/\/\*\*.*?\*\//g, "").matchAll(/"(\w+)"/g), ([, member = ""]) => member);
}

const FILES: readonly string[] = ["shared", "functions"].flatMap((folder) =>
  readdirSync(new URL(`../../../${folder}`, import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => `${folder}/${path}`),
);

/** The messages of the log: the last argument of each call, if it is a text and not a summary. */
const MESSAGES: readonly string[] = FILES.flatMap((path) =>
  matchesIn(path, /\blog\.(?:info|warn|error)\((?:[^;]*?)"([^"]+)",?\s*\);/g),
);

const AT = "2026-11-02T09:00:00.000Z";
const PERSON = { issuer: "https://id.test", subject: "robin", method: "oidc", credential: "k1", roles: [] } as const;

/** The name of a timeline event in the tables of the document. */
const jsonOf = (entry: ReturnType<typeof delivery>["timeline"][number]): string =>
  entry.kind === "attempt"
    ? `attempt ${entry.outcome}${entry.endedAs === undefined ? "" : ` endedAs: ${entry.endedAs}`}`
    : entry.kind;

const badgeOf = async (html: ReturnType<typeof timelineOf>): Promise<string> =>
  /class="badge[^>]*>.*?<\/span> (.*?)<\/span>/s.exec(String(await html))?.[1] ?? "";

/** Each printed text has one of the words, and each of the words is printed. */
function expectWords(words: readonly string[], printed: readonly string[]): void {
  expect(printed.length).toBeGreaterThan(0);
  expect(printed.filter((text) => !words.some((word) => text.includes(word)))).toEqual([]);
  expect(words.filter((word) => !printed.some((text) => text.includes(word)))).toEqual([]);
}

const sorted = (texts: Iterable<string>): readonly string[] => [...texts].sort();

describe("docs/operations/states.md", () => {
  it("every state has a row, in their order, with its symbol and what to do; two symbols say that it needs a person", () => {
    const rows = rowsOf(STATES.slice(0, STATES.indexOf("## States of an approval")));
    expect(rows.map(([cell = ""]) => codeIn(cell)[0])).toEqual([...DELIVERY_STATES]);
    for (const [at, [cell = "", meaning = "", remedy = ""]] of rows.entries()) {
      const state = DELIVERY_STATES[at] ?? "no_route";
      const { symbol } = wordsOf(state);
      expect(cell).toBe(`${symbol} \`${state}\``);
      expect(["✕", "!"].includes(symbol), state).toBe(needsAttention(state));
      expect(
        [meaning, remedy].filter((text) => text.length < 7),
        cell,
      ).toEqual([]);
    }
  });
});

/** Rows with these names, each with what it means and what to do. */
function expectRows(document: string, heading: string, names: readonly string[]): void {
  expect(names.length).toBeGreaterThan(1);
  expect(sorted(firstCodes(document, heading)), heading).toEqual(sorted(names));
  const empty = rowsUnder(document, heading).filter((cells) => cells.some((cell) => cell === ""));
  expect(empty, heading).toEqual([]);
}

describe("every other state and reason that on-call reads", () => {
  it("each state of an approval has a row in docs/operations/states.md", () => {
    expectRows(STATES, "States of an approval", unionIn("shared/model/approval.ts", "type ApprovalState"));
  });

  it("each state of a run that is expected has a row in docs/operations/runs.md", () => {
    const runs = sectionOf(readText("docs/operations/runs.md"), "A run is expected");
    const states = unionIn("shared/http/expected-runs.ts", "readonly state");
    expect(states).toHaveLength(3);
    const rows = rowsOf(runs.slice(0, runs.indexOf("A page shows nothing")));
    expect(sorted(rows.map(([cell = ""]) => codeIn(cell)[0] ?? cell))).toEqual(sorted(states));
  });

  it("each level, and each state of a source and of a target, has a row in docs/operations/home.md", () => {
    const home = readText("docs/operations/home.md");
    expectRows(home.slice(0, home.indexOf("## Sources")), "Is it well?", LEVELS);
    expectRows(home, "Sources", SOURCE_STATES);
    expectRows(home, "Targets", TARGET_STATES);
    for (const [cell = ""] of rowsUnder(home, "Targets")) {
      const { words } = targetWordsOf(codeIn(cell)[0] ?? "");
      expect(cell.replaceAll("`", "").startsWith(words), `${cell} begins with the words that are shown`).toBe(true);
    }
  });

  it("each check of the readiness has a row in docs/operations/store.md", async () => {
    const { checks } = await readinessOf({
      checkStore: async () => undefined,
      diskSpace: undefined,
      outbox: { unrelayed: async () => [] },
      waitingTargets: async () => [],
      unreadableKeys: () => [],
      clock: testClock(),
    });
    expectRows(readText("docs/operations/store.md"), "Readiness", Object.keys(checks));
  });

  it("each reason for which a message runs nothing has a row in docs/operations/alarms.md", () => {
    expectRows(readText("docs/operations/alarms.md"), "Alarm: given up", Object.keys(MESSAGE_REFUSALS));
  });

  it("each reason of the interceptor's own has a row in its guide, and each row has a reason", () => {
    const own = matchesIn("shared/cluster/verify-trigger.ts", /^ {2}\| "(\w+)"/gm);
    expect(own).toHaveLength(3);
    const rows = firstCodes(readText("docs/tekton-interceptor.md"), "Refusals");
    expect(own.filter((reason) => !rows.includes(reason))).toEqual([]);
    const known = [...own, ...Object.keys(HINTS), "any other"];
    expect(rows.filter((reason) => !known.includes(reason))).toEqual([]);
  });
});

describe("docs/reasons.md", () => {
  it("has one line for every reason of a rejection, and none for another", () => {
    const reasons = matchesIn("shared/model/rejection.ts", /readonly reason: "(\w+)"/g);
    expect(reasons.length).toBeGreaterThan(20);
    expect(sorted(firstCodes(REASONS, "Rejection reasons"))).toEqual(sorted(reasons));
  });

  it("gives each reason the status that callers get", () => {
    for (const [cell = "", status] of rowsUnder(REASONS, "Rejection reasons")) {
      const [reason = ""] = codeIn(cell);
      // Any of the union's members: only the reason decides the status.
      expect(problemOf({ reason } as Rejection).status, reason).toBe(Number(status));
    }
  });

  it("says of each reason what to do next, in the words of the command line", () => {
    const hints = rowsUnder(REASONS, "Rejection reasons").map(([cell = "", , , hint]) => [codeIn(cell)[0], hint]);
    expect(Object.fromEntries(hints)).toEqual(HINTS);
  });

  it("has one line for every code of a fault, and none for another", () => {
    const codes = unionIn("shared/host/fault.ts", "type FaultCode");
    expect(codes.length).toBeGreaterThan(5);
    expect(sorted(firstCodes(REASONS, "Faults"))).toEqual(sorted(codes));
  });
});

describe("docs/operations.md", () => {
  it("has one line for every exit code of a command, in the words of the help text", () => {
    const rows = rowsUnder(readText("docs/operations.md"), "Exit codes");
    expect(rows.map(([code = "", meaning]) => [Number(codeIn(code)[0]), meaning])).toEqual(EXIT_CODES);
  });

  it("gives the limits of the requests in flight", () => {
    const {
      requests,
      bodyBytes,
      partBytes,
      slowRequests,
      slowAfterMs,
      arrivalMs,
      arrivalBytesPerMs,
      unsentAnswers,
      unsentMs,
    } = ADMISSION_LIMITS;
    const text = sectionOf(readText("docs/operations/process.md"), "Overload").replace(/\s+/g, " ");
    expect(text).toContain(`requests in flight (${requests.toLocaleString("en")})`);
    expect(text).toContain(`that have arrived of their bodies (${bodyBytes / 2 ** 20} MiB)`);
    expect(text).toContain(`counts as at least ${partBytes / 1_024} KiB`);
    expect(text).toContain(
      `with ${slowRequests} requests in flight, one of them for longer than ${slowAfterMs / 1_000} s`,
    );
    const secondsPerMib = Math.floor(2 ** 20 / arrivalBytesPerMs / 1_000);
    expect(text).toContain(`takes longer than ${arrivalMs} ms to arrive, and ${secondsPerMib} s more for each MiB`);
    expect(text).toContain(`more than ${unsentAnswers.toLocaleString("en")} answers unread`);
    const stopping = sectionOf(readText("docs/operations/process.md"), "Stopping and starting").replace(/\s+/g, " ");
    expect(stopping).toContain(`has not read its answer for ${unsentMs / 1_000} s`);
    expect(text).toContain(`not recorded within ${ANSWER_WITHIN_MS / 1_000} s`);
  });
});

describe("docs/operations/deliveries.md", () => {
  it("has one line for every outcome of a delivery, and none for another", () => {
    const outcomes = unionIn("shared/model/recorded-delivery.ts", "readonly outcome");
    expect(sorted(firstCodes(DELIVERIES, "Outcomes of a delivery"))).toEqual(sorted(outcomes));
  });

  it("has one line for every entry of a timeline, each outcome and the unknown one, and none for another", () => {
    const path = "shared/model/timeline.ts";
    const outcomes = unionIn(path, "readonly outcome").map((outcome) => `attempt ${outcome}`);
    const kinds = matchesIn(path, /readonly kind: "(\w+)"/g).filter((kind) => kind !== "attempt");
    expect(outcomes).toHaveLength(4);
    const ends = unionIn(path, "readonly endedAs").map((end) => `attempt done endedAs: ${end}`);
    expect(ends).toHaveLength(3);
    const entries = rowsUnder(DELIVERIES, "The timeline").map(([cell = ""]) => codeIn(cell).join(" ") || cell);
    expect(sorted(entries)).toEqual(sorted([...outcomes, ...ends, ...kinds, "unknown outcome"]));
  });

  const words = rowsUnder(DELIVERIES, "The same entry in JSON, the command line and the console").map(
    ([json = "", inCli = "", inConsole = ""]) => [codeIn(json).join(" "), codeIn(inCli), codeIn(inConsole)] as const,
  );

  it("has the words of the command line and of the console for every entry of a timeline", () => {
    const entries = rowsUnder(DELIVERIES, "The timeline").map(([cell = ""]) => codeIn(cell).join(" "));
    expect(words.map(([json]) => json)).toEqual(entries.filter((entry) => entry !== ""));
  });

  it.each(words)("has the words that the command line and the console print for %s", async (json, inCli, inConsole) => {
    const sample = delivery(() => "text");
    const replay = {
      at: AT,
      kind: "replayed",
      delivery: "d-1",
      routes: ["docs"],
      by: PERSON,
      isRollback: false,
    } as const;
    const entries = [...sample.timeline, replay].filter((entry) => jsonOf(entry) === json);
    const { timeline } = v.parse(shownDelivery, { ...sample, timeline: entries });
    expectWords(inCli, timeline.map(timelineLine));
    const shown = entries.map((entry) =>
      timelineOf({ ...sample, timeline: [entry] }, { now: epochMillis(Date.parse(AT)), names: {} }),
    );
    expectWords(inConsole, await Promise.all(shown.map(badgeOf)));
  });
});

describe("the unit for systemd in docs/operations/process.md", () => {
  const [unit = ""] = blocksOf(readText("docs/operations/process.md"), "ini");
  const settingIn = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1] ?? "";

  it("has a command that the parser accepts", () => {
    const [command = "", words = ""] = settingIn("ExecStart").split("dist/drawbridge.mjs ");
    expect(command).toBe("/usr/bin/node ");
    expect(() => parseCommandLine(words.split(" "), COMMANDS)).not.toThrow();
  });

  it("gives a stop more time than the bridge takes by default", () => {
    const loaded = parseConfig("sources: {}", "drawbridge.yaml");
    if (!loaded.ok) throw new Error("the configuration has a mistake");
    expect(Number(settingIn("TimeoutStopSec"))).toBeGreaterThan(loaded.config.limits.shutdownSeconds);
  });

  it("takes a stop at the deadline as a success, and makes no restart that cannot help", () => {
    expect(settingIn("SuccessExitStatus")).toBe(String(EXIT.cutOff));
    expect(settingIn("RestartPreventExitStatus")).toBe(`${EXIT.usage} ${EXIT.damaged}`);
  });
});

describe("docs/operations/log.md", () => {
  it("names the log's messages as the code writes them, with the pages of parts that not every bridge has, and leaves none out", () => {
    const rows = [LOG, BESIDE_TEKTON, TRACING]
      .flatMap((page) => rowsUnder(page, "The log"))
      .filter((cells) => /^(info|warn|error)$/.test(cells[1] ?? ""));
    expect(sorted(rows.map(([cell = ""]) => codeIn(cell)[0] ?? ""))).toEqual(sorted(new Set(MESSAGES)));
  });
});

describe("log messages in documents", () => {
  it.each(pages())("of %s are messages that the code writes", (path) => {
    const quoted = codeIn(handWritten(readText(path))).filter((text) => /^(an?|the) [a-z' ]+/.test(text));
    expect(quoted.filter((text) => !MESSAGES.includes(text))).toEqual([]);
  });
});

describe("commands in documents", () => {
  it.each(pages())("of %s start the program as a checkout has it", (path) => {
    const bare = Array.from(readText(path).matchAll(/^ *```(?:sh|bash|console)?\n(.*?)^ *```$/gms), ([, text = ""]) =>
      text.split("\n").filter((line) => /^ *drawbridge /.test(line)),
    );
    expect(bare.flat()).toEqual([]);
  });

  it.each(pages())("of %s are accepted by the parser", (path) => {
    for (const [, command = ""] of readText(path)
      .replaceAll("\\\n", "")
      .matchAll(/npm run (?:-s )?drawbridge -- ((?:"[^"\n]*"|[^`\n#|)"])+)/g)) {
      const line = command.replace(/ > .*/, "").replace(/…/g, "x");
      const words = line.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
      expect(() => parseCommandLine(words, COMMANDS), command).not.toThrow();
    }
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeIn, readText, rowsOf } from "../support/documents.ts";
import { OTHER_AUDIENCE, type Person, startDrillBridge } from "../support/drill-bridge.ts";
import { until } from "../support/until.ts";

/** What on-call asks, the commands, and the words of the answer. */
const ROWS = rowsOf(readText("docs/operations/drills.md")).map(([question = "", commands = "", words = ""]) => ({
  question,
  commands: codeIn(commands),
  words: codeIn(words),
}));
const MOST_COMMANDS = 2;

interface Call {
  readonly method?: "GET" | "POST";
  readonly path: string;
  readonly body?: object;
  /** Default 200. */
  readonly status?: number;
  readonly words: readonly string[];
}

interface Drill {
  /** What happens before the question is asked. */
  readonly prepare?: () => Promise<unknown>;
  /** What stands for the names in the commands. */
  readonly names?: () => Promise<Readonly<Record<string, string>>>;
  readonly who?: Person;
  /** The exit code of the last command. Default 0. */
  readonly code?: number;
  /** One call of the API with the same answer, and its words; undefined if no bridge answers. */
  readonly call?: () => Promise<Call>;
}

const UNKNOWN = "0123456789abcdef0123456789abcdef01234567";
const PAGE = "98310";

let bridge: Awaited<ReturnType<typeof startDrillBridge>>;
let commits: Readonly<Record<"arrived" | "missed" | "down" | "strict" | "deaf" | "silent" | "release", string>>;
let approval: string;

interface Listed {
  readonly id: string;
  readonly state?: string;
  readonly noReportSince?: string;
}
async function listed(query: string): Promise<readonly Listed[]> {
  const { answer } = await bridge.call("GET", `/v1/deliveries?${query}`);
  return (answer as { readonly deliveries: readonly Listed[] }).deliveries;
}
const byCommit = async (commit: string): Promise<Listed | undefined> => (await listed(`commit=${commit}`))[0];
const inState = (commit: string, state: string) =>
  until(
    `the push to be ${state}`,
    () => byCommit(commit),
    (one) => one?.state === state,
  );
const explanationOf = async (query: string): Promise<string> =>
  `/v1/deliveries/${(await listed(query))[0]?.id ?? "none"}?explain=true`;

/** What is asked about one push, and the words of the explanation by the API. */
const aboutPush = (name: keyof typeof commits, ...words: readonly string[]): Drill => ({
  names: async () => ({ commit: commits[name] }),
  call: async () => ({ path: await explanationOf(`commit=${commits[name]}`), words }),
});

const DRILLS: Readonly<Record<string, Drill>> = {
  "Did the push of this commit arrive?": {
    names: async () => ({ commit: commits.arrived }),
    call: async () => ({ path: `/v1/deliveries?find=${commits.arrived}`, words: ['"state":"ran"', "code.pushed"] }),
  },
  "And if it did not?": {
    names: async () => ({ "unknown commit": UNKNOWN }),
    call: async () => ({ path: `/v1/deliveries?find=${UNKNOWN}`, words: ['"deliveries":[]', "lookedBackTo"] }),
  },
  "Why did a push to `Main` start nothing?": aboutPush(
    "missed",
    'detail.code.name is "Main", wants "main" (only upper and lower case differ)',
  ),
  "Was a secret rotated on one side only?": {
    call: async () => ({
      path: "/v1/refusals?source=platform-gitlab",
      words: ["signature_mismatch", '"count":1', "lastGoodAt", '"unusedNext":true'],
    }),
  },
  "Why is a job's token refused?": {
    names: async () => ({ delivery: (await listed("source=status&outcome=refused"))[0]?.id ?? "none" }),
    call: async () => ({
      path: await explanationOf("source=status&outcome=refused"),
      words: ["audience_mismatch", `got ${OTHER_AUDIENCE}`],
    }),
  },
  "Is the listener down?": aboutPush(
    "down",
    "connection closed before a complete response",
    "check --live down-listener",
    "targets list",
  ),
  "What failed since 02:00, and how do I run it again?": {
    prepare: () =>
      until(
        "both failures",
        () => listed("state=given_up"),
        (found) => found.length === 2,
      ),
    call: async () => {
      const { id = "none" } = (await byCommit(commits.strict)) ?? {};
      const body = { route: "strict-build" };
      return { method: "POST", path: `/v1/deliveries/${id}/replay`, body, status: 202, words: [`"replayOf":"${id}"`] };
    },
  },
  "For whom does a run wait?": aboutPush("release", `needs approval p-…`, "by manager"),
  "Why may a person not decide?": {
    who: "stranger",
    code: 4,
    names: async () => ({ approval }),
    call: async () => ({
      method: "POST",
      path: `/v1/approvals/${approval}`,
      body: { decision: "grant" },
      status: 403,
      words: ["role_missing", 'The role "manager" is needed'],
    }),
  },
  "Who approved?": {
    ...aboutPush("release", "was granted by manager of", 'with the words "as agreed"'),
    prepare: async () => {
      const body = { decision: "grant", comment: "as agreed" };
      await bridge.call("POST", `/v1/approvals/${approval}`, { who: "manager", body });
      await inState(commits.release, "ran");
    },
  },
  "Why is a page wrong?": {
    names: async () => ({ page: PAGE }),
    call: async () => ({
      path: await explanationOf(`page=${PAGE}`),
      words: ["No run is reported yet", "explain cluster"],
    }),
  },
  "Is a source quiet?": {
    call: async () => ({ path: "/v1/refusals?source=wiki", words: ['"refusals":[]', "lastGoodAt"] }),
  },
  "Is the bridge down?": { prepare: () => bridge.stopBridge(), code: 3 },
  "The listener said 202, and where is the run?": {
    ...aboutPush("deaf", "the target accepted the request once", "check --live deaf-listener", "explain cluster"),
    prepare: async () => {
      await bridge.restartAt(30);
      await inState(commits.deaf, "accepted_without_run");
    },
  },
  "Does the run still live?": {
    ...aboutPush("silent", "It has not ended, and there is no report since"),
    prepare: async () => {
      await bridge.stopBridge();
      await bridge.restartAt(95);
      await until(
        "the silence to be listed",
        () => byCommit(commits.silent),
        (one) => one?.noReportSince !== undefined,
      );
    },
  },
};

beforeAll(async () => {
  bridge = await startDrillBridge();
  const bad = { kind: "bad_request", errorMessage: "no such pipeline" } as const;
  bridge.listeners.strict.answerNext(bad, bad);
  commits = {
    arrived: await bridge.push("main"),
    missed: await bridge.push("Main"),
    down: await bridge.push("down"),
    strict: await bridge.push("strict"),
    deaf: await bridge.push("deaf"),
    silent: await bridge.push("silent"),
    release: await bridge.push("release"),
  };
  await bridge.push("strict");
  await bridge.push("main", { isOld: true });
  // Five failures in a row open the circuit breaker.
  for (let more = 0; more < 4; more++) await bridge.push("down");
  await bridge.reportFor(OTHER_AUDIENCE);
  await bridge.edit(7);
  await inState(commits.arrived, "ran");
  await inState(commits.silent, "ran");
  await inState(commits.deaf, "expecting_run");
  await until(
    "the circuit breaker to open",
    async () => JSON.stringify((await bridge.call("GET", "/v1/targets")).answer),
    (answer) => answer.includes('"failing"'),
  );
  await inState(commits.release, "waiting");
  await until(
    "the request for the page's run",
    () => listed(`page=${PAGE}`),
    ([edit]) => edit?.state === "expecting_run",
  );
  await until(
    "the refused reports of that run",
    async () => JSON.stringify((await bridge.call("GET", "/v1/refusals?source=cluster")).answer),
    (answer) => answer.includes("secret_mismatch"),
  );
  approval = await until("the approval", async () => {
    const { answer } = await bridge.call("GET", "/v1/approvals", { who: "manager" });
    return (answer as { readonly approvals: readonly { readonly id: string }[] }).approvals[0]?.id ?? "";
  });
});
afterAll(() => bridge?.stop());

/** An hour ago, as the clock showed it: stands for 02:00. */
const hourAgo = (): string => new Date(Date.now() - 3_600_000).toISOString().slice(11, 16);

const wordsOf = (command: string, names: Readonly<Record<string, string>>): readonly string[] =>
  command
    .replace(/<([^>]+)>/g, (_, name: string) => names[name] ?? "")
    .replace("02:00", hourAgo())
    .split(" ");

const patternOf = (words: string): RegExp =>
  new RegExp(
    words
      .split("…")
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
      .join("[^\\n]*?"),
  );

describe("docs/operations/drills.md", () => {
  it("has a row for each drill, with one or two commands and the words of the answer", () => {
    expect(ROWS.map(({ question }) => question)).toEqual(Object.keys(DRILLS));
    for (const { question, commands, words } of ROWS) {
      expect([commands.length >= 1, commands.length <= MOST_COMMANDS, words.length > 0], question).toEqual([
        true,
        true,
        true,
      ]);
    }
  });

  // In the order of the table: later rows need a later time.
  it.each(ROWS)("$question", async ({ question, commands, words }) => {
    const { prepare, names, who, code = 0, call } = DRILLS[question] ?? {};
    await prepare?.();
    const given = (await names?.()) ?? {};
    const printed: string[] = [];
    for (const [at, command] of commands.entries()) {
      const ran = await bridge.run(wordsOf(command, given), who);
      printed.push(ran.out, ran.err);
      expect([command, ran.code]).toEqual([command, at === commands.length - 1 ? code : 0]);
    }
    const text = printed.join("\n");
    for (const word of words) expect(text).toMatch(patternOf(word));
    if (call === undefined) return;
    const { method = "GET", path, body, status = 200, words: ofAnswer } = await call();
    const called = await bridge.call(method, path, { ...(who && { who }), ...(body && { body }) });
    const answer = JSON.stringify(called.answer).replaceAll('\\"', '"');
    expect(called.status, answer).toBe(status);
    for (const word of ofAnswer) expect(answer).toMatch(patternOf(word));
  });
});

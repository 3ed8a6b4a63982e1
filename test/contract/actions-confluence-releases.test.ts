import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BuildState, DeploymentEvent } from "../../shared/model/event.ts";
import { memoryBoards } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, benchFor, buildEntry, entryOf } from "../support/sandbox-confluence-action.ts";

const PAGE = "98310";
const HASH = "6c1f0de2a94b7358c0d1e2f3a4b5c6d7e8f90123";
const at = (minute: number): string => `2026-11-02T09:${String(minute).padStart(2, "0")}:00.000Z`;

const deployment = (
  id: number,
  state: BuildState,
  minute: number,
  changes: Partial<DeploymentEvent["deployment"]> = {},
): BusEvent =>
  entryOf(`d-${id}-${state}`, {
    type: `deployment.${state}`,
    time: at(minute),
    subject: "platform/docs to production",
    deployment: { project: "platform/docs", id: String(id), environment: "production", state, ...changes },
  });

const approved = (id: number, name: string): BusEvent =>
  entryOf(`d-approved-${id}-${name}`, {
    type: "approval.granted",
    time: at(4),
    subject: "platform/docs to production",
    actor: { id: name, name },
    approval: { system: "example", build: String(id), pipeline: "platform/docs", environment: "production" },
  });

const PUSH = entryOf("d-push", {
  type: "code.pushed",
  time: at(0),
  subject: "platform/docs main",
  code: {
    project: "platform/docs",
    ref: "refs/heads/main",
    name: "main",
    change: "updated",
    commit: HASH,
    before: HASH.replace("6c1f", "5b0e"),
    commits: [
      { id: HASH, message: "Fix the search\n\nBody", url: `https://git.example.test/platform/docs/-/commit/${HASH}` },
    ],
    commitCount: 3,
  },
});

describe("a page with the layout releases", () => {
  let sandbox: SandboxConfluence;
  let bench: Bench;
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product: "data-center" });
    bench = connect();
  });
  afterEach(() => sandbox.close());

  const connect = (target: object = {}, boards = memoryBoards()) =>
    benchFor(sandbox, "data-center", { boards, target: { layout: "releases", ...target } });
  const body = () => sandbox.page(PAGE).latest.body;
  const versions = () => sandbox.page(PAGE).versions.length;
  const rows = () =>
    Array.from((body().split("Releases")[1] ?? "").matchAll(/<tr><td>(.*?)<\/td><\/tr>/g), ([, row = ""]) =>
      row.split("</td><td>").map((cell) =>
        cell
          .replace(/<ac:parameter ac:name="colour">\w+<\/ac:parameter>|<time[^>]*>/g, "")
          .replace(/<[^>]*>/g, " ")
          .replace(/(?:\s|&nbsp;)+/g, " ")
          .trim(),
      ),
    );

  test("each deployment has a row with its duration and the version before it, whatever the order of arrival", async () => {
    await bench.run(deployment(7, "succeeded", 9, { commit: HASH }));
    await bench.run(deployment(7, "running", 4, { commit: HASH }));
    await bench.run(deployment(6, "running", 1));
    await bench.run(deployment(6, "succeeded", 2, { commit: HASH.replace("6c1f", "5b0e") }));
    expect(rows().map((row) => [row[1], row[2], row[5]])).toEqual([
      ["PASSED", "#7 5 min 0 s", "5b0e0de2"],
      ["PASSED", "#6 1 min 0 s", "-"],
    ]);
    const before = versions();
    await bench.run(deployment(7, "running", 4, { commit: HASH }));
    expect(versions()).toBe(before);
  });

  test("it names everyone who approved a deployment, also if that is reported first or twice", async () => {
    await bench.run(approved(7, "Tomas Brandt"));
    await bench.run(deployment(7, "running", 5));
    await bench.run(approved(7, "Ines Okafor"));
    await bench.run(approved(7, "Ines Okafor"));
    await bench.run(approved(8, "Robin Example"));
    expect(rows()).toHaveLength(1);
    expect(rows()[0]?.[4]).toMatch(
      /^approved by “Ines Okafor” .*approved by “Tomas Brandt” named by ci at issuer.*started by/,
    );
  });

  test("a run whose results name an environment is a deployment, with the push and the approval that it came from", async () => {
    const granted = entryOf("d-granted", {
      type: "approval.granted",
      time: at(2),
      subject: "docs-deploy of platform/docs main",
      approval: {
        system: "drawbridge",
        build: "p-1",
        pipeline: "docs-deploy",
        gate: {
          state: "granted",
          approvers: [],
          requestedAt: at(1),
          until: at(59),
          by: "anna of idp",
          comment: "Looks fine",
        },
      },
    });
    await bench.run(granted, { origin: PUSH });
    const run = buildEntry({ number: 3, state: "succeeded", results: { environment: "production" } });
    await bench.run(run, { origin: PUSH });
    expect(rows().map((row) => [row[0], row[3], row[4]])).toEqual([
      [
        "ci/docs to production (tekton)",
        "3 commits 6c1f0de2 Fix the search",
        "approved by anna of idp “Looks fine” (verified) for docs-deploy started by ci at issuer.example.test (verified)",
      ],
    ]);
    expect(body()).toContain(`/compare/5b0e0de2a94b7358c0d1e2f3a4b5c6d7e8f90123...${HASH}`);
  });

  test.each([
    ["a run without an environment", buildEntry()],
    [
      "an approval that waits",
      entryOf("d-r", {
        type: "approval.requested",
        time: at(1),
        subject: "x",
        approval: { system: "example", build: "7", pipeline: "p", environment: "production" },
      }),
    ],
  ])("%s adds nothing", async (_, event) => {
    await expect(bench.run(event)).resolves.toEqual({
      outcome: "done",
      summary: "no deployment: the layout releases shows deployments, and who approved them",
    });
    expect(versions()).toBe(1);
  });

  test("a target that gets another layout shows the rows of that layout, and keeps a person's words", async () => {
    const boards = memoryBoards();
    const board = connect({ layout: "board" }, boards);
    await board.run(deployment(6, "succeeded", 2));
    expect(body()).toContain("Build status");
    await connect({}, boards).run(deployment(7, "succeeded", 9));
    expect(body()).not.toContain("Build status");
    expect(rows().map((row) => row[2])).toEqual(["#7"]);
    await board.run(deployment(8, "succeeded", 12));
    expect(body()).not.toContain("Releases");
    expect(body()).not.toContain("was moved here");
  });

  test("of more deployments than a record has, the oldest are removed from the store", async () => {
    const boards = memoryBoards();
    const site = sandbox.site("data-center");
    const long = connect({}, boards);
    await long.run(deployment(1, "succeeded", 1));
    const [row] = (await boards.read({ site, id: PAGE })).rows;
    if (!row) throw new Error("there is a row");
    for (let number = 2; number <= 160; number++) {
      const reportedAt = new Date(Date.UTC(2026, 10, 2, 10, number)).toISOString();
      const build = { ...row.build, id: String(number), number, reportedAt, finishedAt: reportedAt };
      await boards.advance({ site, id: PAGE }, { key: `${row.key} ${number}`, build, delivery: `d-${number}` });
    }
    await long.run(deployment(7, "failed", 59));
    await long.run(deployment(7, "failed", 59));
    const left = (await boards.read({ site, id: PAGE })).rows;
    expect(left).toHaveLength(150);
    expect(left.map(({ build }) => build.id)).not.toContain("2");
  });
});

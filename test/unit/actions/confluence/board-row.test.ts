import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rowOf } from "../../../../shared/actions/confluence/board-row.ts";
import type { BusEvent } from "../../../../shared/model/bus-event.ts";
import type { OriginProof } from "../../../../shared/model/event.ts";
import { namedPrincipal } from "../../../../shared/model/principal.ts";
import { buildEntry, entryOf } from "../../../support/sandbox-confluence-action.ts";

const by = (busEvent: BusEvent, issuer: string, subject: string): BusEvent => ({
  ...busEvent,
  detail: { ...busEvent.detail, principal: { ...namedPrincipal({ issuer, subject }), roles: [] } },
});
/** The same event, let in by shadow mode alone. */
const unproved = (busEvent: BusEvent): BusEvent => ({
  ...busEvent,
  detail: { ...busEvent.detail, principal: { ...busEvent.detail.principal, unproved: true } },
});
const AT = "2026-11-02T08:58:00.000Z";
const rowFor = (changes: Parameters<typeof buildEntry>[0], origin?: BusEvent) => {
  const busEvent = by(buildEntry(changes), "drawbridge:source", "cluster");
  return rowOf({ busEvent, origin: origin ?? busEvent, originProof: "proved" });
};
const edit = (actor?: { readonly id: string; readonly name?: string }) =>
  entryOf("d-edit", {
    type: "page.updated",
    time: "2026-11-02T08:58:00.000Z",
    subject: "98310",
    ...(actor && { actor }),
    page: { site: "https://wiki.example.test", id: "98310" },
  });
const deployment = (id: string) =>
  entryOf("d-deployment", {
    type: "deployment.succeeded",
    time: "2026-11-02T09:10:00.000Z",
    subject: "platform/docs",
    deployment: { project: "platform/docs", id, environment: "production", state: "succeeded", commit: "6c1f0de2" },
  });

const anyName = fc.constantFrom(
  "a",
  "b",
  "a on b",
  "a%20on b",
  " on",
  "a tag",
  "on on",
  "tag b",
  "from",
  "of",
  "37 of a",
  "",
);
const anyRow = fc.record({
  pipeline: anyName,
  trustEntry: fc.option(anyName, { nil: undefined }),
  place: fc.oneof(
    fc.constant({}),
    fc.record({ branch: anyName }),
    fc.record({ tag: anyName }),
    fc.record({ refName: anyName }),
    fc.record({
      change: fc.record(
        { id: anyName, targetProject: anyName, sourceProject: anyName, sourceBranch: anyName },
        { requiredKeys: [] },
      ),
    }),
  ),
});
type AnyRow = ReturnType<(typeof anyRow)["generate"]>["value"];

const partsOf = ({ pipeline, trustEntry, place }: AnyRow) => ({
  pipeline,
  ...(trustEntry !== undefined && { trustEntry }),
  ...place,
});

/** A change request is known by its number and target, else by where it comes from. */
function identityOf({ pipeline, trustEntry, place }: AnyRow): string {
  const { id, targetProject, sourceProject = "", sourceBranch = "" } = Object(place).change ?? {};
  const from = id === undefined ? { sourceProject, sourceBranch } : { id, targetProject };
  return JSON.stringify([pipeline, trustEntry, "change" in place ? from : place]);
}

describe("the row of a build", () => {
  test.each([
    ["no branch", {}, "/sources/example tekton ci/docs"],
    ["a branch", { branch: "main" }, "/sources/example tekton ci/docs on main"],
    ["another branch", { branch: "release/4" }, "/sources/example tekton ci/docs on release/4"],
    ["a tag", { tag: "v2.0.0" }, "/sources/example tekton ci/docs tag v2.0.0"],
    ["a name that may be a tag's", { refName: "main" }, "/sources/example tekton ci/docs ref main"],
    ["a change request", { change: { id: "37" } }, "/sources/example tekton ci/docs change 37"],
    [
      "a change request of a fork, from its branch main",
      { change: { id: "37", sourceProject: "outsider/docs", sourceBranch: "main", fork: true } },
      "/sources/example tekton ci/docs change 37",
    ],
    [
      "a change request of a project",
      { change: { id: "37", targetProject: "platform/docs" } },
      "/sources/example tekton ci/docs change 37 of platform/docs",
    ],
    [
      "a change request without a number",
      { change: { sourceProject: "outsider/docs", sourceBranch: "main" } },
      "/sources/example tekton ci/docs change-from outsider/docs main",
    ],
  ])("the row key of a build with %s holds its pipeline and what the run is for", (_, changes, key) => {
    expect(rowFor(changes)?.key).toBe(key);
  });

  test("a pipeline whose name ends like a branch has another row than a child pipeline on that branch", () => {
    const child = rowFor({ pipeline: "platform/docs (a)", branch: "b)" });
    expect(rowFor({ pipeline: "platform/docs (a) on b)" })?.key).not.toBe(child?.key);
  });

  test("two rows have one key only if they are of one pipeline and for one thing", () =>
    fc.assert(
      fc.property(anyRow, anyRow, (one, other) => {
        const haveOneKey = rowFor(partsOf(one))?.key === rowFor(partsOf(other))?.key;
        return haveOneKey === (identityOf(one) === identityOf(other));
      }),
      { numRuns: 2_000 },
    ));

  test("a pipeline that is renamed keeps its row, and a pipeline that takes its old name has another", () => {
    const keyOf = (pipeline: string, pipelineId: string) => rowFor({ pipeline, pipelineId, branch: "main" })?.key;
    expect(keyOf("example/handbook", "p-1")).toBe(keyOf("example/docs", "p-1"));
    expect(keyOf("example/docs", "p-2")).not.toBe(keyOf("example/docs", "p-1"));
  });

  test("a row key stays below the key limit of the table, however long the names are", () => {
    const key = rowFor({ pipeline: "ü".repeat(900), branch: "\u{1D11E}".repeat(900) })?.key ?? "";
    expect(Buffer.byteLength(key)).toBeLessThan(1_000);
  });

  test("two long names that differ only at their end have two rows", () => {
    const pipeline = "platform/".padEnd(79, "p");
    const keys = ["A", "B"].map((end) => rowFor({ pipeline, branch: `${"b".repeat(240)}-${end}` })?.key);
    expect(keys[0]).not.toBe(keys[1]);
  });

  test("a row keeps no text that the page does not show", () => {
    const texts = {
      message: "m",
      startedBy: "s",
      results: { a: "b" },
      source: "push",
      protected: true,
      defaultBranch: "main",
      parent: { id: "1" },
      rebuiltFrom: { id: "1" },
    };
    for (const name of Object.keys(texts)) expect(rowFor(texts)?.build).not.toHaveProperty(name);
  });

  test("a row keeps the commit's title, and the reason of a failure", () => {
    const texts = { title: "t".repeat(300), reason: "OOMKilled" };
    expect(rowFor({ ...texts, state: "failed" })?.build).toMatchObject({
      title: expect.any(String),
      reason: "OOMKilled",
    });
    expect(rowFor({ ...texts, state: "failed" })?.build.title?.length).toBeLessThanOrEqual(100);
    for (const state of ["queued", "running", "succeeded"] as const) {
      expect(rowFor({ ...texts, state })?.build).not.toHaveProperty("reason");
    }
  });

  test("a row of a run that a push caused has the page, title and author of its commit", () => {
    const [id, url] = [
      "6c1f0de2a94b7358c0d1e2f3a4b5c6d7e8f90123",
      "https://gitlab.example.test/docs/-/commit/6c1f0de2",
    ];
    const commits = [{ id, message: "Fix the search\n\nMore.", url, author: "Ines Okafor" }];
    const code = {
      project: "docs",
      ref: "refs/heads/main",
      name: "main",
      change: "updated",
      commit: id,
      commits,
    } as const;
    const push = entryOf("d-push", {
      type: "code.pushed",
      time: AT,
      subject: "docs",
      code: { ...code, commitCount: 1 },
    });
    expect(rowFor({ commit: id }, push)?.build).toMatchObject({
      commit: id,
      title: "Fix the search",
      commitUrl: url,
      author: "Ines Okafor",
    });
    expect(rowFor({ commit: id, title: "Its own" }, push)?.build.title).toBe("Its own");
    expect(rowFor({ commit: "another" }, push)?.build).not.toHaveProperty("commitUrl");
  });

  test("a row of a run for a change request links to the one that caused it, and to no other", () => {
    const change = {
      id: "9001",
      number: 37,
      project: "docs",
      url: "https://gitlab.example.test/docs/-/merge_requests/37",
    };
    const opened = entryOf("d-change", { type: "change.opened", time: AT, subject: "docs!37", change });
    for (const id of ["37", "9001"]) {
      expect(rowFor({ change: { id } }, opened)?.build.changeUrl).toBe(change.url);
    }
    expect(rowFor({ change: { id: "38" } }, opened)?.build).not.toHaveProperty("changeUrl");
    expect(rowFor({ branch: "main" }, opened)?.build).not.toHaveProperty("changeUrl");
  });

  test("the starter of a row is the proved identity of the delivery that caused the run, whatever the run reports", () => {
    const origin = by(edit({ id: "u-7", name: "Robin" }), "drawbridge:source", "wiki");
    expect(rowFor({ startedBy: "root" }, origin)?.build.starter).toEqual({ identity: "wiki", name: "Robin" });
    const nobody = by(edit(), "https://gitlab.example.test", "project_path:platform/docs");
    expect(rowFor({ startedBy: "root" }, nobody)?.build.starter).toEqual({
      identity: "project_path:platform/docs at gitlab.example.test",
    });
  });

  test("the starter is marked unproved if shadow mode let the delivery in", () => {
    const origin = unproved(by(edit(), "drawbridge:unproved", "wiki"));
    expect(rowFor({}, origin)?.build.starter).toEqual({ identity: "wiki", unproved: true });
  });

  test("the starter is marked unproved if shadow mode let in the report that links the run to a proved delivery", () => {
    const origin = by(edit(), "drawbridge:source", "wiki");
    expect(rowOf({ busEvent: unproved(buildEntry()), origin, originProof: "proved" })?.build.starter).toEqual({
      identity: "wiki",
      unproved: true,
    });
  });

  test("a row whose origin is only claimed names who claims it, and a person only if the run could not prove more", () => {
    const origin = by(edit({ id: "u-7", name: "Robin" }), "drawbridge:source", "wiki");
    const busEvent = by(buildEntry(), "drawbridge:source", "prod");
    const starter = (originProof: OriginProof) => rowOf({ busEvent, origin, originProof })?.build.starter;
    expect(starter("proved")).toEqual({ identity: "wiki", name: "Robin" });
    expect(starter("unprovable")).toEqual({ identity: "wiki", claimedBy: "prod", name: "Robin" });
    expect(starter("claimed")).toEqual({ identity: "wiki", claimedBy: "prod" });
  });

  test("the name that a run reports beside an origin which is not believed is not shown", () => {
    const { detail, ...envelope } = buildEntry({ startedBy: "ceo" });
    const claiming = { ...envelope, detail: { ...detail, origin: { delivery: "d-unknown" } } };
    const busEvent = by(claiming, "drawbridge:source", "prod");
    expect(rowOf({ busEvent, origin: busEvent, originProof: "proved" })?.build.starter).toEqual({ identity: "prod" });
  });

  test("a row keeps the time at which its state was reported", () => {
    expect(rowFor({ state: "running" })?.build.reportedAt).toBe("2026-11-02T09:01:15.000Z");
  });

  test("an account without a name is named by its id", () => {
    const origin = by(edit({ id: "u-7" }), "drawbridge:source", "wiki");
    expect(rowFor({}, origin)?.build.starter).toEqual({ identity: "wiki", name: "u-7" });
  });

  test("the starter is the reporting source and the name that it reports if the cause is unknown", () => {
    expect(rowFor({ startedBy: "Kim" })?.build.starter).toEqual({ identity: "cluster", name: "Kim" });
    expect(rowFor({})?.build.starter).toEqual({ identity: "cluster" });
  });
});

describe("the row of a deployment", () => {
  test("the row of a deployment is keyed by project and environment and ordered by the deployment's number", () => {
    const busEvent = { ...deployment("41"), source: "drawbridge.gitlab" };
    expect(rowOf({ busEvent, origin: busEvent, originProof: "proved" })).toMatchObject({
      key: "/sources/example gitlab platform/docs to production",
      build: { system: "gitlab", environment: "production", number: 41, finishedAt: "2026-11-02T09:10:00.000Z" },
    });
  });

  test("the row of a deployment has no number if the deployment's id is not a number", () => {
    const busEvent = deployment("blue");
    expect(rowOf({ busEvent, origin: busEvent, originProof: "proved" })?.build).not.toHaveProperty("number");
  });
});

test("a page event has no row", () => {
  expect(rowOf({ busEvent: edit(), origin: edit(), originProof: "proved" })).toBeUndefined();
});

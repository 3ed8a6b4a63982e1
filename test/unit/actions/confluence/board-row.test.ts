import { describe, expect, test } from "vitest";
import { rowOf } from "../../../../shared/actions/confluence/board-row.ts";
import type { BusEvent } from "../../../../shared/model/bus-event.ts";
import { buildEntry, entryOf } from "../../../support/sandbox-confluence-action.ts";

const by = (busEvent: BusEvent, issuer: string, subject: string): BusEvent => ({
  ...busEvent,
  detail: { ...busEvent.detail, principal: { issuer, subject, roles: [] } },
});
/** Let in by shadow mode alone. */
const unproved = (busEvent: BusEvent): BusEvent => ({
  ...busEvent,
  detail: { ...busEvent.detail, principal: { ...busEvent.detail.principal, unproved: true } },
});
const told = (changes: Parameters<typeof buildEntry>[0], origin?: BusEvent) => {
  const busEvent = by(buildEntry(changes), "drawbridge:source", "cluster");
  return rowOf({ busEvent, origin: origin ?? busEvent });
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

describe("the row of a build", () => {
  test.each([
    ["no branch", {}, "/sources/example tekton ci/docs"],
    ["a branch", { branch: "main" }, "/sources/example tekton ci/docs on main"],
    ["another branch", { branch: "release/4" }, "/sources/example tekton ci/docs on release/4"],
  ])("is its pipeline's on %s", (_, changes, key) => {
    expect(told(changes)?.key).toBe(key);
  });

  test("has a key that a table can hold, however long the names are", () => {
    const key = told({ pipeline: "ü".repeat(900), branch: "\u{1D11E}".repeat(900) })?.key ?? "";
    expect(Buffer.byteLength(key)).toBeLessThan(1_000);
  });

  test("keeps no text that it does not show", () => {
    const texts = { message: "m", title: "t", reason: "r", startedBy: "s", results: { a: "b" } };
    for (const name of Object.keys(texts)) expect(told(texts)?.build).not.toHaveProperty(name);
  });

  test("is started by the proved identity of the delivery that caused it, whatever the run says", () => {
    const origin = by(edit({ id: "u-7", name: "Robin" }), "drawbridge:source", "wiki");
    expect(told({ startedBy: "root" }, origin)?.build.starter).toEqual({ identity: "wiki", name: "Robin" });
    const nobody = by(edit(), "https://gitlab.example.test", "project_path:platform/docs");
    expect(told({ startedBy: "root" }, nobody)?.build.starter).toEqual({
      identity: "project_path:platform/docs at gitlab.example.test",
    });
  });

  test("says so where shadow mode let the delivery in unproved", () => {
    const origin = unproved(by(edit(), "drawbridge:unproved", "wiki"));
    expect(told({}, origin)?.build.starter).toEqual({ identity: "wiki", unproved: true });
  });

  test("says so, too, where shadow mode let in what traces the run back to a delivery that was proved", () => {
    const origin = by(edit(), "drawbridge:source", "wiki");
    expect(rowOf({ busEvent: unproved(buildEntry()), origin })?.build.starter).toEqual({
      identity: "wiki",
      unproved: true,
    });
  });

  test("keeps when it came into its state", () => {
    expect(told({ state: "running" })?.build.reportedAt).toBe("2026-11-02T09:01:15.000Z");
  });

  test("names with an account's id who has no name", () => {
    const origin = by(edit({ id: "u-7" }), "drawbridge:source", "wiki");
    expect(told({}, origin)?.build.starter).toEqual({ identity: "wiki", name: "u-7" });
  });

  test("has only its teller's word where nothing is known of its cause", () => {
    expect(told({ startedBy: "Kim" })?.build.starter).toEqual({ identity: "cluster", name: "Kim" });
    expect(told({})?.build.starter).toEqual({ identity: "cluster" });
  });
});

describe("the row of a deployment", () => {
  test("is its project's on that environment, ordered by the deployment's number", () => {
    const busEvent = { ...deployment("41"), source: "drawbridge.gitlab" };
    expect(rowOf({ busEvent, origin: busEvent })).toMatchObject({
      key: "/sources/example gitlab platform/docs to production",
      build: { system: "gitlab", environment: "production", number: 41, finishedAt: "2026-11-02T09:10:00.000Z" },
    });
  });

  test("has no number where the id is none", () => {
    const busEvent = deployment("blue");
    expect(rowOf({ busEvent, origin: busEvent })?.build).not.toHaveProperty("number");
  });
});

test("no other event has a row", () => {
  expect(rowOf({ busEvent: edit(), origin: edit() })).toBeUndefined();
});

import { afterEach, describe, expect, test } from "vitest";
import { MOVED } from "../../shared/actions/confluence/own-content.ts";
import { renderRegion } from "../../shared/actions/confluence/render-region.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { boardOf } from "../support/board-rows.ts";
import { bridgeParts, routeOf } from "../support/bridge-parts.ts";
import { sampleDelivery } from "../support/samples.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor, buildEntry, buildOf } from "../support/sandbox-confluence-action.ts";
import type { Failure, PageSeed } from "../support/sandbox-confluence-site.ts";
import { silentLog } from "../support/test-doubles.ts";

const PAGE = "98310";

const region = (content: string, name = "drawbridge:98310"): string =>
  `<ac:structured-macro ac:name="excerpt"><ac:parameter ac:name="name">${name}</ac:parameter><ac:rich-text-body>${content}</ac:rich-text-body></ac:structured-macro>`;
const anchor = (name: string): string =>
  `<p><ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">${name}</ac:parameter></ac:structured-macro></p>`;
const inTable = (content: string): string => `<table><tbody><tr><td>Kim</td><td>${content}</td></tr></tbody></table>`;
const OLD = renderRegion(boardOf("ci/old")).replace("PASSED", "FAILED");
const NOTE = "<p>Our own words.</p>";

interface State {
  readonly seed?: PageSeed;
  readonly failure?: Failure;
  readonly options?: object;
  readonly outcome: "done" | "wait" | "give_up";
  /** The summary in the delivery's timeline. */
  readonly says: RegExp;
  readonly isWritten?: true;
  /** Markup that a person wrote, and that stands behind the line that says so. */
  readonly moved?: string;
}

const STATES: Readonly<Record<string, State>> = {
  "a page without a region": { outcome: "done", says: /shows the new state/, isWritten: true },
  "a page without a region, which the route is to skip": {
    options: { whenMissing: "skip" },
    outcome: "done",
    says: /no status region, and gets none/,
  },
  "a region in a table in a table": {
    seed: { body: inTable(inTable(region(OLD))) },
    outcome: "done",
    says: /shows the new state/,
    isWritten: true,
  },
  "a region in a layout": {
    seed: {
      body: `<ac:layout><ac:layout-section ac:type="single"><ac:layout-cell>${region(OLD)}</ac:layout-cell></ac:layout-section></ac:layout>`,
    },
    outcome: "done",
    says: /shows the new state/,
    isWritten: true,
  },
  "a region of a copied page": {
    seed: { body: region(OLD, "drawbridge:77") },
    outcome: "done",
    says: /shows the new state, in the region that was copied from page 77/,
    isWritten: true,
  },
  "a copied region with a person's own text": {
    seed: { body: region(NOTE, "drawbridge:77") },
    outcome: "done",
    says: /copied from page 77, and what people wrote inside the region was moved to below it/,
    isWritten: true,
    moved: NOTE,
  },
  "a region with a person's note in it": {
    seed: { body: region(NOTE + OLD) },
    outcome: "done",
    says: /shows the new state, and what people wrote inside the region was moved to below it/,
    isWritten: true,
    moved: NOTE,
  },
  "a section between a region's anchors": {
    seed: { body: `${anchor("drawbridge-start")}${OLD}<h2>Roll-back plan</h2>${NOTE}${anchor("drawbridge-end")}` },
    outcome: "done",
    says: /what people wrote inside the region was moved to below it/,
    isWritten: true,
    moved: `<h2>Roll-back plan</h2>${NOTE}`,
  },
  "a region that an earlier version wrote": {
    seed: { body: region(OLD, "drawbridge") },
    outcome: "done",
    says: /new state/,
    isWritten: true,
  },
  "a person's excerpt with the region's name": {
    seed: { body: region("<p>Our own words.</p>", "drawbridge") },
    options: { whenMissing: "skip" },
    outcome: "give_up",
    says: /was not changed: its region drawbridge has only content that no bridge wrote: empty it/,
  },
  "a region that was copied within the page": {
    seed: { body: region(OLD) + inTable(region(OLD)) },
    outcome: "give_up",
    says: /was not changed: it has more than one region/,
  },
  "half a region": {
    seed: { body: anchor("drawbridge-start") + OLD },
    outcome: "give_up",
    says: /do not enclose one region/,
  },
  "an open draft that cannot be merged": {
    failure: { on: "PUT", status: 409, body: "the draft is unreconciled" },
    outcome: "wait",
    says: /open draft/,
  },
  "an open draft that is reported as a server error": {
    failure: { on: "PUT", status: 500, body: "Content is unreconciled" },
    outcome: "wait",
    says: /open draft/,
  },
  "an archived page": { seed: { status: "archived" }, outcome: "give_up", says: /is archived and is not written/ },
  "a trashed page": { seed: { status: "trashed" }, outcome: "give_up", says: /is trashed and is not written/ },
  "a page that was never published": {
    seed: { status: "draft" },
    outcome: "give_up",
    says: /is draft and is not written/,
  },
  "a page that the account may not see": {
    failure: { on: "GET", status: 404 },
    outcome: "give_up",
    says: /404: there is no such page, or the account may not see or edit it/,
  },
  "a page that the account may not read": {
    failure: { on: "GET", status: 403 },
    outcome: "give_up",
    says: /the read with 403: the account may not do this/,
  },
  "a page that the account may not edit": {
    failure: { on: "PUT", status: 403 },
    outcome: "give_up",
    says: /the write with 403: the account may not do this/,
  },
  "a page at the size limit": {
    failure: { on: "PUT", status: 413 },
    outcome: "give_up",
    says: /413: the page is too large/,
  },
};

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe.each(["cloud", "data-center"] as const)("the status on a page of %s", (product) => {
  test.each(Object.entries(STATES))("%s has its outcome, and the timeline shows it", async (_, state) => {
    const sandbox = await startSandboxConfluence({ product, pages: [state.seed ?? {}] });
    closing.push(sandbox.close);
    if (state.failure) sandbox.failNext(state.failure);
    const line = state.outcome === "wait" ? { kind: "waiting" } : { attempt: 1, outcome: state.outcome };
    await expect(timelineAfterRun(sandbox, product, state)).resolves.toMatchObject([
      { ...line, summary: expect.stringMatching(state.says) },
    ]);
    const { versions, latest } = sandbox.page(PAGE);
    expect(versions).toHaveLength(state.isWritten ? 2 : 1);
    expect(latest.body.includes("PASSED")).toBe(state.isWritten === true);
    if (state.isWritten) expect(latest.body).not.toContain("ci/old");
    const withoutIds = latest.body.replace(/ (?:local-id|ac:local-id)="[^"]*"/g, "");
    expect(withoutIds.includes(MOVED)).toBe(state.moved !== undefined);
    expect(withoutIds.endsWith(state.moved === undefined ? "" : MOVED + state.moved)).toBe(true);
  });

  test("a copied page shows its own builds, and the original keeps what it shows", async () => {
    const sandbox = await startSandboxConfluence({ product, pages: [{}, { id: "98311" }] });
    closing.push(sandbox.close);
    const bench = benchFor(sandbox, product, { options: { page: "$.detail.build.results.page" } });
    await bench.run(buildEntry({ pipeline: "ci/docs", results: { page: PAGE } }));
    sandbox.humanEdit("98311", () => sandbox.page(PAGE).latest.body);
    await bench.run(buildEntry({ pipeline: "ci/copy", results: { page: "98311" } }));
    expect(sandbox.page("98311").latest.body).toMatch(/^(?!.*ci\/docs).*ci\/copy/);
    expect(sandbox.page(PAGE).latest).toMatchObject({ number: 2, body: expect.stringContaining("ci/docs") });
  });
});

test("a live doc of Cloud is given up, and the timeline shows it", async () => {
  const sandbox = await startSandboxConfluence({ product: "cloud", pages: [{ subtype: "live" }] });
  closing.push(sandbox.close);
  const [attempt] = await timelineAfterRun(sandbox, "cloud", {});
  expect(attempt).toMatchObject({ outcome: "give_up", summary: "page 98310 is a live doc and is not written" });
});

/** Runs the action of a build's event. Returns its attempts and waits in the timeline. */
async function timelineAfterRun(
  sandbox: SandboxConfluence,
  product: "cloud" | "data-center",
  { options }: Pick<State, "options">,
) {
  const bench = benchFor(sandbox, product, { options: options ?? {} });
  const parts = await bridgeParts([routeOf(({ busEvent }) => bench.run(busEvent), { action: "confluence" })]);
  closing.push(parts.stop);
  const build = buildOf();
  const time = "2026-11-02T09:01:15.000Z";
  const event = { type: "build.succeeded", keyParts: [build.id], time, subject: build.id, build } as const;
  const delivery = { ...sampleDelivery(), events: [event] as const };
  await parts.deliveries.record(delivery);
  await relay(delivery, { ...parts, outbox: parts.deliveries, log: silentLog });
  await parts.runDue();
  const timeline = await parts.deliveries.timeline(delivery.id);
  return timeline.filter(({ kind }) => kind === "attempt" || kind === "waiting");
}

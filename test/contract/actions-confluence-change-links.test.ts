import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { readDelivery } from "../../shared/providers/gitlab/parse.ts";
import { memoryStores } from "../support/memory-stores.ts";
import { fixturesOf, requestOf, takenAsAuthentic } from "../support/provider-fixtures.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, type BenchOptions, benchFor, entryOf } from "../support/sandbox-confluence-action.ts";

const PAGE = "98310";

type Json = { [member: string]: unknown };

/** The event of a GitLab fixture after a change of one object of its body. */
async function gitlabEvent(fixture: string, member: string, changes: Json): Promise<BusEvent> {
  const found = fixturesOf("gitlab").find(({ name }) => name === fixture);
  if (!found) throw new Error(`there is no fixture ${fixture}`);
  const body: Json = JSON.parse(Buffer.from(found.body).toString());
  body[member] = { ...Object(body[member]), ...changes };
  const request = requestOf({ url: found.url, body: Buffer.from(JSON.stringify(body)) }, new Headers(found.headers));
  const reading = await readDelivery(await takenAsAuthentic(request));
  if (reading.outcome !== "event") throw new Error(JSON.stringify(reading));
  const { keyParts: _, ...event } = reading.events[0];
  return entryOf(`d-${fixture}`, event);
}

const mergeRequest = (description: string, actioned_at = "2026-11-02T09:00:00.000Z", changes: Json = {}) =>
  gitlabEvent("merge-request-of-fork", "object_attributes", { description, actioned_at, ...changes });
const pipeline = (changes: Json = {}) => gitlabEvent("pipeline-of-fork", "merge_request", changes);

describe("the pages that a merge request links to in its description", () => {
  let sandbox: SandboxConfluence;
  let bench: Bench;
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product: "data-center", pages: [{}, { id: "98311", title: "Plan" }] });
    bench = connect();
  });
  afterEach(() => sandbox.close());

  const connect = (changes: BenchOptions = {}) => {
    const { boards, changeLinks } = memoryStores();
    return benchFor(sandbox, "data-center", {
      boards,
      changeLinks,
      options: { page: undefined, whenMissing: "append" },
      ...changes,
    });
  };
  const address = (path: string) => `${sandbox.site("data-center")}${path}`;
  const link = () => address(`/spaces/ENG/pages/${PAGE}`);
  const versions = (id = PAGE) => sandbox.page(id).versions.length;

  test("they show the pipelines of the merge request, which GitLab reports without the description", async () => {
    await expect(bench.run(await mergeRequest(`Plan: ${link()}\n\n${address("/display/ENG/Plan")}`))).resolves.toEqual({
      outcome: "done",
      summary: "platform/docs!41 links to 2 pages, which show its runs",
    });
    await expect(bench.run(await pipeline())).resolves.toMatchObject({ outcome: "done" });
    expect([versions(PAGE), versions("98311")]).toEqual([2, 2]);
    expect(sandbox.page(PAGE).latest.body).toContain("change 41, fork");
  });

  test("they are those of the newest description, whatever the order of arrival", async () => {
    await bench.run(await mergeRequest("No link any more", "2026-11-02T09:05:00.000Z"));
    await bench.run(await mergeRequest(link(), "2026-11-02T09:00:00.000Z"));
    await bench.run(await mergeRequest("", "2026-11-02T09:05:00.000Z"));
    await expect(bench.run(await pipeline())).resolves.toMatchObject({ summary: "no page is concerned" });
    await bench.run(await mergeRequest(link(), "2026-11-02T09:06:00.000Z"));
    await expect(bench.run(await pipeline())).resolves.toMatchObject({ outcome: "done" });
    await bench.run(await mergeRequest(link(), "2026-11-02T09:06:00.000Z"));
    expect(versions()).toBe(2);
  });

  test("a pipeline of another merge request or without one does not show on them", async () => {
    await bench.run(await mergeRequest(link(), undefined, { iid: 42 }));
    await expect(bench.run(await pipeline())).resolves.toMatchObject({ summary: "no page is concerned" });
    await bench.run(await mergeRequest(link()));
    await expect(
      bench.run(await gitlabEvent("pipeline-scheduled", "commit", { message: "Nightly" })),
    ).resolves.toMatchObject({ summary: "no page is concerned" });
    expect(versions()).toBe(1);
  });

  test("a pipeline that another source reports does not show on them", async () => {
    await bench.run(await mergeRequest(link()));
    const event = await pipeline();
    const elsewhere: BusEvent = { ...event, detail: { ...event.detail, source: "/sources/other" } };
    await expect(bench.run(elsewhere)).resolves.toMatchObject({ summary: "no page is concerned" });
  });

  test("a description without a page says so, and names the address of the site", async () => {
    await expect(bench.run(await mergeRequest(`See ${address("/dashboard.action")}`))).resolves.toEqual({
      outcome: "done",
      summary: `platform/docs!41 links to no page; ${address("/dashboard.action")} is the address of no page`,
    });
  });

  test("a route that names its page ignores them", async () => {
    bench = connect({ options: { page: "98311" } });
    await bench.run(await mergeRequest(link()));
    await bench.run(await pipeline());
    expect([versions(PAGE), versions("98311")]).toEqual([1, 2]);
  });
});

import { afterEach, beforeEach, expect, it } from "vitest";
import { relay } from "../../shared/delivery/relay.ts";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import type { BridgeEvent } from "../../shared/model/event.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { openAllStores } from "../support/all-stores.ts";
import { bridgeParts, routeOf, scripted } from "../support/bridge-parts.ts";
import { sampleDelivery } from "../support/samples.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor } from "../support/sandbox-confluence-action.ts";
import { BRIDGE_USER, ROBIN } from "../support/sandbox-confluence-users.ts";
import { silentLog, testClock } from "../support/test-doubles.ts";

const BODY =
  '<ac:structured-macro ac:name="details"><ac:rich-text-body><table><tbody><tr><th>Repository</th>' +
  "<td>platform/docs</td></tr></tbody></table></ac:rich-text-body></ac:structured-macro>";

let sandbox: SandboxConfluence;
let parts: Awaited<ReturnType<typeof startedParts>>;
beforeEach(async () => {
  sandbox = await startSandboxConfluence({
    product: "data-center",
    pages: [{ id: "1", title: "Handbook", labels: ["docs"], body: BODY }],
  });
  parts = await startedParts();
});
afterEach(async () => {
  await parts.stop();
  await sandbox.close();
});

/** One route counts pushes and edits, and another one starts a run for each page that is reported as outdated. */
async function startedParts() {
  const clock = testClock();
  const database = openMemoryTable();
  const options = { retentionDays: 30, markUnrelayed: true, singleProcess: true, clock };
  const stores = openAllStores(database.table, options);
  const bench = benchFor(sandbox, "data-center", {
    clock,
    boards: stores.boards,
    deliveries: stores.deliveries,
    options: { page: undefined, documentedBy: "docs" },
    target: { outdated: { after: 2 } },
  });
  const run = scripted([{ outcome: "done", summary: "fired" }]);
  const routes = [
    routeOf(({ busEvent, ...context }) => bench.run(busEvent, context), {
      name: "count",
      action: "confluence",
      target: "wiki",
      matches: ({ detail }) => ["code.pushed", "page.updated"].includes(detail.type),
    }),
    routeOf(run.run, { name: "behind", matches: ({ detail }) => detail.type === "page.outdated" }),
  ];
  const bridge = await bridgeParts(routes, { database, clock });
  const { deliveries, ownAccounts, bus } = bridge;
  await ownAccounts.record(
    { site: sandbox.site("data-center"), account: BRIDGE_USER.userKey },
    laterBy(clock.now(), 86_400_000),
  );
  const deps = { bus, clock, deliveries, ownAccounts, outbox: deliveries, log: silentLog };
  /** Relays all that waits, and runs all that is due, until nothing follows. */
  const settle = async () => {
    for (let more = true; more; ) {
      clock.advance(1_000);
      const waiting = await deliveries.unrelayed(laterBy(clock.now(), 3_600_000), 100);
      for (const id of waiting) {
        const delivery = await deliveries.get(id);
        if (delivery) await relay(delivery, deps);
      }
      const ran = (await bridge.runDue("wiki")) + (await bridge.runDue("ci"));
      more = waiting.length + ran > 0;
    }
  };
  const report = async (n: number, event: BridgeEvent) => {
    const delivery = { ...sampleDelivery(n), receivedAt: clock.now(), what: event.type, events: [event] as const };
    await deliveries.record(delivery);
    await settle();
    return delivery.id;
  };
  const push = (n: number, ...commits: readonly string[]) =>
    report(n, {
      type: "code.pushed",
      keyParts: [String(n)],
      time: toIso(clock.now()),
      subject: "platform/docs main",
      code: {
        project: "platform/docs",
        ref: "refs/heads/main",
        name: "main",
        defaultBranch: "main",
        change: "updated",
        commits: commits.map((id) => ({ id, message: "A commit" })),
        commitCount: commits.length,
      },
    });
  const edit = (n: number, account: string) =>
    report(n, {
      type: "page.updated",
      keyParts: [String(n)],
      time: toIso(clock.now()),
      subject: "1",
      actor: { id: account },
      page: { site: sandbox.site("data-center"), id: "1", version: n },
    });
  return { ...bridge, contexts: run.contexts, push, edit };
}

it("a push that makes a page outdated fires the routes of page.outdated once, with the push as its origin", async () => {
  const { push, edit, contexts, deliveries, clock } = parts;
  await edit(1, ROBIN.userKey);
  await push(2, "a1");
  expect(contexts).toHaveLength(0);
  await edit(3, BRIDGE_USER.userKey);
  const last = await push(4, "a1", "b2");
  await push(5, "c3");
  expect(contexts).toMatchObject([
    {
      busEvent: {
        source: "drawbridge.pages",
        "detail-type": "page.outdated",
        detail: { source: "/sources/pages", page: { id: "1", title: "Handbook" }, outdated: { commits: 2, after: 2 } },
      },
      origin: { "detail-type": "code.pushed", detail: { delivery: last } },
    },
  ]);
  expect(await deliveries.timeline(last)).toEqual(
    expect.arrayContaining([expect.objectContaining({ kind: "followed_by", what: "page.outdated 1" })]),
  );
  clock.advance(86_400_000);
  await edit(6, ROBIN.userKey);
  await push(7, "d4");
  expect(contexts).toHaveLength(1);
  await push(8, "e5");
  expect(contexts).toHaveLength(2);
  expect(sandbox.page("1").versions).toHaveLength(1);
});

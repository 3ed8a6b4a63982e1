import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Replayed } from "../../shared/delivery/replay.ts";
import { VERSION } from "../../shared/host/version.ts";
import type { BulkPreview, ListedBulkReplays, ShownBulkReplay } from "../../shared/http/bulk-replays.ts";
import type { Overview } from "../../shared/http/overview.ts";
import { awsBridge } from "../support/aws-bridge.ts";
import { storesOf } from "../support/aws-stream.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { until } from "../support/until.ts";

const AUDIENCE = "https://bridge.example.test";
const mia = { id: "mia", secret: "mia-secret-for-tests" };

let identity: IdentityProvider;
let bridge: Awaited<ReturnType<typeof awsBridge>>;
beforeAll(async () => {
  identity = await startIdentityProvider({ clients: [mia] });
  const claims = [{ path: "sub", equals: "mia" }];
  bridge = await awsBridge({
    issuers: { people: { issuer: identity.issuer, audience: AUDIENCE, claims, roles: ["on-call"] } },
    roles: { "on-call": { call: ["deliveries"], replay: ["page-build"] } },
  });
});
afterAll(async () => {
  await bridge.stop();
  await identity.close();
});

async function call<T>(path: string, status: number, body?: object): Promise<T> {
  const answer = await fetch(new URL(path, bridge.url), {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${await identity.token(mia, AUDIENCE)}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect(answer.status).toBe(status);
  return (await answer.json()) as T;
}

const order = (path: string, body: object): Promise<Replayed> => call(path, 202, body);

const runEndedOf = (delivery: string) =>
  until(
    `the run of ${delivery} to succeed`,
    async () => {
      await bridge.turn();
      return storesOf(bridge.account).deliveries.timeline(delivery);
    },
    (timeline) =>
      timeline.some(
        (timelineEvent) => timelineEvent.kind === "followed_by" && timelineEvent.what.startsWith("build.succeeded"),
      ),
  );

describe("the overview in AWS", () => {
  it("it has the version and the configuration in force, and leaves the time of attempts to CloudWatch", async () => {
    const { version, configuration, targets = [] } = await call<Overview>("/v1/overview", 200);
    expect({ version, configuration }).toEqual({ version: VERSION, configuration: bridge.digest });
    expect(targets.map(({ target, latency }) => ({ target, latency }))).toEqual([
      { target: "listener", latency: undefined },
      { target: "pages", latency: undefined },
    ]);
    const ready = await fetch(new URL("/readyz", bridge.url));
    expect(await ready.json()).toMatchObject({ status: "ready", configuration });
  });
});

describe("a delivery that is run again in AWS", () => {
  it("a replay goes through the stream and the bus to its one route, and a rollback to the run before", async () => {
    const { delivery: first } = (await (await bridge.edit()).json()) as { readonly delivery: string };
    await runEndedOf(first);
    const { delivery: again, replayOf } = await order(`/v1/deliveries/${first}/replay`, { route: "page-build" });
    expect(replayOf).toBe(first);
    await runEndedOf(again);
    expect(bridge.listener.runs.size).toBe(2);
    const { detail } = bridge.published.find((busEvent) => busEvent.detail.delivery === again) ?? {};
    expect(detail).toMatchObject({ replay: { of: first, routes: ["page-build"] }, principal: { subject: "mia" } });

    const { delivery: back, replayOf: target } = await order("/v1/rollbacks", { route: "page-build" });
    expect(target).toBe(first);
    await runEndedOf(back);
    expect(bridge.listener.runs.size).toBe(3);
    const { deliveries } = storesOf(bridge.account);
    const replayed = (await deliveries.timeline(first)).filter(({ kind }) => kind === "replayed");
    expect(replayed).toMatchObject([
      { delivery: again, isRollback: false, by: { subject: "mia", trustEntry: "people" } },
      { delivery: back, isRollback: true },
    ]);
  });

  it("many are run again by one order: the first step with the request, the others by the sweep", async () => {
    const { delivery: first } = (await (await bridge.edit()).json()) as { readonly delivery: string };
    const { delivery: again } = await order(`/v1/deliveries/${first}/replay`, { route: "page-build" });
    const ids = [first, again];
    for (const id of ids) await runEndedOf(id);
    const before = bridge.listener.runs.size;
    const selection = { deliveries: ids, force: true };
    const preview = await call<BulkPreview>("/v1/replay-preview", 200, selection);
    expect([preview.deliveries, preview.total]).toEqual([2, 2]);
    const ordered = await call<ShownBulkReplay>("/v1/replays", 202, { ...selection, rate: 1, reason: "INC-4711" });
    expect(ordered).toMatchObject({ state: "running", total: 2, handled: 1, counts: { accepted: 1 } });
    const shown = () => call<ShownBulkReplay>(`/v1/replays/${ordered.id}`, 200);
    await bridge.sweep();
    expect(await shown()).toMatchObject({ state: "done", handled: 2, counts: { accepted: 2, refused: 0 } });
    await bridge.sweep();
    const listed = await call<ListedBulkReplays>("/v1/replays", 200);
    expect(listed.replays).toEqual([await shown()]);

    const { deliveries } = storesOf(bridge.account);
    const timelines = await Promise.all(ids.map((id) => deliveries.timeline(id)));
    const replays = timelines.flat().flatMap((line) => (line.kind === "replayed" ? [line] : []));
    const ofOrder = replays.filter(({ reason }) => reason === "INC-4711");
    expect(ofOrder).toHaveLength(2);
    for (const { delivery } of ofOrder) await runEndedOf(delivery);
    expect(bridge.listener.runs.size).toBe(before + 2);
  });

  it("a replay reaches no other route, even if the route's pattern matches", async () => {
    const { delivery: first } = (await (await bridge.edit()).json()) as { readonly delivery: string };
    const stores = storesOf(bridge.account);
    const of = await stores.deliveries.get(first);
    if (of === undefined) throw new Error("it is recorded");
    const replay = { of: first, routes: ["another"], isRollback: false };
    const event = of.events && { ...of.events[0], keyParts: [...of.events[0].keyParts, "again"] };
    await stores.deliveries.record({ ...of, ...(event && { events: [event] as const }), id: "d-for-another", replay });
    const before = bridge.listener.requests.length;
    const publishedAfterTurn = async () => {
      await bridge.turn();
      return bridge.published.map(({ detail }) => detail.delivery);
    };
    await until("the replay to be published", publishedAfterTurn, (published) => published.includes("d-for-another"));
    await bridge.turn();
    expect(bridge.listener.requests).toHaveLength(before);
    expect(await stores.deliveries.timeline("d-for-another")).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Replayed } from "../../shared/delivery/replay.ts";
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

async function order(path: string, body: object): Promise<Replayed> {
  const answer = await fetch(new URL(path, bridge.url), {
    method: "POST",
    headers: { authorization: `Bearer ${await identity.token(mia, AUDIENCE)}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(202);
  return (await answer.json()) as Replayed;
}

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

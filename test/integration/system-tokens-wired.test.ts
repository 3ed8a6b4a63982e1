import { it } from "vitest";
import { awsBridge } from "../support/aws-bridge.ts";
import { storesOf } from "../support/aws-stream.ts";
import { PAGE, standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

const site = "https://example.atlassian.test/wiki";
const forge = { trust: "our-app", installations: ["a"], systemToken: { sealedBy: { current: "env:SEAL" } } };
const issuers = { "our-app": { preset: "forge", audience: "ari:cloud:ecosystem::app/1" } };
const cloud = { provider: "confluence", site, forge };
const pages = { kind: "confluence", product: "cloud", site, credential: { forge: "cloud" }, progressSeconds: 0 };
const status = {
  when: { "detail-type": [{ prefix: "build." }] },
  do: { confluence: { target: "cloud-pages", page: PAGE } },
};
const WAITING = /^token_unavailable: no Forge system token of source "cloud" younger than 2 h/;

it("on one machine an action whose target needs an app's token waits until one has arrived", async () => {
  const messages: string[] = [];
  const collect = (_: unknown, message: string) => void messages.push(message);
  const bridge = await standaloneBridge({
    log: { info: collect, warn: collect, error: collect },
    changes: { issuers, sources: { cloud }, targets: { "cloud-pages": pages }, routes: { "cloud-status": status } },
  });
  try {
    await bridge.pageEdit({ timestamp: 1_793_600_000_000, event: "page_updated", page: { id: Number(PAGE) } });
    await until(
      "the target to wait for a token",
      () => messages,
      (all) => all.some((message) => WAITING.test(message)),
    );
  } finally {
    await bridge.stop();
  }
});

it("in AWS an action whose target needs an app's token waits until one has arrived", async () => {
  const bridge = await awsBridge({ issuers }, (plain) => ({
    sources: { ...plain.sources, cloud },
    targets: { ...plain.targets, "cloud-pages": pages },
    routes: { ...plain.routes, "cloud-status": status },
  }));
  try {
    await bridge.edit();
    const { deliveries } = storesOf(bridge.account);
    const timelinesAfterTurn = async () => {
      await bridge.turn();
      const builds = bridge.published.filter((busEvent) => "build" in busEvent.detail);
      return (await Promise.all(builds.map(({ detail }) => deliveries.timeline(detail.delivery)))).flat();
    };
    await until("the target to wait for a token", timelinesAfterTurn, (timeline) =>
      timeline.some((timelineEvent) => timelineEvent.kind === "attempt" && WAITING.test(timelineEvent.summary)),
    );
  } finally {
    await bridge.stop();
  }
});

import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../shared/host/clock.ts";
import { hmacSha256 } from "../../shared/providers/signature.ts";
import { awsBridge } from "../support/aws-bridge.ts";
import { storesOf } from "../support/aws-stream.ts";
import { until } from "../support/until.ts";

let bridge: Awaited<ReturnType<typeof awsBridge>>;
beforeAll(async () => {
  bridge = await awsBridge({ roles: { manager: { approve: ["page-build"] } } }, (plain) => ({
    ...plain,
    sources: { ...plain.sources, wiki: { ...plain.sources.wiki, people: { max: { roles: ["manager"] } } } },
    routes: {
      "page-build": { ...plain.routes["page-build"], approval: {} },
      status: { ...plain.routes.status, when: { "detail-type": [{ prefix: "build." }, { prefix: "approval." }] } },
    },
  }));
});
afterAll(() => bridge.stop());

async function label(name: string): Promise<void> {
  const about = { label: { name }, content: { id: 98310, contentType: "page" } };
  const body = JSON.stringify({ timestamp: systemClock.now(), event: "label_added", userKey: "max", ...about });
  const signature = `sha256=${hmacSha256("wiki-secret-for-tests", [body]).toString("hex")}`;
  const headers = { "content-type": "application/json", "x-hub-signature": signature };
  await fetch(new URL("/webhooks/wiki", bridge.url), { method: "POST", headers, body });
}

it("a run waits on the page, told to the functions, and a label is heeded by the relay", async () => {
  await bridge.edit();
  await until(async () => {
    await bridge.turn();
    return bridge.page().body.includes("WAITING");
  });
  const { approvals } = storesOf(bridge.account);
  const [open] = await approvals.open(5);
  expect(open).toMatchObject({ route: "page-build", state: "requested", approvers: ["manager"] });
  await label("drawbridge-approve");
  await until(async () => {
    await bridge.turn();
    return bridge.page().body.includes("APPROVED");
  });
  expect(await approvals.get(open?.id ?? "")).toMatchObject({ state: "granted", decision: { by: { actor: "max" } } });
  // Its message comes back within the minute; until then nothing is fired.
  expect(bridge.listener.requests).toEqual([]);
});

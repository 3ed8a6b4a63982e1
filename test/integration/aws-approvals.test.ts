import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../shared/host/clock.ts";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import { awsBridge, pageAfterTurn } from "../support/aws-bridge.ts";
import { storesOf } from "../support/aws-stream.ts";
import { until } from "../support/until.ts";

let bridge: Awaited<ReturnType<typeof awsBridge>>;
beforeAll(async () => {
  bridge = await awsBridge({ roles: { manager: { approve: ["page-build"] } } }, (plain) => ({
    ...plain,
    sources: { ...plain.sources, wiki: { ...plain.sources.wiki, people: { max: { roles: ["manager"] } } } },
    routes: {
      "page-build": { ...plain.routes["page-build"], approval: {} },
      status: {
        ...plain.routes.status,
        when: { "detail-type": [{ prefix: "build." }, { prefix: "approval." }, "page.commented"] },
      },
    },
  }));
});
afterAll(() => bridge.stop());

const label = (name: string): Promise<void> =>
  send({ event: "label_added", label: { name }, content: { id: 98310, contentType: "page" } });

async function comment(text: string): Promise<void> {
  const id = await bridge.comment(`<p>${text}</p>`, "max");
  await send({ event: "comment_created", comment: { id: Number(id) } });
}

/** Sends a webhook of the wiki; the actor is Max unless `about` names another. */
async function send(about: object): Promise<void> {
  const body = JSON.stringify({ timestamp: systemClock.now(), userKey: "max", ...about });
  const signature = `sha256=${hmacSha256("wiki-secret-for-tests", [body]).toString("hex")}`;
  const headers = { "content-type": "application/json", "x-hub-signature": signature };
  await fetch(new URL("/webhooks/wiki", bridge.url), { method: "POST", headers, body });
}

const shows = (state: string) =>
  until(`the page to show ${state}`, pageAfterTurn(bridge), (body) => body.includes(state));

it.each([
  ["the relay executes the command of a label", () => label("drawbridge-approve"), "APPROVED", "granted"],
  ["the act function executes the command of a comment", () => comment("drawbridge deny"), "DENIED", "denied"],
])("a run in AWS waits on the page, and %s", async (_, decide, shown, state) => {
  await send({ event: "page_updated", userKey: "robin", page: { id: 98310 } });
  await shows("WAITING");
  const { approvals } = storesOf(bridge.account);
  const [open] = (await approvals.open(5)).filter((one) => one.state === "requested");
  expect(open).toMatchObject({ route: "page-build", state: "requested", approvers: ["manager"] });
  await decide();
  await shows(shown);
  expect(await approvals.get(open?.id ?? "")).toMatchObject({ state, decision: { by: { actor: "max" } } });
  // The action's message becomes visible within the minute; until then nothing is fired.
  expect(bridge.listener.requests).toEqual([]);
});

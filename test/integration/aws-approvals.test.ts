import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { laterBy, systemClock } from "../../shared/host/clock.ts";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import type { Approval } from "../../shared/model/approval.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { awsBridge, pageAfterTurn } from "../support/aws-bridge.ts";
import { storesOf } from "../support/aws-stream.ts";
import { type SandboxGroups, startSandboxGroups } from "../support/sandbox-groups.ts";
import { until } from "../support/until.ts";

/** Max and Mia are listed, and whoever is in the group has the same role. */
const PEOPLE = {
  from: "groups",
  target: "people",
  map: { "platform-releases": ["manager"] },
  accounts: { max: { roles: ["manager"] }, mia: { roles: ["manager"] } },
};

const RULE = { id: "by-people", mode: "shadow", when: { requester: ["person"] } };

let site: SandboxGroups;
let bridge: Awaited<ReturnType<typeof awsBridge>>;
beforeAll(async () => {
  site = await startSandboxGroups();
  bridge = await awsBridge({ roles: { manager: { approve: ["page-build", "restored-build"] } } }, (plain) => ({
    ...plain,
    sources: { ...plain.sources, wiki: { ...plain.sources.wiki, people: PEOPLE } },
    targets: {
      ...plain.targets,
      people: {
        kind: "confluence",
        product: "data-center",
        site: plain.sources.wiki.site,
        api: site.origin,
        credential: { bearer: "env:PEOPLE" },
      },
    },
    routes: {
      "page-build": {
        ...plain.routes["page-build"],
        approval: { verifyWith: "pages", approvers: 2, grantedBy: [RULE] },
      },
      "restored-build": {
        ...plain.routes["page-build"],
        when: { "detail-type": ["page.restored"] },
        approval: { expiresMinutes: 2_880 },
      },
      status: {
        ...plain.routes.status,
        when: { "detail-type": [{ prefix: "build." }, { prefix: "approval." }, "page.commented"] },
      },
    },
  }));
});
afterAll(async () => {
  await bridge.stop();
  await site.close();
});

const label = (name: string, userKey: string): Promise<void> =>
  send({ event: "label_added", userKey, label: { name }, content: { id: 98310, contentType: "page" } });

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

/** As if the approval had been requested a minute before: a label decides nothing newer. */
async function aMinuteAgo({ id, state: _, ...approval }: Approval): Promise<void> {
  const requestedAt = laterBy(approval.requestedAt, -60_000);
  const { client, environment } = bridge.account;
  await new DynamoDbTable(client, environment.TABLE_NAME).change(
    { pk: id, sk: "head" },
    { condition: { field: "state", is: "present" }, set: { request: JSON.stringify({ ...approval, requestedAt }) } },
  );
}

const shows = (state: string) =>
  until(`the page to show ${state}`, pageAfterTurn(bridge), (body) => body.includes(state));

it.each([
  [
    "the relay executes the commands of two people's labels, one of whom it knows by a group",
    async () => {
      site.members.set("kim", { groups: ["platform-releases"], status: "active" });
      await label("drawbridge-approve", "kim");
      await shows("1 of 2 approved");
      await label("drawbridge-approve", "max");
    },
    "APPROVED",
    "fired",
  ],
  [
    "the act function executes the command of a comment",
    (id: string) => comment(`drawbridge deny ${id}`),
    "DENIED",
    "denied",
  ],
])("a run in AWS waits on the page, and %s", async (_, decide, shown, state) => {
  await send({ event: "page_updated", userKey: "robin", page: { id: 98310 } });
  await shows("WAITING");
  const { approvals } = storesOf(bridge.account);
  const [open] = (await approvals.open(5)).filter((one) => one.state === "requested");
  if (open === undefined) throw new Error("it waits");
  expect(open).toMatchObject({ route: "page-build", state: "requested", approvers: ["manager"] });
  // The rules are in the bundle.
  const timeline = () => storesOf(bridge.account).deliveries.timeline(open.delivery);
  await until("a rule that would grant it", timeline, (lines) =>
    lines.some((line) => line.kind === "approval" && line.state === "would_grant" && line.rule?.id === RULE.id),
  );
  await aMinuteAgo(open);
  const { length: firedBefore } = bridge.listener.requests;
  await decide(open.id);
  await shows(shown);
  const decided = await approvals.get(open.id);
  expect(decided).toMatchObject({ state, decision: { by: { actor: "max" } } });
  // The rows that the bridge wrote since are no change of what is approved.
  if (state === "fired") {
    expect(decided?.decision?.verifiedWith).toBe("pages");
    const fromGroups = { source: "wiki", target: "people", groups: ["platform-releases"] };
    expect(decided?.grants).toMatchObject([{ by: { actor: "kim" }, fromGroups }, { by: { actor: "max" } }]);
  }
  // The decision sent the action's message.
  expect(bridge.listener.requests.length - firedBefore).toBe(state === "fired" ? 1 : 0);
});

it("a run that waits a day for its approval costs an hourly look, and no function continues a chain of its own queue", async () => {
  const { approvals } = storesOf(bridge.account);
  const waiting = async () => {
    await bridge.turn();
    return (await approvals.open(9)).find(({ route }) => route === "restored-build");
  };
  await send({ event: "page_restored", userKey: "robin", page: { id: 98310 } });
  const open = await until("the approval", waiting, (one) => one !== undefined);
  await bridge.turn();
  const [calls, writes] = [bridge.queue("tekton").deliveries, bridge.account.writes()];
  const { length: firedBefore } = bridge.listener.requests;
  for (const kind of ["tekton", "confluence"]) bridge.queue(kind).longestLineage = 0;
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  try {
    // The sweep runs each minute in AWS: nothing is due in between.
    for (let minutes = 0; minutes < 24 * 60; minutes += 30) {
      vi.setSystemTime(Date.now() + 30 * 60_000);
      await bridge.sweep();
      await bridge.turn();
    }
    expect(await approvals.get(open?.id ?? "")).toMatchObject({ state: "requested" });
    const action = await storesOf(bridge.account).actions.status(open?.action ?? "");
    // The first attempt, and one each hour.
    expect(action?.parked?.claims).toBe(25);
    // Some are for the runs of the other tests.
    expect(bridge.queue("tekton").deliveries - calls).toBeLessThanOrEqual(30);
    expect(bridge.account.writes() - writes).toBeLessThan(24 * 8);
    expect(bridge.queue("tekton").longestLineage).toBe(1);
    await comment(`drawbridge approve ${open?.id}`);
    await until("the run", bridge.turn, () => bridge.listener.requests.length > firedBefore);
    await bridge.sweep();
    await bridge.turn();
    expect(bridge.listener.requests.length - firedBefore).toBe(1);
    // The comment's message led to the action's, and nothing led to a message of the queue that it came from.
    expect([bridge.queue("confluence").longestLineage, bridge.queue("tekton").longestLineage]).toEqual([1, 2]);
  } finally {
    vi.useRealTimers();
  }
}, 120_000);

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { receiveApp } from "../../functions/receive-app.ts";
import { rowOf } from "../../shared/actions/confluence/board-row.ts";
import { renderRow } from "../../shared/actions/confluence/render-region.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { replay } from "../../shared/delivery/replay.ts";
import { type BusEvent, busEventsOf } from "../../shared/model/bus-event.ts";
import { sha256Hex } from "../../shared/model/idempotency-keys.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { type OpenTable, openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { bridgeParts, requestPorts, routeOf, scripted } from "../support/bridge-parts.ts";
import { CANARY, gitlabHeaders } from "../support/http-bridge.ts";
import { bodyOf } from "../support/provider-fixtures.ts";
import { sampleDelivery } from "../support/samples.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";

const SECRET = "glpat-hunter2";
const CLONE = `https://ci:${SECRET}@gitlab.example.com/platform/docs`;
const DONE = { outcome: "done", summary: `shown at ${CLONE}` } as const;
const GITLAB = {
  name: "gitlab",
  provider: "gitlab",
  roles: [],
  people: {},
  mode: "enforce",
  settings: { signingToken: { current: "env:GITLAB_SIGNING" } },
} as const;

let database: OpenTable;
let parts: Awaited<ReturnType<typeof bridgeParts>>;
let script: ReturnType<typeof scripted>;
beforeEach(async () => {
  database = openMemoryTable();
  script = scripted([DONE]);
  parts = await bridgeParts([routeOf(script.run, { matches: () => true })], {
    database,
    config: { sources: [GITLAB] },
  });
});
afterEach(() => parts.stop());

/** GitLab's push with a credential in its project's address, and in a commit's address and message. */
function pushWithCredentials(): string {
  const text = JSON.stringify(bodyOf("gitlab", "push"));
  const body = JSON.parse(text);
  body.project.web_url = CLONE;
  body.commits[0].url = `${body.commits[0].url}?private_token=${SECRET}`;
  body.commits[0].message = `Clone ${CLONE}.git first`;
  return JSON.stringify(body);
}

async function send(body: string) {
  const { bridge, clock } = parts;
  const signed = { ...bridge, secrets: secretsOf({ GITLAB_SIGNING: CANARY }) };
  const app = receiveApp(signed, requestPorts(signed));
  const headers = gitlabHeaders(body, clock.now());
  const answer = await app.request("https://bridge.example.test/webhooks/gitlab", { method: "POST", headers, body });
  const { delivery } = (await answer.json()) as { readonly delivery: string };
  return { status: answer.status, delivery };
}

async function recordOf(id: string): Promise<RecordedDelivery> {
  const record = await parts.deliveries.get(id);
  if (record === undefined) throw new Error("it is recorded");
  return record;
}

async function publish(delivery: RecordedDelivery): Promise<void> {
  await relay(delivery, { ...parts.deps, ...parts, outbox: parts.deliveries, log: silentLog });
  await parts.runDue();
}

/** Replays a delivery and publishes the new one, as the bridge does. */
async function replayed(of: RecordedDelivery) {
  const { deliveries, actions } = parts;
  const recorded: RecordedDelivery[] = [];
  const order = { of, routes: ["docs"], by: sourcePrincipal("people", "test", "current"), isRollback: false };
  const again = await replay(
    { ...order, key: [of.id], requestId: "r-2" },
    { deliveries, actions, clock: parts.clock, recorded: (delivery) => void recorded.push(delivery) },
  );
  for (const delivery of recorded) await publish(delivery);
  return recordOf(again.delivery);
}

const acted = (): readonly BusEvent[] => script.contexts.map(({ busEvent }) => busEvent);
const withoutKeys = ({ detail }: BusEvent) => {
  const { id: _, delivery: _delivery, eventKey: _key, replay: _replay, principal: _principal, ...facts } = detail;
  return { ...facts, traceparent: undefined };
};

describe("a delivery with a credential in a URL", () => {
  it("the delivery is accepted and acted on without its credential, and sent again it is a duplicate", async () => {
    const body = pushWithCredentials();
    const [first, again] = [await send(body), await send(body)];
    expect([first.status, again.status, again.delivery]).toEqual([202, 200, first.delivery]);
    const record = await recordOf(first.delivery);
    expect(record).toMatchObject({ redacted: true, bodyDigest: sha256Hex(body), bodyBytes: Buffer.byteLength(body) });
    await publish(record);
    expect(acted()).toMatchObject([
      { detail: { code: { commits: [{ message: expect.stringMatching(/^Clone https:\/\/REDACTED@gitlab/) }, {}] } } },
    ]);
    expect(acted()[0]?.detail).not.toHaveProperty("code.projectUrl");
    expect(acted()[0]?.detail).not.toHaveProperty("code.commits.0.url");
    const timeline = await parts.deliveries.timeline(first.delivery);
    expect(timeline.find(({ kind }) => kind === "attempt")).toMatchObject({
      summary: "shown at https://REDACTED@gitlab.example.com/platform/docs",
    });
    const stored = Buffer.from(record.body ?? "").toString();
    expect(JSON.stringify([record, acted(), timeline, stored])).not.toContain(SECRET);
    expect(JSON.parse(stored)).toMatchObject({ object_kind: "push" });
  });

  it("a replay uses the event of the record, and is without the credential too", async () => {
    const first = await recordOf((await send(pushWithCredentials())).delivery);
    const again = await replayed(first);
    expect(again).toMatchObject({ redacted: true, bodyDigest: first.bodyDigest, replay: { of: first.id } });
    expect(acted().map(withoutKeys)).toEqual(busEventsOf(first).map(withoutKeys));
    expect(JSON.stringify([again, acted()])).not.toContain(SECRET);
  });

  it("a record of an earlier release, which has the credential in its event, is replayed without it", async () => {
    const old = sampleDelivery(1);
    const [event] = old.events;
    const page = { ...event.page, url: `${CLONE}?a=b`, title: `see ${CLONE}` };
    await parts.deliveries.record({ ...old, ...{ events: [{ ...event, page }] } });
    const again = await replayed(await recordOf(old.id));
    expect(again).not.toHaveProperty("redacted");
    expect(acted()).toMatchObject([
      { detail: { page: { title: "see https://REDACTED@gitlab.example.com/platform/docs", id: "98310" } } },
    ]);
    expect(JSON.stringify([again, acted()])).not.toContain(SECRET);
  });

  it("a row of an earlier release is shown without a link", () => {
    const build = {
      system: "gitlab",
      id: "1",
      pipeline: "platform/docs",
      state: "failed",
      number: 7,
      url: CLONE,
    } as const;
    expect(renderRow({ key: "k", build, delivery: "d-1" })).toContain("<td>#7</td>");
    const [busEvent] = busEventsOf({
      ...sampleDelivery(),
      events: [{ ...sampleDelivery().events[0], type: "build.failed", build }],
    });
    expect(busEvent && rowOf({ busEvent, origin: busEvent, originProof: "proved" })?.build.url).toBe(CLONE);
  });
});

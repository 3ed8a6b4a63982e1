import * as v from "valibot";
import { beforeEach, describe, expect, it } from "vitest";
import { AuditLog } from "../../../shared/delivery/audit-log.ts";
import { copyOf } from "../../../shared/delivery/replay.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { getDeliveryRequest } from "../../../shared/http/delivery-request.ts";
import { policyOf, role } from "../../../shared/identity/policy.ts";
import type { Principal } from "../../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import { ok } from "../../../shared/model/result.ts";
import { sampleDelivery } from "../../support/samples.ts";
import { silentLog, testClock } from "../../support/test-doubles.ts";

const olga: Principal = {
  issuer: "https://login.example.test",
  subject: "olga",
  method: "oidc",
  credential: "key-1",
  trustEntry: "people",
  roles: ["reader", "looker"],
};
const ROLES = {
  reader: { call: ["deliveries"] },
  looker: { call: ["payloads"] },
  docs: { call: ["deliveries", "payloads"], in: { spaces: ["DOCS"] } },
};
const BODY = '{"page":{"id":98310},"private_token":"hunter-the-second"}';
const sample: RecordedDelivery = {
  ...sampleDelivery(1),
  headers: { "user-agent": "Confluence", authorization: null, "x-gitlab-event": "glpat-abcdefghij0123456789" },
  body: Buffer.from(BODY),
};

const clock = testClock();
let records: Map<string, RecordedDelivery>;
let roles: readonly string[];
let failure: Error | undefined;
let requests = 0;
beforeEach(() => {
  records = new Map([[sample.id, sample]]);
  roles = olga.roles;
  failure = undefined;
});

const deliveries = {
  get: async (id: string) => records.get(id),
  record: async (delivery: RecordedDelivery) => {
    if (failure) throw failure;
    const isNew = !records.has(delivery.id);
    records.set(delivery.id, delivery);
    return isNew ? ("recorded" as const) : ("duplicate" as const);
  },
};

async function look(id = sample.id) {
  requests += 1;
  const request = {
    method: "GET",
    url: new URL(`https://bridge.example.test/v1/deliveries/${id}/request`),
    headers: new Headers({ authorization: "Bearer x" }),
    body: new Uint8Array(),
    receivedAt: clock.now(),
    requestId: `request-${requests}`,
  };
  return getDeliveryRequest(request, id, {
    tokens: { verify: async () => ok({ principal: { ...olga, roles }, claims: {} }) },
    trustEntries: ["people"],
    policy: policyOf(v.parse(v.record(v.string(), role), ROLES)),
    rejectOverRate: async () => undefined,
    withAccess: async (by: Principal) => by,
    deliveries,
    auditLog: new AuditLog({ deliveries, log: silentLog }),
  });
}
const looks = () => [...records.values()].filter(({ what }) => what === "payload_opened");

describe("a look at the request of a delivery", () => {
  it("shows the headers and the body without credentials, with the digest and the size of what arrived", async () => {
    const { bodyBytes, bodyDigest } = sample;
    expect(await look()).toMatchObject({
      ok: true,
      value: {
        delivery: sample.id,
        headers: [{ name: "user-agent", value: "Confluence" }, { name: "authorization" }, { name: "x-gitlab-event" }],
        bodyKind: "json",
        body: '{"page":{"id":98310},"private_token":"[removed: a member for credentials]"}',
        removed: 1,
        bodyBytes,
        bodyDigest,
      },
    });
    expect(JSON.stringify(await look())).not.toMatch(/glpat-|hunter/);
  });

  it("is recorded each time: who, when and which delivery, also within the same minute", async () => {
    await look();
    clock.advance(1_000);
    await look();
    expect(looks()).toMatchObject(
      [clock.now() - 1_000, clock.now()].map((receivedAt) => ({
        ...{ outcome: "audit", subject: sample.id, receivedAt },
        principal: { subject: "olga", trustEntry: "people" },
      })),
    );
  });

  it("shows nothing while it cannot be recorded, and something again afterwards", async () => {
    failure = new Fault("store_unavailable", "down", { retryable: true });
    await expect(look()).rejects.toMatchObject({ code: "store_unavailable" });
    expect(looks()).toEqual([]);
    failure = undefined;
    expect(await look()).toMatchObject({ ok: true });
    expect(looks()).toHaveLength(1);
  });

  it("is refused once the role is taken away, and leaves no record then", async () => {
    expect(await look()).toMatchObject({ ok: true });
    roles = ["reader"];
    expect(await look()).toMatchObject({ ok: false, rejection: { reason: "role_missing", role: "looker or docs" } });
    expect(looks()).toHaveLength(1);
    roles = ["looker"];
    expect(await look()).toMatchObject({ ok: false, rejection: { reason: "delivery_unknown" } });
  });

  it("is confined like the delivery: another one is answered as if it did not exist", async () => {
    roles = ["docs"];
    expect(await look()).toEqual(await look("d-unknown"));
    // Such a person knows the delivery by another role, and may not look at its request.
    roles = ["reader", "docs"];
    expect(await look()).toMatchObject({ ok: false, rejection: { reason: "role_missing" } });
    expect(looks()).toEqual([]);
    const event = {
      ...sample.events?.[0],
      type: "page.updated",
      page: { site: "https://wiki.example.test", id: "1", space: "DOCS" },
    };
    // `as`: an event with all that a page has.
    records.set(sample.id, { ...sample, events: [event] } as RecordedDelivery);
    roles = ["docs"];
    expect(await look()).toMatchObject({ ok: true });
  });

  it("of a record of an earlier release there are no headers, and of a large or a secret body no text", async () => {
    const { headers: _, body: _body, ...earlier } = sample;
    records.set(sample.id, earlier);
    const shown = await look();
    expect(shown).toMatchObject({ ok: true, value: { bodyKind: "none", removed: 0 } });
    expect(shown.ok && Object.keys(shown.value)).not.toContain("headers");
  });

  it("a replay has the request of the person who ordered it, so it names the delivery that has the sender's", async () => {
    const id = sampleDelivery(2).id;
    const replay = { of: sample.id, routes: ["docs"], isRollback: false };
    records.set(id, { ...copyOf(sample, id), replay });
    expect(await look(id)).toMatchObject({ ok: true, value: { bodyKind: "none", replayOf: sample.id } });
    expect(JSON.stringify(records.get(id))).not.toContain("user-agent");
  });

  it("a very long body is cut, and says so", async () => {
    records.set(sample.id, { ...sample, body: Buffer.from(JSON.stringify("x".repeat(1_200_000))) });
    const shown = await look();
    expect(shown).toMatchObject({ ok: true, value: { isCut: true } });
    expect(shown.ok && shown.value.body?.length).toBe(1_000_000);
  });
});

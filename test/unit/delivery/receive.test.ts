import { describe, expect, it } from "vitest";
import { type ReceiveDeps, receive, type Source } from "../../../shared/delivery/receive.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import { Fault } from "../../../shared/host/fault.ts";
import type { AuthenticDelivery, Proof } from "../../../shared/model/authentic-delivery.ts";
import { deliveryIdOf, sha256Hex } from "../../../shared/model/idempotency-keys.ts";
import { sourcePrincipal } from "../../../shared/model/principal.ts";
import type { Reading } from "../../../shared/model/reading.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import type { ReceivedRequest } from "../../../shared/model/request.ts";
import { ok, type Result, reject } from "../../../shared/model/result.ts";
import { samplePageEvent } from "../../support/samples.ts";
import { noProvedRuns, secretsOf, silentLog } from "../../support/test-doubles.ts";

const request = (body: string, headers: Record<string, string> = {}): ReceivedRequest => ({
  method: "POST",
  url: new URL("https://bridge.example.test/webhooks/wiki"),
  headers: new Headers(headers),
  body: new TextEncoder().encode(body),
  receivedAt: epochMillis(1_790_000_000_000),
  requestId: "request-1",
});

const proof = ok<Proof>({ principal: sourcePrincipal("wiki", "token", "current") });

function source(changes: { proof?: Result<Proof>; reading?: () => Reading } = {}) {
  const calls: string[] = [];
  const made: Source = {
    name: "wiki",
    provider: "confluence",
    contentTypes: ["application/json"],
    authenticate: async () => {
      calls.push("authenticate");
      return changes.proof ?? proof;
    },
    read: () => {
      calls.push("read");
      return (changes.reading ?? (() => ({ outcome: "event", events: [samplePageEvent()] })))();
    },
  };
  return { made, calls };
}

/** A store in memory, and the ids of the deliveries that were announced. */
function memory() {
  const records = new Map<string, RecordedDelivery>();
  const announced: string[] = [];
  const deps: ReceiveDeps = {
    deliveries: {
      record: async (delivery) => {
        if (records.has(delivery.id)) return "duplicate";
        records.set(delivery.id, delivery);
        return "recorded";
      },
    },
    rejectOverRate: async () => undefined,
    runReporters: [],
    origins: noProvedRuns,
    secrets: secretsOf({}),
    recorded: (delivery) => announced.push(delivery.id),
    log: silentLog,
  };
  return { records, announced, deps };
}

describe("receive", () => {
  it("receive does not acknowledge, read or write before the sender is proved", async () => {
    const { made, calls } = source({ proof: reject({ reason: "signature_mismatch", header: "x" }) });
    const { records, announced, deps } = memory();
    expect(await receive(request("{}"), made, deps)).toEqual({
      ok: false,
      rejection: { reason: "signature_mismatch", header: "x" },
    });
    expect({ calls, records: records.size, announced }).toEqual({ calls: ["authenticate"], records: 0, announced: [] });
  });

  it("receive does not look for a duplicate before the sender is proved", async () => {
    const { deps } = memory();
    await receive(request("{}"), source().made, deps);
    const forged = source({ proof: reject({ reason: "secret_mismatch", header: "x" }) });
    expect((await receive(request("{}"), forged.made, deps)).ok).toBe(false);
  });

  it("a body that may have somebody's credentials is not stored", async () => {
    const { records, deps } = memory();
    const reading: Reading = { outcome: "event", events: [samplePageEvent()], bodyHasSecrets: true };
    await receive(request('{"Authorization":["Bearer a"]}'), source({ reading: () => reading }).made, deps);
    expect([...records.values()]).toMatchObject([{ outcome: "event", bodyBytes: 30 }]);
    expect([...records.values()][0]).not.toHaveProperty("body");
  });

  describe("a body with a credential in a URL", () => {
    const body = '{"url":"https://ci:hunter2@git.example.test/a.git","n":1}';
    const titled = (title: string): Reading => {
      const event = samplePageEvent();
      return { outcome: "event", events: [{ ...event, keyParts: [title], page: { ...event.page, title } }] };
    };
    const titledByUrl = (delivery: AuthenticDelivery) => titled(JSON.parse(Buffer.from(delivery.body).toString()).url);
    const recordOf = async (read: (delivery: AuthenticDelivery) => Reading) => {
      const { records, deps } = memory();
      const made: Source = { ...source().made, read };
      const receipts = [await receive(request(body), made, deps), await receive(request(body), made, deps)];
      const [record] = records.values();
      if (record === undefined) throw new Error("it is recorded");
      return { record, receipts };
    };

    it("the body and the event are recorded without it, beside the digest of the body as it arrived", async () => {
      const { record } = await recordOf(titledByUrl);
      expect(record).toMatchObject({
        redacted: true,
        bodyDigest: sha256Hex(body),
        bodyBytes: body.length,
        events: [{ page: { title: "https://REDACTED@git.example.test/a.git" } }],
      });
      expect(Buffer.from(record.body ?? "").toString()).toBe('{"url":"https://REDACTED@git.example.test/a.git","n":1}');
      expect(JSON.stringify(record)).not.toContain("hunter2");
    });

    it("the same body again is a duplicate, and another credential is another delivery and another event", async () => {
      const { record, receipts } = await recordOf(titledByUrl);
      expect(receipts).toMatchObject([{ value: { status: "accepted" } }, { value: { status: "duplicate" } }]);
      const { deps, records } = memory();
      await receive(request(body), { ...source().made, read: titledByUrl }, deps);
      await receive(request(body.replace("hunter2", "hunter3")), { ...source().made, read: titledByUrl }, deps);
      const [first, second] = records.values();
      expect(first).toEqual(record);
      expect(second?.events?.[0].keyParts).not.toEqual(first?.events?.[0].keyParts);
    });

    it("the reading of the body as it arrived decides about the keys and the outcome", async () => {
      const key = { deliveryKey: ["https://ci:hunter2@git.example.test/"] };
      const first = await recordOf(() => ({ outcome: "ignored", kind: "see https://ci:hunter2@a.test", ...key }));
      expect(first.record).toMatchObject({
        id: deliveryIdOf("wiki", key.deliveryKey),
        what: "see https://REDACTED@a.test",
      });
    });

    it("a body that cannot be read without its credential is unusable, and its credential is not recorded", async () => {
      const { record } = await recordOf((delivery) =>
        Buffer.from(delivery.body).includes("REDACTED")
          ? { outcome: "ignored", kind: "another" }
          : titledByUrl(delivery),
      );
      expect(record).toMatchObject({
        outcome: "unusable",
        what: expect.stringContaining("credential"),
        redacted: true,
      });
      expect(JSON.stringify(record)).not.toContain("hunter2");
    });
  });

  const readings: readonly (readonly [string, Reading])[] = [
    ["accepted", { outcome: "event", events: [samplePageEvent()] }],
    ["ignored", { outcome: "ignored", kind: "blog_created" }],
    ["unusable", { outcome: "unusable", problem: "the body is not JSON" }],
  ];
  it.each(readings)("receive records the delivery and answers %s", async (status, reading) => {
    const { records, announced, deps } = memory();
    const receipt = await receive(request("{}"), source({ reading: () => reading }).made, deps);
    const [id] = [...records.keys()];
    expect(receipt).toEqual(ok({ delivery: id, status }));
    expect(announced).toEqual([id]);
  });

  it("receive answers a repeat with the first delivery's id, and announces it once", async () => {
    const { announced, deps } = memory();
    const first = await receive(request("{}"), source().made, deps);
    const again = await receive(request("{}"), source().made, deps);
    expect(first.ok && again).toEqual(ok({ delivery: first.ok && first.value.delivery, status: "duplicate" }));
    expect(announced).toHaveLength(1);
  });

  it("receive gives bodies without an id of the sender keys of their own", async () => {
    const { records, deps } = memory();
    await receive(request('{"n":1}'), source().made, deps);
    await receive(request('{"n":2}'), source().made, deps);
    expect(records.size).toBe(2);
  });

  it("receive keeps the bytes if the provider fails to read them", async () => {
    const { records, deps } = memory();
    const reading = () => {
      throw new TypeError("secret-in-a-message");
    };
    const receipt = await receive(request("{}"), source({ reading }).made, deps);
    expect(receipt).toMatchObject({ value: { status: "unusable" } });
    expect(JSON.stringify([...records.values()])).not.toContain("secret-in-a-message");
  });

  it("receive keeps the headers that explain a request, of those with a credential only the names, and no address", async () => {
    const { records, deps } = memory();
    const helpful = {
      host: "bridge.example.test",
      "content-type": "application/json",
      "user-agent": "GitLab/19.1.0-ee",
      "webhook-id": "3f6f9a52-07d7-4e52-9df4-0c1b2a3d4e5f",
      "webhook-timestamp": "1793610000",
      "x-gitlab-event": "Push Hook",
      "x-gitlab-event-uuid": "8a1e4c7d-5b2f-4c3a-9e6d-7f0a1b2c3d4e",
      "x-gitlab-instance": "https://gitlab.example.test:8443/gitlab",
    };
    const names = [
      "authorization",
      "cookie",
      "dpop",
      "webhook-signature",
      "x-api-key",
      "x-forge-oauth-system-token",
      "x-gitlab-token",
    ];
    const credentials = Object.fromEntries(names.map((name) => [name, "canary-value"]));
    const others = { "x-forwarded-for": "203.0.113.9", "x-real-ip": "203.0.113.9", accept: "*/*" };
    await receive(request("{}", { ...helpful, ...credentials, ...others }), source().made, deps);
    const [record] = [...records.values()];
    expect(record?.headers).toEqual({ ...helpful, ...Object.fromEntries(names.map((name) => [name, null])) });
    expect(JSON.stringify(record)).not.toMatch(/canary-value|203\.0\.113\.9/);
  });

  it("of a header whose value does not have its form, and may be a credential in the wrong place, receive keeps the name", async () => {
    const { records, deps } = memory();
    const wrong = {
      "content-type": "Bearer canary-value",
      "user-agent": "Bearer canary-value",
      "webhook-id": "canary-value",
      "webhook-timestamp": "canary-value",
      "x-gitlab-event": "glpat-1canary-value",
      "x-gitlab-instance": "https://ci:canary-value@gitlab.example.test",
      "x-request-id": "Bearer canary-value",
      "x-correlation-id": "aB3-xY9kQ-2LmZ7w-p0Q",
      "ce-source": "/canary_value_0123456789ab",
    };
    await receive(request("{}", wrong), source().made, deps);
    const [record] = [...records.values()];
    expect(record?.headers).toEqual(Object.fromEntries(Object.keys(wrong).map((name) => [name, null])));
  });

  it("receive keeps few headers, and none that is long", async () => {
    const { records, deps } = memory();
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`x-token-${n}`, "x"]));
    await receive(request("{}", many), source().made, deps);
    await receive(
      request("{ }", {
        "user-agent": "u".repeat(4_000),
        [`x-${"t".repeat(90)}-token`]: "x",
      }),
      source().made,
      deps,
    );
    const [first, second] = [...records.values()].map(({ headers = {} }) => headers);
    expect(Object.keys(first ?? {}).length).toBeLessThanOrEqual(24);
    expect(second).toEqual({ "user-agent": null });
  });

  it("receive lets the provider keep what came along with a proved delivery, and with no other", async () => {
    const kept: string[] = [];
    const keep: Source["keep"] = async ({ requestId }) => void kept.push(requestId);
    const { records, deps } = memory();
    const shadowRejection = { reason: "signature_mismatch", header: "x" } as const;
    const shadowed = ok<Proof>({ principal: sourcePrincipal("wiki", "token", "current"), shadowRejection });
    for (const proof of [reject(shadowRejection), shadowed])
      await receive(request("{}"), { ...source({ proof }).made, keep }, deps);
    expect(kept).toEqual([]);
    await receive(request("{}"), { ...source().made, keep }, deps);
    expect(kept).toEqual(["request-1"]);
    expect(records.size).toBe(2);
  });

  it("receive throws if nothing could be recorded, and announces nothing", async () => {
    const fault = new Fault("store_unavailable", "down", { retryable: true });
    const { announced, deps } = memory();
    const record = () => Promise.reject(fault);
    await expect(receive(request("{}"), source().made, { ...deps, deliveries: { record } })).rejects.toBe(fault);
    expect(announced).toEqual([]);
  });
});

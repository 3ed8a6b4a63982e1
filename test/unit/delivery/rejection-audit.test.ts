import { describe, expect, it } from "vitest";
import { RejectionAudit } from "../../../shared/delivery/rejection-audit.ts";
import { laterBy } from "../../../shared/host/clock.ts";
import type { Principal } from "../../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import type { Rejection } from "../../../shared/model/rejection.ts";
import { silentLog, testClock } from "../../support/test-doubles.ts";

const job: Principal = {
  issuer: "https://gitlab.example.test",
  subject: "job",
  method: "oidc",
  credential: "k1",
  roles: [],
  trustEntry: "jobs",
};

/** Rejects once a second, each time for the next of `rejections`, and returns the records. */
async function recorded(
  rejections: readonly Rejection[],
  { by = () => job, isRead = false, repeats = new Map<string, string>(), isElsewhere = false, upstream = "" } = {},
): Promise<readonly RecordedDelivery[]> {
  const records: RecordedDelivery[] = [];
  const record = async (delivery: RecordedDelivery) => {
    records.push(delivery);
    return isElsewhere ? ("duplicate" as const) : ("recorded" as const);
  };
  const addRepeat = async ({ id, delivery }: { readonly id: string; readonly delivery: string }) =>
    void repeats.set(id, delivery);
  const audit = new RejectionAudit({ deliveries: { record }, refusals: { addRepeat }, log: silentLog });
  const start = testClock().now();
  for (const [second, rejection] of rejections.entries()) {
    await audit.record({
      source: "api",
      provider: "api",
      rejection,
      by: by(),
      isRead,
      ...(upstream !== "" && { upstream }),
      request: {
        method: "GET",
        url: new URL("https://bridge.example.test/v1/deliveries"),
        headers: new Headers({ "x-correlation-id": `attempt-${second}` }),
        body: new Uint8Array(),
        receivedAt: laterBy(start, second * 1_000),
        requestId: `r-${second}`,
      },
    });
  }
  return records;
}

const each = (make: (second: number) => Rejection): readonly Rejection[] =>
  Array.from({ length: 590 }, (_, n) => make(n));

describe("rejections of one caller within ten minutes", () => {
  it.each<[string, (second: number) => Rejection]>([
    ["a token that expired longer ago each time", (n) => ({ reason: "token_expired", expiredBySeconds: 6 + n })],
    [
      "a rate limit that ends sooner each time",
      (n) => ({ reason: "rate_exceeded", role: "ci", perMinute: 60, retryAfterSeconds: 600 - n }),
    ],
    ["a body with another mistake each time", (n) => ({ reason: "body_invalid", problem: `there is no "x${n}"` })],
    ["a token for another audience each time", (n) => ({ reason: "audience_mismatch", expected: "us", got: `a${n}` })],
  ])("rejections of one caller make one record for %s", async (_, make) => {
    expect(await recorded(each(make))).toMatchObject([{ outcome: "refused", requestId: "r-0", refusal: make(0) }]);
  });

  it("another reason, claim, role or caller makes a record of its own", async () => {
    const missing = (claim: string): Rejection => ({ reason: "claim_missing", claim });
    const role = (name: string): Rejection => ({ reason: "role_missing", role: name });
    const all = [missing("exp"), missing("sub"), role("ci"), role("on-call"), missing("exp"), role("ci")];
    expect(await recorded(all)).toHaveLength(4);
    let caller = 0;
    expect(
      await recorded([role("ci"), role("ci")], { by: () => ({ ...job, subject: `job-${caller++}` }) }),
    ).toHaveLength(2);
  });

  it("of a gateway, another scope or method makes a record of its own, and a strange method makes no more than one", async () => {
    const scope = (name: string): Rejection => ({ reason: "scope_forbidden", scope: name });
    const asked = (method: string): Rejection => ({ reason: "asked_request_not_listed", upstream: "registry", method });
    const gateway = { isRead: true, upstream: "registry" };
    const scopes = await recorded([scope("push"), scope("admin"), scope("push"), scope("admin")], gateway);
    expect(scopes.map(({ refusal }) => refusal)).toEqual([scope("push"), scope("admin")]);
    const methods = await recorded(["GET", "DELETE", "GET", "DELETE"].map(asked), gateway);
    expect(methods.map(({ refusal }) => refusal)).toEqual([asked("GET"), asked("DELETE")]);
    const strange = Array.from({ length: 26 }, (_, n) => asked(`X${String.fromCharCode(65 + n)}`));
    expect(await recorded(strange, gateway)).toHaveLength(1);
    // At the token endpoint, the caller chooses the text.
    expect(await recorded(each((n) => scope(`s${n}`)))).toHaveLength(1);
  });

  it("a refused read is a record of the audit with its reason, and a refused order beside it needs a person", async () => {
    const rejection: Rejection = { reason: "role_missing", role: "on-call" };
    const reads = await recorded(
      each(() => rejection),
      { isRead: true },
    );
    expect(reads).toMatchObject([
      { outcome: "audit", what: "read_refused", subject: "role_missing", refusal: rejection, principal: job },
    ]);
    const orders = await recorded([rejection]);
    expect(orders).toMatchObject([{ outcome: "refused", what: "role_missing" }]);
    expect(orders[0]?.id).not.toBe(reads[0]?.id);
  });

  it("the same rejection makes another record when the ten minutes are over", async () => {
    const tries = Array.from({ length: 1_200 }, (): Rejection => ({ reason: "token_replayed" }));
    expect(await recorded(tries)).toHaveLength(2);
  });

  const replayed = (count: number) => Array.from({ length: count }, (): Rejection => ({ reason: "token_replayed" }));

  it("the ids of a repeat lead to the record that stands for it, and those of the first request are in it", async () => {
    const repeats = new Map<string, string>();
    const [{ id = "" } = {}] = await recorded(replayed(3), { repeats });
    const ids = ["r-1", "attempt-1", "r-2", "attempt-2"];
    expect(Object.fromEntries(repeats)).toEqual(Object.fromEntries(ids.map((one) => [one, id])));
  });

  it("if another process has made the record, the ids of the first request here lead to it too", async () => {
    const repeats = new Map<string, string>();
    const [{ id = "" } = {}] = await recorded(replayed(1), { repeats, isElsewhere: true });
    expect(Object.fromEntries(repeats)).toEqual({ "r-0": id, "attempt-0": id });
  });

  it("a caller that keeps trying costs a bounded number of writes, and as many again for the next record", async () => {
    const repeats = new Map<string, string>();
    await recorded(replayed(590), { repeats });
    expect(repeats.size).toBe(58);
    await recorded(replayed(1_190), { repeats });
    expect(repeats.size).toBeGreaterThan(58);
    expect(repeats.size).toBeLessThan(180);
  });
});

import { describe, expect, it } from "vitest";
import { type FirstWebhookNews, FirstWebhooks } from "../../../shared/delivery/first-webhooks.ts";
import { epochMillis, systemClock } from "../../../shared/host/clock.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import type { CredentialUse } from "../../../shared/store/credential-usage.ts";
import type { DeliveryStore } from "../../../shared/store/deliveries.ts";

const AT = epochMillis(1_793_600_000_000);
const deliveryOf = (source: string, more: Partial<RecordedDelivery> = {}): RecordedDelivery => ({
  id: "d-aaaaaaaaaaaaaaaaaaaaaaaaaa",
  source,
  provider: "gitlab",
  principal: { issuer: "i", subject: "s", method: "hub-signature", credential: "current", roles: [] },
  receivedAt: AT,
  requestId: "r",
  bodyDigest: "0",
  bodyBytes: 1,
  outcome: "event",
  what: "code.pushed",
  ...more,
});

function firstWebhooks({
  used = [],
  recorded = [],
  list = async ({ matches = () => true }) => ({ deliveries: recorded.filter(matches) }),
}: {
  readonly used?: readonly string[];
  readonly recorded?: readonly RecordedDelivery[];
  readonly list?: DeliveryStore["list"];
}) {
  const news: FirstWebhookNews[] = [];
  const uses = used.map(
    (name): CredentialUse => ({ kind: "source", name, method: "token", credential: "current", lastUsedAt: AT }),
  );
  const first = new FirstWebhooks({
    credentialUses: { list: async () => uses },
    deliveries: { list },
    clock: systemClock,
    report: (one) => void news.push(one),
  });
  return { first, news };
}

const refusalOf = (source: string, reason: string) => ({ source, reason, requestId: "r", receivedAt: AT });

describe("the first webhook of each source", () => {
  it("sources with a stored use or a recorded delivery are not waited for", async () => {
    const { first, news } = firstWebhooks({ used: ["wiki"], recorded: [deliveryOf("code")] });
    await first.expect(["wiki", "code", "ci"]);
    expect(news).toEqual([{ kind: "waiting", sources: ["ci"] }]);
    first.delivered(deliveryOf("wiki"));
    expect(news).toHaveLength(1);
  });

  it("a first webhook is reported once, and a reload does not wait for its source again", async () => {
    const { first, news } = firstWebhooks({});
    await first.expect(["wiki"]);
    first.delivered(deliveryOf("wiki"));
    first.delivered(deliveryOf("wiki"));
    await first.expect(["wiki", "ci"]);
    expect(news).toEqual([
      { kind: "waiting", sources: ["wiki"] },
      { kind: "arrived", source: "wiki", at: AT, method: "hub-signature", credential: "current" },
      { kind: "waiting", sources: ["ci"] },
    ]);
  });

  it("a webhook that arrives while the store is read counts", async () => {
    const { first, news } = firstWebhooks({
      list: async () => {
        first.delivered(deliveryOf("wiki"));
        return { deliveries: [] };
      },
    });
    await first.expect(["wiki"]);
    expect(news).toEqual([]);
  });

  it("a request without a proof and a replay do not count", async () => {
    const { first, news } = firstWebhooks({});
    await first.expect(["wiki"]);
    first.delivered(
      deliveryOf("wiki", { principal: { issuer: "", subject: "", method: "none", credential: "", roles: [] } }),
    );
    first.delivered(deliveryOf("wiki", { replay: { of: "d-b", routes: [], isRollback: false } }));
    expect(news).toHaveLength(1);
  });

  it("what shadow mode accepted without proof does not count, now or after a restart, whatever method refused it", async () => {
    const refusal = { reason: "token_expired", expiredBySeconds: 9 } as const;
    const unproved = deliveryOf("wiki", { refusal });
    const ignored = deliveryOf("code", { refusal, outcome: "ignored", what: "ping" });
    const { first, news } = firstWebhooks({ recorded: [unproved, ignored] });
    await first.expect(["wiki", "code"]);
    first.delivered(unproved);
    first.delivered(ignored);
    expect(news).toEqual([{ kind: "waiting", sources: ["wiki", "code"] }]);
    first.delivered(deliveryOf("wiki"));
    expect(news).toHaveLength(2);
  });

  it("a proved delivery that the settings of its source exclude counts", async () => {
    const { first, news } = firstWebhooks({});
    await first.expect(["code"]);
    const refusal = { reason: "project_not_listed", project: "x/y", source: "code" } as const;
    first.delivered(deliveryOf("code", { refusal, outcome: "ignored", what: refusal.reason }));
    expect(news).toHaveLength(2);
  });

  it("refusals are reported up to three times for each reason, then at powers of ten, until the source is proved", async () => {
    const { first, news } = firstWebhooks({});
    await first.expect(["wiki"]);
    for (let n = 0; n < 25; n += 1) first.refused(refusalOf("wiki", "signature_mismatch"));
    first.refused(refusalOf("wiki", "credential_missing"));
    first.refused(refusalOf("other", "signature_mismatch"));
    first.delivered(deliveryOf("wiki"));
    first.refused(refusalOf("wiki", "credential_missing"));
    const counts = news.flatMap((one) => (one.kind === "refused" ? [`${one.reason} ${one.count}`] : []));
    expect(counts).toEqual([
      "signature_mismatch 1",
      "signature_mismatch 2",
      "signature_mismatch 3",
      "signature_mismatch 10",
      "credential_missing 1",
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { CredentialUsage, RECORD_INTERVAL_MS } from "../../../shared/delivery/credential-usage.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import { Fault } from "../../../shared/host/fault.ts";
import type { LogFields } from "../../../shared/host/log.ts";
import { APPROVALS_SOURCE } from "../../../shared/model/bus-event.ts";
import type { CredentialUse } from "../../../shared/store/credential-usage.ts";
import { sampleDelivery } from "../../support/samples.ts";
import { silentLog } from "../../support/test-doubles.ts";

const START = Date.parse("2026-11-02T09:00:00Z");
const use = (afterMs = 0, changes: Partial<CredentialUse> = {}): CredentialUse => ({
  kind: "target",
  name: "listener",
  method: "secret",
  credential: "env:LISTENER",
  lastUsedAt: epochMillis(START + afterMs),
  ...changes,
});

function usageWith(failures = 0) {
  const written: CredentialUse[] = [];
  const lines: LogFields[] = [];
  let left = failures;
  const credentialUsage = new CredentialUsage({
    credentialUses: {
      record: async (usage) => {
        left -= 1;
        if (left >= 0) throw new Fault("store_unavailable", "down", { retryable: true });
        written.push(usage);
      },
    },
    log: { ...silentLog, warn: (fields) => void lines.push(fields) },
  });
  return { credentialUsage, written, lines };
}

describe("the last use of a credential", () => {
  it("the last use is written once an hour, however often the credential is used", async () => {
    const { credentialUsage, written } = usageWith();
    for (const afterMs of [0, 0, 1, RECORD_INTERVAL_MS - 1, RECORD_INTERVAL_MS, RECORD_INTERVAL_MS + 1])
      credentialUsage.record(use(afterMs));
    await credentialUsage.settled();
    expect(written).toEqual([use(0), use(RECORD_INTERVAL_MS)]);
  });

  it("each credential has its own last use", async () => {
    const { credentialUsage, written } = usageWith();
    const others = [{ name: "other" }, { kind: "source" as const }, { method: "basic" }, { credential: "env:OTHER" }];
    for (const changes of [{}, ...others]) credentialUsage.record(use(0, changes));
    await credentialUsage.settled();
    expect(written).toHaveLength(5);
  });

  it("a last use that cannot be written throws nothing, is logged, and is written at the next use", async () => {
    const { credentialUsage, written, lines } = usageWith(1);
    credentialUsage.record(use(0));
    await credentialUsage.settled();
    expect([written, lines]).toEqual([[], [{ target: "listener", error: "store_unavailable" }]]);
    credentialUsage.record(use(1));
    await credentialUsage.settled();
    expect(written).toEqual([use(1)]);
  });

  it("a proved delivery records the use of its source's credential when it was received, and an unproved one records nothing", async () => {
    const { credentialUsage, written } = usageWith();
    const delivery = sampleDelivery(1);
    credentialUsage.delivered({
      ...delivery,
      principal: { ...delivery.principal, method: "none", credential: "none" },
    });
    credentialUsage.delivered(delivery);
    await credentialUsage.settled();
    const { source: name, receivedAt: lastUsedAt, principal } = delivery;
    const { method, credential } = principal;
    expect(written).toEqual([{ kind: "source", name, method, credential, lastUsedAt }]);
  });

  it("a delivery that the bridge made for an approval or a replay records no use of a credential", async () => {
    const { credentialUsage, written } = usageWith();
    credentialUsage.delivered({ ...sampleDelivery(1), source: APPROVALS_SOURCE });
    credentialUsage.delivered({
      ...sampleDelivery(2),
      replay: { of: sampleDelivery(1).id, routes: ["docs-build"], isRollback: false },
    });
    await credentialUsage.settled();
    expect(written).toEqual([]);
  });

  it("an issuer's text is cut to the length that a key may have", async () => {
    const { credentialUsage, written } = usageWith();
    credentialUsage.record(use(0, { credential: "\u{20AC}".repeat(5_000) }));
    await credentialUsage.settled();
    expect(Buffer.byteLength(written[0]?.credential ?? "")).toBeLessThan(800);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Values } from "../../../shared/cli/kong/document.ts";
import { bucketHeader } from "../../../shared/cli/kong/lua.ts";
import { rejectOverRate } from "../../../shared/delivery/rate-limits.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import { policyOf } from "../../../shared/identity/policy.ts";
import type { Principal } from "../../../shared/model/principal.ts";
import type { RateUsage } from "../../../shared/model/request.ts";
import { kongConfig, renderedGolden } from "../../support/kong-documents.ts";
import { memoryStores } from "../../support/memory-stores.ts";
import { propertyCases } from "../../support/property-cases.ts";

const START = Date.UTC(2026, 10, 30, 12);
const MINUTE_MS = 60_000;

/**
 * What Kong's plugin rate-limiting answers with the policy `local`: a window is a minute of the clock, a refused request is
 * not counted, and `RateLimit-Reset` counts whole seconds of the minute from its start.
 */
function kongLimiter({ minute }: Values) {
  const counts = new Map<string, number>();
  return (bucket: string, now: number) => {
    const window = `${bucket} ${Math.floor(now / MINUTE_MS)}`;
    const limit = Number(minute);
    const used = counts.get(window) ?? 0;
    const isRefused = used >= limit;
    if (!isRefused) counts.set(window, used + 1);
    const resetSeconds = Math.max(1, 60 - Math.floor((now % MINUTE_MS) / 1000));
    return { isRefused, usage: { limit, remaining: Math.max(0, limit - used - 1), resetSeconds } };
  };
}

/** One request in a sequence: the job that sends it, and the time since the one before. */
const requests = fc.array(
  fc.record({ pipeline: fc.constantFrom("docs", "web", "api"), afterMs: fc.integer({ min: 0, max: 9_000 }) }),
  { maxLength: 60 },
);

describe("a rate limit at Kong and in the bridge", () => {
  it("answers the same sequence of requests in the same way, by job type", async () => {
    const minute = 4;
    const edit = (text: string) => text.replace("perMinute: 120", `perMinute: ${minute}`);
    const config = kongConfig("job-types", edit);
    const { consumers } = await renderedGolden("job-types", "oss", edit);
    const rendered = consumers.find(({ username }) => username === "drawbridge-agents-build")?.plugins[0]?.config ?? {};
    expect(rendered).toMatchObject({ minute, limit_by: "header", header_name: bucketHeader("job") });
    await fc.assert(
      fc.asyncProperty(requests, async (sequence) => {
        const atKong = kongLimiter(rendered);
        const { rateLimits } = memoryStores();
        const policy = policyOf(config.roles);
        let now = START;
        for (const { pipeline, afterMs } of sequence) {
          now += afterMs;
          const usages: RateUsage[] = [];
          const clock = { now: () => epochMillis(now), monotonic: () => now };
          const request = { counted: (usage: RateUsage) => void usages.push(usage) };
          const deps = { issuers: config.issuers, policy, rateLimits, clock };
          const rejection = await rejectOverRate(jobOf(pipeline), request, deps);
          const expected = atKong(pipeline, now);
          expect([rejection !== undefined, usages]).toEqual([expected.isRefused, [expected.usage]]);
          if (rejection?.reason === "rate_exceeded") {
            expect(rejection).toMatchObject({ perMinute: minute, retryAfterSeconds: expected.usage.resetSeconds });
          }
        }
      }),
      propertyCases("rate limits of Kong and the bridge", { weight: 10 }),
    );
  });
});

describe("a request over the limit of one role", () => {
  it("uses up nothing of another role, which others share, however often it comes", async () => {
    const config = kongConfig("job-types");
    const role = config.roles["job"];
    if (role === undefined) throw new Error("the golden configuration has the role job");
    const wide = { ...role, limit: { perMinute: 3, per: [] } };
    const builder = { ...role, limit: { perMinute: 1, per: [] } };
    const { rateLimits } = memoryStores();
    const clock = { now: () => epochMillis(START), monotonic: () => START };
    const deps = { issuers: {}, policy: policyOf({ wide, builder }), rateLimits, clock };
    const ask = async (roles: readonly string[]) => {
      const rejection = await rejectOverRate({ ...jobOf("docs"), roles }, {}, deps);
      return rejection?.reason === "rate_exceeded" ? rejection.role : rejection;
    };
    const both = ["wide", "builder"];
    expect(await ask(both)).toBeUndefined();
    for (let time = 0; time < 5; time++) expect(await ask(both)).toBe("builder");
    expect(await ask(["wide"])).toBeUndefined();
    expect(await ask(["wide"])).toBeUndefined();
    expect(await ask(["wide"])).toBe("wide");
  });
});

const jobOf = (pipeline: string): Principal => ({
  issuer: "https://agent.buildkite.com",
  subject: `pipeline:${pipeline}`,
  method: "oidc",
  credential: "agents-1",
  trustEntry: "agents-build",
  roles: ["job"],
  claims: { pipeline_slug: pipeline },
});

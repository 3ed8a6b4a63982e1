import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toSeconds } from "../../../shared/host/clock.ts";
import { readCompactJws } from "../../../shared/identity/compact-jws.ts";
import { explainToken } from "../../../shared/identity/explain-token.ts";
import type { PresentedToken } from "../../../shared/identity/presented-token.ts";
import { trustedAs } from "../../../shared/identity/verify-signature.ts";
import { createTokenVerifier } from "../../../shared/identity/verify-token.ts";
import { memoryReplayCache } from "../../support/memory-stores.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { bindingDeps, testClock } from "../../support/test-doubles.ts";
import { A, entryA, keyA } from "./attacking.ts";
import { holderKey, proofOf, requestOf, sha256 } from "./binding/binding.ts";
import { NOW, tokenOf } from "./tokens.ts";

const BODY = Buffer.from('{"state":"succeeded"}');
const certificate = Buffer.from("a certificate");
const holder = holderKey();
const clock = testClock();

/** The request that a token was made for, as far as one can be made. */
const requestFor = (token: string, scheme: PresentedToken["scheme"]): PresentedToken => ({
  scheme,
  token,
  request: requestOf({
    body: BODY,
    clientCertificate: certificate,
    header: scheme === "dpop" ? { dpop: proofOf(token, holder) } : {},
  }),
});

async function outcomesOf(claims: object, changes: object) {
  const entry = entryA(changes).a;
  const token = tokenOf(A, keyA, { claims });
  const read = readCompactJws(token);
  if (!read.ok) throw new Error("it is a token");
  const { outcome } = await explainToken(read.value, trustedAs("a", entry, { clock }), toSeconds(clock.now()));
  const verifier = createTokenVerifier({ a: entry }, { ...bindingDeps(clock), replayCache: memoryReplayCache() });
  const results = [];
  for (const scheme of ["bearer", "dpop"] as const)
    results.push(await verifier.verify(requestFor(token, scheme), ["a"]));
  return { explained: outcome === "accepted", accepted: results.some(({ ok }) => ok) };
}

describe("the explanation of a bound token", () => {
  /** The good value as often as all others together. */
  const mostly = (good: unknown, ...others: readonly unknown[]) =>
    fc.oneof(fc.constant(good), fc.constantFrom(...others));
  const cnf = fc.oneof(
    fc.constantFrom("x", null, [], {}, { kid: "k1" }, { jwk: {} }),
    fc.record({ jkt: mostly(holder.thumbprint, "x", `${holder.thumbprint.slice(0, -1)}=`, 1, null) }),
    fc.record({ "x5t#S256": mostly(sha256(certificate), "x", [], null) }),
    fc.constant({ jkt: holder.thumbprint, "x5t#S256": sha256(certificate), kid: "k1" }),
  );
  const body = mostly(sha256(BODY), sha256(BODY, "hex"), sha256(BODY, "hex").toUpperCase(), "x", "", 5, null, [""]);
  const times = mostly(
    {},
    { exp: NOW - 60 },
    { iat: NOW + 20 },
    { iat: NOW + 3, exp: NOW - 3 },
    { iat: NOW, exp: NOW },
  );
  const claims = fc.record({ cnf, body }, { requiredKeys: [] });
  const entry = fc.record(
    {
      proof: fc.constantFrom("dpop", "certificate"),
      bodyDigestClaim: fc.constant("body"),
      singleUse: fc.boolean(),
    },
    { requiredKeys: [] },
  );

  it("the explanation accepts exactly the tokens that some request can be accepted with", async () => {
    const chosen = propertyCases("bound tokens", { weight: 2 });
    const seen = { accepted: 0, rejected: 0 };
    // Unbound tokens are among them, so that the comparison always covers enough accepted ones.
    const cases = fc.oneof(
      { weight: 4, arbitrary: fc.tuple(claims, times, entry) },
      { weight: 1, arbitrary: fc.constant([{}, {}, {}] as const) },
    );
    await fc.assert(
      fc.asyncProperty(cases, async ([bound, time, changes]) => {
        const { explained, accepted } = await outcomesOf(Object.assign({}, bound, time), changes);
        seen[accepted ? "accepted" : "rejected"] += 1;
        expect(explained).toBe(accepted);
      }),
      chosen,
    );
    expect(Math.min(seen.accepted, seen.rejected)).toBeGreaterThan(chosen.numRuns / 10);
  }, 300_000);
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { busEventsOf } from "../../../shared/model/bus-event.ts";
import { boundIdentity } from "../../../shared/model/idempotency-keys.ts";
import { namedPrincipal, OWN_ISSUERS, principalIdOf, RESERVED_VOUCHERS } from "../../../shared/model/principal.ts";
import { sampleDelivery } from "../../support/samples.ts";

const IN_CLUSTER = "https://kubernetes.default.svc.cluster.local";
const ACCOUNT = "system:serviceaccount:docs-ci:deployer";

describe("the id of a principal", () => {
  it.each([
    [
      "prod-jobs:system:serviceaccount:docs-ci:deployer",
      { issuer: IN_CLUSTER, subject: ACCOUNT, trustEntry: "prod-jobs" },
    ],
    [
      "dev-jobs:system:serviceaccount:docs-ci:deployer",
      { issuer: IN_CLUSTER, subject: ACCOUNT, trustEntry: "dev-jobs" },
    ],
    ["source:wiki", { issuer: OWN_ISSUERS.source, subject: "wiki" }],
    ["unproved:wiki", { issuer: OWN_ISSUERS.unproved, subject: "wiki" }],
    ["bridge:approvals", { issuer: OWN_ISSUERS.bridge, subject: "approvals" }],
    ["issuer:https%3A%2F%2Fidp.example.test:ann", { issuer: "https://idp.example.test", subject: "ann" }],
  ])("%s names what vouches for the subject", (id, principal) => {
    expect(principalIdOf(principal)).toBe(id);
  });

  it("two principals have the same id only if the same trust entry or source vouches for the same subject", () => {
    const text = fc.string({ unit: fc.constantFrom("a", ":", "/", "%", "source"), maxLength: 4 });
    const entry = fc.constantFrom("prod", "dev", "sources", "a");
    const byToken = fc.record({ issuer: fc.constant(IN_CLUSTER), subject: text, trustEntry: entry });
    const own = fc.record({ issuer: fc.constantFrom(...Object.values(OWN_ISSUERS)), subject: entry });
    const earlier = fc.record({ issuer: text, subject: text });
    const principals = fc.oneof(byToken, own, earlier);
    fc.assert(
      fc.property(principals, principals, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        return isSame === (principalIdOf(one) === principalIdOf(other));
      }),
      { numRuns: 2_000 },
    );
    expect(RESERVED_VOUCHERS).toContain("source");
  });

  it("an event of a sender that only shadow mode let in never has the id of a proved one", () => {
    const principal = { ...sampleDelivery().principal, issuer: IN_CLUSTER, subject: ACCOUNT, trustEntry: "prod-jobs" };
    const refusal = { reason: "role_missing" } as const;
    const idOf = (changes: object) => busEventsOf(sampleDelivery(1, changes))[0]?.detail.principal;
    expect(idOf({ principal })).toEqual({ ...namedPrincipal(principal), roles: [] });
    expect(idOf({ principal, refusal })).toMatchObject({ id: `unproved:prod-jobs:${ACCOUNT}`, unproved: true });
    const unproved = { ...principal, issuer: OWN_ISSUERS.unproved, subject: "wiki", trustEntry: undefined };
    expect(idOf({ principal: unproved, refusal })).toMatchObject({ id: "unproved:wiki", unproved: true });
  });
});

describe("a bound identity", () => {
  it("no two texts become equal, although the result is short", () => {
    const LIMIT = 40;
    const text = fc.string({ unit: fc.constantFrom("a", "b", "😀", "\uD800", "…"), maxLength: 60 });
    const bound = (value: string): string => boundIdentity(value, LIMIT);
    fc.assert(
      fc.property(text, text, (one, other) => {
        fc.pre(one !== other);
        // The result of one text is a text that a sender may choose, too.
        const results = [bound(one), bound(other), ...(one.length < LIMIT ? [] : [bound(bound(one))])];
        return new Set(results).size === results.length && results.every(({ length }) => length <= LIMIT);
      }),
    );
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rulesIn } from "../../../shared/approvals/configured-rules.ts";
import { isOfUse } from "../../../shared/approvals/decide.ts";
import { peopleOf } from "../../../shared/approvals/people.ts";
import { missingText, progressOf, progressText, ruleOn } from "../../../shared/approvals/rules.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import type { Decision, Identity } from "../../../shared/model/approval.ts";
import { sourcePrincipal } from "../../../shared/model/principal.ts";
import { holder } from "../../support/gated-bridge.ts";

const at = epochMillis(0);
const PEOPLE = peopleOf({
  issuers: { people: { issuer: holder("x").issuer } },
  sources: [
    { name: "wiki", people: { "wiki-kim": { roles: [], token: { trust: "people", subject: "kim" } } } },
    { name: "forge", people: { "42": { roles: [], token: { trust: "people", subject: "kim" } } } },
  ],
});

const account = (actor: string, roles: readonly string[] = []): Identity => ({
  ...sourcePrincipal("wiki", "hub-signature", "current"),
  roles,
  actor,
});
const grantedBy = (...people: readonly Identity[]): readonly Decision[] => people.map((by) => ({ by, at }));
const approvedBy = (...people: readonly Identity[]) => ({
  requester: account("wiki-ann"),
  grants: grantedBy(...people),
});

const LEAD = ["lead"];
const SECURITY = ["security"];
const BOTH = [...LEAD, ...SECURITY];

describe("the rules of an approval", () => {
  it.each<[string, Parameters<typeof rulesIn>[0], readonly Identity[], [number, readonly string[]]]>([
    ["one person is enough by default", {}, [holder("kim")], [0, []]],
    ["nobody is not enough", {}, [], [1, []]],
    ["one of two people is missing", { approvers: 2 }, [holder("kim")], [1, []]],
    ["two people are two", { approvers: 2 }, [holder("kim"), holder("lee")], [0, []]],
    ["a person counts once", { approvers: 2 }, [holder("kim"), holder("kim")], [1, []]],
    ["a linked account and its token are one person", { approvers: 2 }, [account("wiki-kim"), holder("kim")], [1, []]],
    ["two accounts that a token links are one person", { approvers: 2 }, [account("wiki-kim"), account("42")], [1, []]],
    ["the requester does not count", { approvers: 2 }, [account("wiki-ann"), holder("kim")], [1, []]],
    ["each role asks for a person", { fromRoles: BOTH }, [holder("kim", LEAD)], [1, SECURITY]],
    ["one person with both roles is one", { fromRoles: BOTH }, [holder("kim", BOTH)], [1, SECURITY]],
    [
      "somebody with both roles stands for the one that is missing",
      { fromRoles: BOTH },
      [holder("kim", BOTH), holder("lee", LEAD)],
      [0, []],
    ],
    [
      "enough people without a role are not enough",
      { approvers: 2, fromRoles: SECURITY },
      [holder("kim", LEAD), holder("lee", LEAD)],
      [1, SECURITY],
    ],
    [
      "further people may come from any role",
      { approvers: 3, fromRoles: SECURITY },
      [holder("kim", SECURITY), holder("lee", LEAD)],
      [1, []],
    ],
    ["a role that is named twice asks for two", { fromRoles: ["lead", "lead"] }, [holder("kim", LEAD)], [1, LEAD]],
  ])("%s", (_, approval, people, [missing, missingRoles]) => {
    const lacks = missing === 0 ? [] : [{ missing, missingRoles }];
    expect(ruleOn(approvedBy(...people), rulesIn(approval), PEOPLE)).toMatchObject({ missing, lacks });
  });

  it.each<[string, Partial<Decision>, number]>([
    ["is enough alone", {}, 0],
    ["does not count if the route does not name its role", { as: ["other"] }, 2],
    ["does not count without a role", { as: [] }, 2],
    ["does not count if the requester gave it", { by: account("wiki-ann") }, 2],
    ["is no grant of one of several people", { as: ["other"], by: holder("kim", SECURITY) }, 2],
  ])("an emergency grant %s", (_, changes, missing) => {
    const grant: Decision = { by: holder("kim"), at, as: ["incident"], emergency: true, ...changes };
    const rules = rulesIn({ approvers: 2, fromRoles: SECURITY, emergency: ["incident"] });
    const approval = { ...approvedBy(), grants: [grant] };
    expect(ruleOn(approval, rules, PEOPLE).missing).toBe(missing);
    expect(progressOf(approval, rules, PEOPLE) === undefined).toBe(missing === 0);
  });

  it("the missing people are as many as the best assignment of roles leaves, in whatever order people granted", () => {
    fc.assert(
      fc.property(grants, lists, fc.integer({ min: 1, max: 4 }), (people, fromRoles, approvers) => {
        const ruling = ruleOn(approvedBy(...holders(people)), rulesIn({ approvers, fromRoles }), PEOPLE);
        const best = fromRoles.length - mostCovered(fromRoles, people);
        const missing = Math.max(Math.max(approvers, fromRoles.length) - people.length, best);
        expect(ruling.missing).toBe(missing);
        expect(ruling.lacks.map(({ missingRoles }) => missingRoles.length)).toEqual(missing === 0 ? [] : [best]);
      }),
      { numRuns: 200 },
    );
  });

  it("of several lists of roles, the one that the best assignment leaves the fewest of is what is missing", () => {
    const of = fc.array(fc.array(role, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(grants, of, (people, lists) => {
        const ruling = ruleOn(approvedBy(...holders(people)), rulesIn({ of: lists }), PEOPLE);
        const lacks = lists.map((roles) => roles.length - mostCovered(roles, people));
        expect(ruling.missing).toBe(Math.min(...lacks));
        expect(ruling.lacks.map(({ missing }) => missing)).toEqual(lacks.includes(0) ? [] : lacks);
      }),
      { numRuns: 300 },
    );
  });

  it("whoever grants only what is of use completes a list, if the people are there", () => {
    const of = fc.array(fc.array(role, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(grants, of, (people, lists) => {
        const rules = rulesIn({ of: lists });
        let approval = approvedBy();
        for (const grant of grantedBy(...holders(people))) {
          if (ruleOn(approval, rules, PEOPLE).missing > 0 && isOfUse(approval, grant, rules, PEOPLE))
            approval = { ...approval, grants: [...approval.grants, grant] };
        }
        const isPossible = lists.some((roles) => mostCovered(roles, people) === roles.length);
        expect(ruleOn(approval, rules, PEOPLE).missing === 0).toBe(isPossible);
      }),
      { numRuns: 300 },
    );
  });

  it("the progress names who has granted and from which role somebody is missing", () => {
    const rules = rulesIn({ fromRoles: BOTH });
    const progress = progressOf(approvedBy(account("wiki-kim", LEAD)), rules, PEOPLE);
    expect(progress && progressText(progress)).toBe("1 of 2 approved: wiki-kim of wiki; missing: 1 (from security)");
    expect(progressOf(approvedBy(), rulesIn({}), PEOPLE)).toBeUndefined();
  });

  it("the progress names every list that is enough, the nearest one first", () => {
    const rules = rulesIn({ of: [["sre"], ["qa", "release"], ["lead", "qa", "release"]] });
    const nobody = progressOf(approvedBy(), rules, PEOPLE);
    expect(nobody && progressText(nobody)).toBe(
      "0 of 1 approved; missing: 1 (from sre, or qa and release, or lead and qa and release)",
    );
    const progress = progressOf(approvedBy(account("wiki-kim", ["qa"])), rules, PEOPLE);
    expect(progress && progressText(progress)).toBe(
      "1 of 2 approved: wiki-kim of wiki; missing: 1 (from sre, or release, or lead and release)",
    );
    expect(missingText(["sre", "qa", "release"], progress)).toBe(
      "one person with the role sre or qa or release, one each from sre, or release, or lead and release",
    );
    expect(progressOf(approvedBy(account("wiki-kim", ["sre"])), rules, PEOPLE)).toMatchObject({
      needed: 1,
      missingRoles: [],
    });
  });
});

const role = fc.constantFrom("a", "b", "c");
const grants = fc.array(fc.subarray(["a", "b", "c"]), { maxLength: 4 });
const lists = fc.array(role, { maxLength: 3 });
const holders = (people: readonly (readonly string[])[]): readonly Identity[] =>
  people.map((held, n) => holder(`person-${n}`, held));

/** Tries each assignment. */
function mostCovered([role, ...others]: readonly string[], people: readonly (readonly string[])[]): number {
  if (role === undefined) return 0;
  const counts = people.flatMap((held, n) =>
    held.includes(role) ? [1 + mostCovered(others, people.toSpliced(n, 1))] : [],
  );
  return Math.max(mostCovered(others, people), ...counts);
}

import * as fc from "fast-check";
import { expect, it } from "vitest";
import { rulesIn } from "../../../shared/approvals/configured-rules.ts";
import type { GroupAnswer, Groups } from "../../../shared/approvals/groups.ts";
import { peopleOf } from "../../../shared/approvals/people.ts";
import { standingOf } from "../../../shared/approvals/standing.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import type { Approval, Decision } from "../../../shared/model/approval.ts";
import { sourcePrincipal } from "../../../shared/model/principal.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { noSites } from "../../support/test-doubles.ts";

const AT = epochMillis(1_793_610_000_000);
const ROLES = ["manager", "security"];

/** What is known of one person who granted the run. */
interface Known {
  /** The roles of the list; undefined if it does not name the account with roles. */
  readonly listed: readonly string[] | undefined;
  /** The roles by groups, and whether something is unknown; undefined if the source has no groups any more. */
  readonly answer: { readonly roles: readonly string[]; readonly isUnknown: boolean } | undefined;
  readonly granted: readonly string[];
}

const roles = fc.subarray(ROLES);
const known: fc.Arbitrary<Known> = fc.record({
  listed: fc.option(roles, { nil: undefined }),
  answer: fc.option(fc.record({ roles, isUnknown: fc.boolean() }), { nil: undefined }),
  granted: fc.subarray(ROLES, { minLength: 1 }),
});

const approvalWith = (grants: readonly Decision[]): Approval => ({
  id: "p-1",
  route: "docs",
  action: "a-1",
  delivery: "d-1",
  subject: "98310",
  requester: { ...sourcePrincipal("wiki", "signature", "current"), actor: "ann" },
  approvers: ROLES,
  requestedAt: AT,
  until: AT,
  state: "granted",
  grants,
});

it("a run fires only with roles that the list or the groups give now, and is void only if nothing is unknown", async () => {
  const people = fc.array(known, { minLength: 1, maxLength: 4 });
  const needed = fc.integer({ min: 1, max: 3 });
  await fc.assert(
    fc.asyncProperty(people, needed, fc.subarray(ROLES), async (given, approvers, fromRoles) => {
      const accounts = given.map((one, at) => ({ ...one, account: `kim-${at}` }));
      const rules = rulesIn({ approvers, fromRoles });
      const groups: Groups = {
        has: () => true,
        ask: async (source, account): Promise<GroupAnswer | undefined> => {
          const answer = accounts.find((one) => one.account === account)?.answer;
          const unknown = { why: "no answer", afterSeconds: 7 };
          return (
            answer && {
              ...{ source, target: "pages", groups: [], asked: ["releases"], askedAt: AT, roles: answer.roles },
              ...(answer.isUnknown && { unknown }),
            }
          );
        },
      };
      const list = Object.fromEntries(
        accounts.flatMap(({ account, listed }) => (listed ? [[account, { roles: listed }]] : [])),
      );
      const grants = accounts.map(
        ({ account, granted }): Decision => ({
          by: { ...sourcePrincipal("wiki", "signature", "current"), actor: account },
          at: AT,
          as: granted,
          fromGroups: { source: "wiki", target: "pages", groups: ["releases"], askedAt: AT },
        }),
      );
      const deps = {
        people: peopleOf({ issuers: {}, sources: [{ name: "wiki", people: list }] }),
        rules: new Map([["docs", rules]]),
        groups,
        sites: noSites,
      };
      const { result } = await standingOf(approvalWith(grants), deps);

      const held = accounts.map(({ listed, answer, granted }) =>
        granted.filter((role) => (listed ?? answer?.roles ?? []).includes(role)),
      );
      const isOpen = accounts.some(
        ({ listed, answer, granted }, at) => !listed && answer?.isUnknown && (held[at]?.length ?? 0) < granted.length,
      );
      const isEnough =
        held.filter((one) => one.length > 0).length >= Math.max(approvers, fromRoles.length) && covers(fromRoles, held);
      const otherwise = isOpen ? "unknown" : "void";
      expect(result).toBe(isEnough ? "stands" : otherwise);
    }),
    propertyCases("who still has a role"),
  );
});

/** Whether each role can be given to a person of its own. Tries all ways. */
function covers([role, ...others]: readonly string[], held: readonly (readonly string[])[]): boolean {
  if (role === undefined) return true;
  return held.some((one, at) => one.includes(role) && covers(others, held.toSpliced(at, 1)));
}

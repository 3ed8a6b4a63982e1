import * as v from "valibot";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type AccessDeps,
  type AccessVerdict,
  accessDecisionsOf,
  accessState,
  accessUntil,
  decideAccess,
  isAccessKnownTo,
  requestAccess,
  rolesForNow,
} from "../../shared/approvals/access.ts";
import { peopleOf } from "../../shared/approvals/people.ts";
import { toIso } from "../../shared/host/clock.ts";
import { policyOf, type Roles, role } from "../../shared/identity/policy.ts";
import { type Access, MAX_OPEN_MS } from "../../shared/model/access.ts";
import type { Principal } from "../../shared/model/principal.ts";
import { openStores, type Stores } from "../../shared/store/open-stores.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";
import { type TestClock, testClock } from "../support/test-doubles.ts";
import { entryOf } from "../unit/identity/tokens.ts";

const ISSUER = "https://idp.example.test";
const issuers = {
  people: entryOf({ issuer: ISSUER }),
  others: entryOf({ issuer: ISSUER }),
  elsewhere: entryOf({ issuer: "https://other.example.test" }),
  gitlab: entryOf({ issuer: "https://gitlab.com", preset: "gitlab" }),
  github: entryOf({ issuer: "https://token.actions.githubusercontent.com", preset: "github" }),
  unnamed: entryOf({ issuer: "https://token.actions.githubusercontent.com" }),
  jobs: entryOf({ issuer: "https://gitlab.example.test", preset: "gitlab" }),
  secondOfJobs: entryOf({ issuer: "https://gitlab.example.test" }),
  pods: entryOf({ issuer: "https://cluster.example.test", preset: "kubernetes" }),
};
const person = (subject: string, roles: readonly string[], changes: Partial<Principal> = {}): Principal => ({
  issuer: ISSUER,
  subject,
  method: "oidc",
  credential: "k",
  trustEntry: "people",
  roles,
  ...changes,
});
const kim = person("kim", ["developer"]);
const max = person("max", ["on-call"]);
const eve = person("eve", ["on-call", "developer"]);

const rolesWith = (incident: object = {}): Roles => ({
  developer: v.parse(role, {}),
  "on-call": v.parse(role, {}),
  lead: v.parse(role, {}),
  confined: v.parse(role, { in: { projects: ["docs/*"] } }),
  incident: v.parse(role, {
    replay: ["*"],
    onRequest: { by: ["developer"], approvedBy: ["on-call", "confined"], maxMinutes: 60, ...incident },
  }),
  root: v.parse(role, { onRequest: { by: ["incident"], approvedBy: ["incident"], maxMinutes: 60 } }),
});

const MINUTE = 60_000;

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`roles for a time on ${title}`, () => {
    let database: TestDatabase;
    let stores: Stores;
    let clock: TestClock;
    let recorded: string[];
    const open = (table: Parameters<typeof openStores>[0]) =>
      openStores(table, { retentionDays: 30, markUnrelayed: true, clock });
    beforeAll(async () => {
      database = await kind.start();
    }, 60_000);
    afterAll(() => database?.stop());
    beforeEach(async () => {
      clock = testClock();
      recorded = [];
      stores = open((await database.freshTable()).table);
    });

    const deps = (roles = rolesWith(), access: AccessDeps["access"] = stores.access): AccessDeps => ({
      config: { roles, issuers },
      access,
      policy: policyOf(roles),
      people: peopleOf({
        issuers,
        sources: [{ name: "wiki", people: { "71": { token: { trust: "elsewhere", subject: "kim-admin" } } } }],
      }),
      clock,
      record: async (act) => void recorded.push(act),
    });
    let keys = 0;
    const request = (by: Principal, changes: object = {}, given = deps()) =>
      requestAccess(by, { role: "incident", minutes: 30, reason: "INC-1", key: `k-${keys++}`, ...changes }, given);
    const requested = async (by = kim, changes: object = {}): Promise<Access> => {
      const placed = await request(by, changes);
      if (!placed.ok) throw new Error(placed.rejection.reason);
      return placed.value.access;
    };
    const decide = (id: string, by: Principal, decision: AccessVerdict["decision"], given = deps()) =>
      decideAccess(id, { decision, by }, given);
    const granted = async (by = kim): Promise<Access> => {
      const decided = await decide((await requested(by)).id, max, "grant");
      if (!decided.ok) throw new Error(decided.rejection.reason);
      return decided.value;
    };
    const held = async (by: Principal = kim, given = deps()) => Object.keys(await rolesForNow(by, given));

    it("a role counts from the grant for the time that was asked for, and for nobody else", async () => {
      const { id } = await requested();
      expect(await held()).toEqual([]);
      clock.advance(20 * MINUTE);
      expect(await decide(id, max, "grant")).toMatchObject({ ok: true, value: { state: "granted" } });
      expect(await rolesForNow(kim, deps())).toEqual({ incident: id });
      for (const other of [
        person("lou", ["developer"]),
        person("kim", ["developer"], { issuer: "https://other.example.test", trustEntry: "elsewhere" }),
        person("kim", []),
      ])
        expect(await held(other)).toEqual([]);
      expect(await held({ ...kim, trustEntry: "others" })).toEqual(["incident"]);
      clock.advance(30 * MINUTE - 1);
      expect(await held()).toEqual(["incident"]);
      clock.advance(1);
      expect(await held()).toEqual([]);
    });

    it("another process, and one after a restart, reads what was granted and revoked at once", async () => {
      const { table } = await database.freshTable();
      stores = open(table);
      const { id } = await granted();
      const later = deps(rolesWith(), open(table).access);
      expect(await held(kim, later)).toEqual(["incident"]);
      await decide(id, max, "revoke");
      expect(await held(kim, later)).toEqual([]);
    });

    it("nobody grants their own request: not by another trust entry, and not by a linked account", async () => {
      const { id } = await requested();
      const own = { ...kim, roles: ["on-call"] };
      for (const by of [
        own,
        { ...own, trustEntry: "others" },
        { ...own, claims: { act: "bot" } },
        person("bot", ["on-call"], { claims: { act: "kim" } }),
      ])
        expect(await decide(id, by, "grant")).toMatchObject({ rejection: { reason: "self_approval" } });
      // The configuration says that the account 71 is Kim's, and that this token is of the same person.
      const linked = await requested(person("71", ["developer"]));
      const admin = person("kim-admin", ["on-call"], { issuer: "https://other.example.test", trustEntry: "elsewhere" });
      expect(await decide(linked.id, admin, "grant")).toMatchObject({ rejection: { reason: "self_approval" } });
      expect(await held()).toEqual([]);
    });

    it("neither an agent, a job nor a source requests or grants a role, or holds one", async () => {
      await granted();
      const machines = [
        { ...kim, claims: { act: "agent-7" } },
        ...["gitlab", "github", "unnamed", "secondOfJobs", "pods", "constructor"].map((trustEntry) => ({
          ...kim,
          trustEntry,
        })),
        person("wiki", ["developer"], { issuer: "drawbridge:source", trustEntry: "" }),
      ];
      for (const by of machines)
        expect(await request(by)).toMatchObject({ ok: false, rejection: { reason: "person_needed" } });
      const { id } = await requested(person("lou", ["developer"]));
      for (const by of [
        { ...max, claims: { act: "agent-7" } },
        { ...max, trustEntry: "github" },
        { ...max, trustEntry: "secondOfJobs" },
      ])
        expect(await decide(id, by, "grant")).toMatchObject({ rejection: { reason: "person_needed" } });
    });

    it("somebody with the same name at another issuer, and a job of the person, neither see nor end a role", async () => {
      const seven = person("7", ["developer"]);
      const names = [
        person("7", [], { issuer: "https://other.example.test", trustEntry: "elsewhere" }),
        person("project_path:a/b", [], { trustEntry: "gitlab", claims: { user_id: "7" } }),
        person("bot", [], { claims: { act: "7" } }),
      ];
      const isHidden = async (id: string) => {
        const one = (await (await stores.access()).get(id)) as Access;
        for (const by of names) {
          expect(isAccessKnownTo(by, one, deps())).toBe(false);
          expect(accessDecisionsOf(one, by, deps())).toEqual([]);
          expect(await decide(id, by, "revoke")).toMatchObject({ rejection: { reason: "approval_unknown" } });
        }
      };
      const { id } = await requested(seven);
      await isHidden(id);
      await decide(id, max, "grant");
      await isHidden(id);
      expect(await held(seven)).toEqual(["incident"]);
      // Whoever may end it as an approver does not take it back for the person.
      const [other] = names.map((one) => ({ ...one, roles: ["on-call"] }));
      expect(await decide(id, other as Principal, "revoke")).toMatchObject({ value: { state: "revoked" } });
      await isHidden(id);
      expect(await decide((await requested(seven)).id, { ...seven, trustEntry: "others" }, "revoke")).toMatchObject({
        value: { state: "withdrawn" },
      });
    });

    it.each<[string, Principal, object, string]>([
      ["without a role under `by`", max, {}, "role_missing"],
      ["for a role that cannot be requested", kim, { role: "on-call" }, "role_missing"],
      ["for a role that there is not", kim, { role: "constructor" }, "role_missing"],
      ["for a role of the token", person("kim", ["developer", "incident"]), {}, "body_invalid"],
      ["for longer than the configuration allows", kim, { minutes: 61 }, "body_invalid"],
    ])("a request is refused %s", async (_, by, changes, reason) => {
      expect(await request(by, changes)).toMatchObject({ ok: false, rejection: { reason } });
      expect(recorded).toEqual([]);
    });

    it("who may not decide is refused, and to strangers the request does not exist", async () => {
      const { id } = await requested();
      const decisions = [
        ["stranger", person("lou", ["developer"]), "approval_unknown"],
        ["confined", person("lou", ["confined"]), "approval_unknown"],
        ["requester", kim, "role_missing"],
      ] as const;
      for (const [, by, reason] of decisions)
        expect(await decide(id, by, "grant")).toMatchObject({ rejection: { reason } });
      expect(await decide("x-1", max, "grant")).toMatchObject({ rejection: { reason: "approval_unknown" } });
      expect(await decide(id.replace(/\d+$/, "2"), max, "grant")).toMatchObject({
        rejection: { reason: "approval_unknown" },
      });
      const one = (await (await stores.access()).get(id)) as Access;
      expect(accessDecisionsOf(one, max, deps())).toEqual(["grant", "deny", "revoke"]);
      expect(accessDecisionsOf(one, kim, deps())).toEqual(["revoke"]);
      expect(accessDecisionsOf(one, eve, deps())).toEqual(["grant", "deny", "revoke"]);
    });

    it("a role that is held for a time neither requests nor grants another one", async () => {
      await granted();
      expect(await request(kim, { role: "root" })).toMatchObject({ rejection: { reason: "role_missing" } });
    });

    it("while one waits or counts, another request for the role is the same one; after its end it is a new one", async () => {
      const first = await requested();
      expect(await request(kim, { minutes: 5 })).toMatchObject({ value: { isNew: false, access: { id: first.id } } });
      await decide(first.id, max, "grant");
      expect(await request(kim)).toMatchObject({ value: { isNew: false, access: { state: "granted" } } });
      clock.advance(30 * MINUTE);
      const second = await requested();
      expect(second.id).not.toBe(first.id);
      expect(await decide(first.id, max, "revoke")).toMatchObject({
        rejection: { reason: "approval_closed", state: "ended", by: "time" },
      });
      await decide(second.id, max, "deny");
      const third = await requested();
      expect(await decide(second.id, max, "deny")).toMatchObject({ ok: true, value: { state: "denied" } });
      expect(await decide(third.id, max, "grant")).toMatchObject({ ok: true });
      expect(await held()).toEqual(["incident"]);
    });

    it("a key is one request for ever, and of one person", async () => {
      const { id } = await requested(kim, { key: "k" });
      await decide(id, max, "deny");
      expect(await request(kim, { key: "k" })).toMatchObject({
        value: { isNew: false, access: { id, state: "denied" } },
      });
      expect(await request(kim, { key: "k", minutes: 5 })).toMatchObject({
        rejection: { reason: "idempotency_key_reused" },
      });
      expect(await request(person("lou", ["developer"]), { key: "k" })).toMatchObject({ value: { isNew: true } });
    });

    it("of any number of requests at once one is stored, and of any number of decisions one counts", async () => {
      const all = await Promise.all(Array.from({ length: 6 }, () => request(kim)));
      expect(new Set(all.map((one) => one.ok && one.value.access.id)).size).toBe(1);
      expect(all.filter((one) => one.ok && one.value.isNew)).toHaveLength(1);
      const [first] = all;
      const id = first?.ok ? first.value.access.id : "";
      const decisions = await Promise.all([decide(id, max, "grant"), decide(id, eve, "deny"), decide(id, max, "deny")]);
      expect(decisions.filter(({ ok }) => ok)).toHaveLength(1);
      const { state } = (await (await stores.access()).get(id)) as Access;
      expect(await held()).toEqual(state === "granted" ? ["incident"] : []);
    });

    it("a request that nobody decides expires, and none can be granted then", async () => {
      const access = await requested();
      clock.advance(60 * MINUTE - 1);
      expect(accessState(access, deps())).toBe("requested");
      clock.advance(1);
      expect(accessState(access, deps())).toBe("expired");
      expect(await decide(access.id, max, "grant")).toMatchObject({
        rejection: { reason: "approval_closed", state: "expired", by: "time" },
      });
      expect(await held()).toEqual([]);
    });

    it("a role ends at once when its holder or an approver ends it, and the same person may repeat that", async () => {
      const mine = await granted();
      expect(await decide(mine.id, kim, "revoke")).toMatchObject({ ok: true, value: { state: "withdrawn" } });
      expect(await decide(mine.id, kim, "revoke")).toMatchObject({ ok: true, value: { state: "withdrawn" } });
      expect(await held()).toEqual([]);
      expect(await decide(mine.id, eve, "revoke")).toMatchObject({ rejection: { reason: "approval_closed" } });
      const theirs = await granted();
      clock.advance(MINUTE);
      expect(await decide(theirs.id, eve, "revoke")).toMatchObject({ ok: true, value: { state: "revoked" } });
      expect(await held()).toEqual([]);
      const { until, decision, end } = (await (await stores.access()).get(theirs.id)) as Access;
      expect(toIso(until)).toBe(toIso(clock.now()));
      expect([decision?.by.subject, end?.by.subject]).toEqual(["max", "eve"]);
      expect(await decide(theirs.id, max, "grant")).toMatchObject({ rejection: { reason: "approval_closed" } });
    });

    it("it never gives more than the configuration says now", async () => {
      const access = await granted();
      const { incident: _, ...without } = rolesWith();
      const unrequestable = { ...rolesWith(), incident: v.parse(role, {}) };
      for (const roles of [without, unrequestable, rolesWith({ by: ["on-call"] })])
        expect(await held(kim, deps(roles))).toEqual([]);
      expect(await held(kim, deps(rolesWith({ approvedBy: ["developer"] })))).toEqual(["incident"]);
      const shorter = deps(rolesWith({ maxMinutes: 10 }));
      expect(await held(kim, shorter)).toEqual(["incident"]);
      clock.advance(10 * MINUTE);
      expect(await held(kim, shorter)).toEqual([]);
      expect(accessState(access, shorter)).toBe("ended");
      expect(await held()).toEqual(["incident"]);
    });

    it("once its requester might not request it, a request can neither be granted nor is shown as held, until it may be again", async () => {
      const held = await granted();
      const waits = await requested(person("lou", ["developer"]));
      const others = deps(rolesWith({ by: ["on-call"] }));
      expect([accessState(held, others), accessState(waits, others)]).toEqual(["ended", "expired"]);
      expect(accessDecisionsOf(held, max, others)).toEqual([]);
      expect(await decide(waits.id, max, "grant", others)).toMatchObject({
        rejection: { reason: "approval_closed", state: "expired", by: "time" },
      });
      expect([accessState(held, deps()), accessState(waits, deps())]).toEqual(["granted", "requested"]);
      expect(await decide(waits.id, max, "grant")).toMatchObject({ ok: true, value: { state: "granted" } });
    });

    it("whoever may grant a role now may revoke it, and who granted it when they might may not", async () => {
      const { id } = await granted();
      const moved = deps(rolesWith({ approvedBy: ["lead"] }));
      expect(await decide(id, max, "revoke", moved)).toMatchObject({ rejection: { reason: "approval_unknown" } });
      const lead = person("lea", ["lead"]);
      expect(await decide(id, lead, "revoke", moved)).toMatchObject({ ok: true, value: { state: "revoked" } });
      const own = await granted();
      expect(await decide(own.id, kim, "revoke", moved)).toMatchObject({ ok: true, value: { state: "withdrawn" } });
    });

    it("a grant gives no more time than the configuration allows when it is given", async () => {
      const { id } = await requested();
      const shorter = deps(rolesWith({ maxMinutes: 10 }));
      const decided = await decide(id, max, "grant", shorter);
      if (!decided.ok) throw new Error(decided.rejection.reason);
      expect(accessUntil(decided.value, deps()) - clock.now()).toBe(10 * MINUTE);
    });

    it("a clock that is set back gives no role before its grant, and one that is set forward ends it", async () => {
      await granted();
      clock.set(-5 * MINUTE);
      expect(await held()).toEqual([]);
      clock.set(5 * MINUTE);
      expect(await held()).toEqual(["incident"]);
      clock.set(31 * MINUTE);
      expect(await held()).toEqual([]);
    });

    it("the list has each request that may be open, across midnight, and none that is long over", async () => {
      clock.set(14 * 60 * MINUTE + 50 * MINUTE);
      const early = await requested();
      clock.advance(20 * MINUTE);
      const late = await requested(person("lou", ["developer"]));
      const list = async () => (await (await stores.access()).recent()).map(({ id }) => id);
      expect(await list()).toEqual([late.id, early.id]);
      clock.advance(25 * 60 * MINUTE);
      expect(await list()).toEqual([late.id]);
    });

    it("a person places 20 requests within 25 hours, whatever became of them, and each other one is still listed", async () => {
      const waits = await requested(person("lou", ["developer"]));
      const first = await requested(kim, { key: "first" });
      await decide(first.id, kim, "revoke");
      for (let n = 2; n <= 20; n++) {
        clock.advance(1);
        await decide((await requested()).id, kim, "revoke");
      }
      const tooMany = {
        ok: false,
        rejection: { reason: "access_too_many", limit: 20, retryAfterSeconds: MAX_OPEN_MS / 1_000 },
      };
      expect(await request(kim)).toEqual(tooMany);
      expect(await request(kim, { role: "incident" })).toEqual(tooMany);
      expect(recorded.filter((act) => act === "access_requested")).toHaveLength(21);
      expect(await request(kim, { key: "first" })).toMatchObject({ value: { isNew: false, access: { id: first.id } } });
      const list = await (await stores.access()).recent();
      expect([list.length, list.at(-1)?.id]).toEqual([21, waits.id]);
      // As soon as the oldest one is in no list any more, there is place for one.
      clock.advance(MAX_OPEN_MS - 20);
      expect(await request(kim)).toMatchObject({ ok: false, rejection: { retryAfterSeconds: 1 } });
      clock.advance(1);
      const next = await requested();
      expect(await request(kim)).toMatchObject({ value: { isNew: false, access: { id: next.id } } });
      await decide(next.id, kim, "revoke");
      expect(await request(kim)).toMatchObject({ ok: false, rejection: { reason: "access_too_many" } });
    });

    it("each step is recorded before it is taken", async () => {
      const unrecorded: AccessDeps = {
        ...deps(),
        record: async () => {
          throw new Error("the record cannot be written");
        },
      };
      await expect(request(kim, {}, unrecorded)).rejects.toThrow();
      expect(await (await stores.access()).of(kim)).toEqual([]);
      const { id } = await requested();
      await expect(decide(id, max, "grant", unrecorded)).rejects.toThrow();
      expect(await held()).toEqual([]);
      await decide(id, max, "grant");
      await decide(id, max, "revoke");
      expect(recorded).toEqual(["access_requested", "access_granted", "access_ended"]);
    });
  });
}

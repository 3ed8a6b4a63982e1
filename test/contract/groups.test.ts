import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LookUpDeps } from "../../shared/actions/action.ts";
import { actions } from "../../shared/actions/registry.ts";
import { callOut } from "../../shared/host/call-out.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { Membership } from "../../shared/model/approval.ts";
import { propertyCases } from "../support/property-cases.ts";
import { GROUPS_TOKEN, type SandboxGroups, startSandboxGroups } from "../support/sandbox-groups.ts";
import { actionDeps, secretsOf } from "../support/test-doubles.ts";

interface Kind {
  readonly kind: "gitlab" | "confluence";
  readonly settings: () => object;
  readonly account: string;
  /** Removes the person from the site, without touching groups. */
  readonly deactivate: () => void;
  /** Whether the path is the one that lists groups or members. */
  readonly lists: (path: string) => boolean;
}

let site: SandboxGroups;
beforeEach(async () => {
  site = await startSandboxGroups();
  for (const account of [KEY, ACCOUNT_ID, USER_ID]) site.members.set(account, { groups: [], status: "active" });
  for (const group of [...WANTED, OTHER]) site.known.add(group);
});
afterEach(() => site.close());

const KEY = "ff80818b8e2a4c6f018e2a51b7d40002";
const ACCOUNT_ID = "557058:7c1d2e3f-8a9b-4c0d-b1e2-f3a4b5c6d7e8";
const USER_ID = "4711";
const WANTED = ["platform/releases", "Security Team"];
const OTHER = "platform";

const personOf = (account: string) => {
  const member = site.members.get(account);
  if (member === undefined) throw new Error("the site has the account");
  return member;
};

const confluenceOf = (product: "cloud" | "data-center", account: string): Kind => ({
  kind: "confluence",
  settings: () => ({
    product,
    site: product === "cloud" ? `${site.origin}/wiki` : site.origin,
    credential: { bearer: "env:TOKEN" },
  }),
  account,
  deactivate: () => {
    personOf(account).status = "deactivated";
  },
  lists: (path) => path.endsWith("/memberof"),
});
const gitlab: Kind = {
  kind: "gitlab",
  settings: () => ({ url: site.origin, token: "env:TOKEN" }),
  account: USER_ID,
  deactivate: () => {
    personOf(USER_ID).gitlab = { state: "blocked" };
  },
  lists: () => true,
};

const depsOf = (given: Partial<LookUpDeps> = {}): LookUpDeps => ({
  ...actionDeps({ callOut, secrets: secretsOf({ TOKEN: GROUPS_TOKEN }) }),
  ownAccounts: { isOwn: async () => false },
  signal: AbortSignal.timeout(5_000),
  ...given,
});

async function ask({ kind, settings, account }: Kind, wanted = WANTED, deps = depsOf()): Promise<Membership> {
  const action = actions.find(({ name }) => name === kind);
  if (action?.groupsOf === undefined) throw new Error("it knows groups");
  return action.groupsOf(account, wanted, { name: "site", settings: settings() }, deps);
}

it("GitLab and Confluence targets know groups, and no others", () => {
  expect(actions.filter(({ groupsOf }) => groupsOf).map(({ name }) => name)).toEqual(["confluence", "gitlab"]);
});

const KINDS = [
  ["GitLab", gitlab],
  ["Confluence Cloud", confluenceOf("cloud", ACCOUNT_ID)],
  ["Confluence Data Center", confluenceOf("data-center", KEY)],
] as const;

describe.each(KINDS)("the groups of an account at %s", (_, kind) => {
  it("are those of the wanted ones that the account is in, by their exact name", async () => {
    expect(await ask(kind)).toEqual({ groups: [] });
    personOf(kind.account).groups.push("security team", "platform/releases ", OTHER);
    expect(await ask(kind)).toEqual({ groups: [] });
    personOf(kind.account).groups.push("Security Team");
    expect(await ask(kind)).toEqual({ groups: ["Security Team"] });
    personOf(kind.account).groups.push("platform/releases");
    expect(await ask(kind)).toEqual({ groups: WANTED });
    personOf(kind.account).groups.length = 0;
    expect(await ask(kind)).toEqual({ groups: [] });
  });

  it("are none once the account is not active, although it is still in them", async () => {
    personOf(kind.account).groups.push(...WANTED);
    kind.deactivate();
    expect(await ask(kind)).toEqual({ groups: [] });
  });

  it.each([200, 204, 301, 302, 307, 400, 401, 403, 404, 429, 500, 503])(
    "are unknown after an answer of %i without a list",
    async (status) => {
      personOf(kind.account).groups.push(...WANTED);
      const headers = { location: `${site.origin}/elsewhere`, "retry-after": "7" };
      site.answer = (path) =>
        kind.lists(path) ? new Response(status === 204 ? null : "<html>", { status, headers }) : undefined;
      const { groups, unknown } = await ask(kind);
      expect(groups).toEqual([]);
      expect(unknown).toMatchObject({ why: expect.stringContaining(`${status}`), afterSeconds: 7 });
      // A redirect could lead to a site that says anything.
      expect(site.requests.filter((path) => path.includes("elsewhere"))).toEqual([]);
    },
  );

  it("are unknown, or a fault, while the site is not reached", async () => {
    const broken = new Fault("target_unreachable", "no connection", { retryable: true });
    const answer = ask(kind, WANTED, depsOf({ callOut: () => Promise.reject(broken) }));
    await expect(answer).rejects.toBe(broken);
  });

  it("are unknown with a credential that the site does not accept", async () => {
    personOf(kind.account).groups.push(...WANTED);
    expect(await ask(kind, WANTED, depsOf({ secrets: secretsOf({ TOKEN: "another" }) }))).toMatchObject({
      groups: [],
      unknown: { why: expect.stringContaining("401") },
    });
  });

  it("can be looked for by name, for the check of the configuration", async () => {
    const action = actions.find(({ name }) => name === kind.kind);
    const knownOf = (groups: readonly string[]) =>
      action?.knownGroups?.(groups, { name: "site", settings: kind.settings() }, depsOf());
    const hidden = "security team";
    expect(await knownOf([...WANTED, hidden, "gone"])).toEqual({ groups: WANTED });
    for (const status of [301, 401, 403, 500]) {
      site.answer = () => new Response("<html>", { status, headers: { location: site.origin } });
      expect(await knownOf(WANTED)).toMatchObject({
        groups: [],
        unknown: { why: expect.stringContaining(`${status}`) },
      });
    }
  });

  it("are never more than the site lists, whatever it answers", async () => {
    const scalar = fc.constantFrom(
      null,
      true,
      0,
      -1,
      4711,
      "4711",
      "active",
      "current",
      "Security Team",
      KEY,
      ACCOUNT_ID,
    );
    const member = fc.dictionary(
      fc.constantFrom(
        "id",
        "name",
        "state",
        "status",
        "accountStatus",
        "accountId",
        "userKey",
        "access_level",
        "limit",
      ),
      scalar,
    );
    const list = fc.array(member, { maxLength: 3 });
    const answer = fc.oneof(scalar, member, list, fc.record({ results: fc.oneof(list, scalar) }));
    await fc.assert(
      fc.asyncProperty(answer, fc.constantFrom(200, 206, 404), async (body, status) => {
        site.answer = () => Response.json(body, { status });
        // No answer of this kind is both a list and an active account.
        const { groups, unknown } = await ask(kind);
        expect(groups).toEqual([]);
        if (status !== 200) expect(unknown).toBeDefined();
      }),
      propertyCases(`answers about groups of ${kind.kind}`, { weight: 10 }),
    );
  });
});

describe.each(KINDS.slice(1))("the list of groups at %s", (_, kind) => {
  it("is read to its end, however few groups the site lists at once", async () => {
    site.batch = 2;
    personOf(kind.account).groups.push("a", "b", "c", "d", "Security Team");
    expect(await ask(kind)).toEqual({ groups: ["Security Team"] });
    expect(site.requests.filter((path) => path.includes("memberof"))).toHaveLength(3);
  });

  it("is unknown if the site repeats its beginning, but what the beginning has is known", async () => {
    const first = { results: [{ name: "Security Team" }, { name: "b" }], start: 0, limit: 2, size: 2 };
    site.answer = (path) => (kind.lists(path) ? Response.json(first) : undefined);
    expect(await ask(kind)).toMatchObject({ groups: ["Security Team"], unknown: { why: expect.any(String) } });
    expect(await ask(kind, ["Security Team"])).toEqual({ groups: ["Security Team"] });
  });

  it("counts for nothing while it is unknown whether the account is active", async () => {
    personOf(kind.account).groups.push(...WANTED);
    site.answer = (path) => (kind.lists(path) ? undefined : Response.json({ results: [], status: "vacationing" }));
    expect(await ask(kind)).toMatchObject({ groups: [], unknown: { why: expect.stringContaining("active") } });
  });
});

describe("the members that GitLab lists", () => {
  const withMember = async (gitlabMember: Readonly<Record<string, unknown>>): Promise<Membership> => {
    site.members.set(USER_ID, { groups: ["platform/releases"], status: "active", gitlab: gitlabMember });
    return ask(gitlab, ["platform/releases"]);
  };

  it.each([
    ["a blocked user", { state: "blocked" }],
    ["a deactivated user", { state: "deactivated" }],
    ["a banned user", { state: "banned" }],
    ["a member who awaits approval", { membership_state: "awaiting" }],
    ["a member whose time is over today", { expires_at: "2026-11-02" }],
    ["a member whose time was over before", { expires_at: "2025-01-31" }],
    ["a member with minimal access", { access_level: 5 }],
    ["another user, at a server that does not know the filter", { id: 47110 }],
  ])("do not count: %s", async (_, member) => {
    expect(await withMember(member)).toEqual({ groups: [] });
  });

  it.each([
    ["a guest", { access_level: 10 }],
    ["a member until tomorrow", { expires_at: "2026-11-03" }],
    ["a member at an older server", { membership_state: undefined, expires_at: undefined }],
  ])("count: %s", async (_, member) => {
    expect(await withMember(member)).toEqual({ groups: ["platform/releases"] });
  });

  it.each([
    ["an end that is no date", { expires_at: "soon" }],
    ["no state", { state: undefined }],
    ["no level", { access_level: null }],
  ])("leave it unknown: %s", async (_, member) => {
    expect(await withMember(member)).toMatchObject({ groups: [], unknown: {} });
  });

  it("a group that is gone or renamed leaves only its own members unknown", async () => {
    personOf(USER_ID).groups.push(...WANTED);
    site.known.delete("Security Team");
    expect(await ask(gitlab)).toMatchObject({
      groups: ["platform/releases"],
      unknown: { why: expect.stringContaining("no group Security Team") },
    });
  });

  it("a full list without the user leaves it unknown, because a server that filters lists one user", async () => {
    site.answer = () => Response.json(Array.from({ length: 100 }, (_, at) => ({ ...EVERYBODY, id: at + 1 })));
    expect(await ask(gitlab)).toMatchObject({ groups: [], unknown: {} });
  });

  it("an account that is no user id is not asked for", async () => {
    const deps = depsOf({ callOut: () => Promise.reject(new Error("a call is unexpected")) });
    for (const account of ["kim", "0", "4711 ", "1e3", ""])
      expect(await ask({ ...gitlab, account }, WANTED, deps)).toMatchObject({ groups: [], unknown: {} });
  });
});

const EVERYBODY = { state: "active", access_level: 30, expires_at: null };

describe("whether an account may edit a page", () => {
  const PAGE = "98310";
  const settingsOf = (product: "cloud" | "data-center") => ({
    ...{ product, credential: { bearer: "env:TOKEN" } },
    site: product === "cloud" ? `${site.origin}/wiki` : site.origin,
  });
  const ask = async (product: "cloud" | "data-center", page = { site: `${site.origin}/wiki`, id: PAGE }) => {
    const action = actions.find(({ name }) => name === "confluence");
    if (action?.mayEdit === undefined) throw new Error("it knows pages");
    return action.mayEdit(ACCOUNT_ID, page, { name: "site", settings: settingsOf(product) }, depsOf());
  };

  it("is what Confluence Cloud says about this account and this page", async () => {
    expect(await ask("cloud")).toEqual({ mayEdit: false });
    site.editors.add("somebody else");
    expect(await ask("cloud")).toEqual({ mayEdit: false });
    site.editors.add(ACCOUNT_ID);
    expect(await ask("cloud")).toEqual({ mayEdit: true });
  });

  it.each([201, 204, 302, 400, 401, 403, 404, 429, 503])("is unknown after an answer of %i", async (status) => {
    const headers = { location: `${site.origin}/elsewhere`, "retry-after": "7" };
    const body = status === 204 ? null : JSON.stringify({ hasPermission: true });
    site.answer = () => new Response(body, { status, headers });
    const why = expect.stringContaining(`${status}`);
    expect(await ask("cloud")).toEqual({ mayEdit: false, unknown: { why, afterSeconds: 7 } });
    expect(site.requests.filter((path) => path.includes("elsewhere"))).toEqual([]);
  });

  it.each(["", "[]", '{"hasPermission":"true"}', '{"hasPermission":1}', '{"permission":true}'])(
    "is unknown after the answer %s",
    async (body) => {
      site.answer = () => new Response(body, { status: 200 });
      expect(await ask("cloud")).toMatchObject({ mayEdit: false, unknown: {} });
    },
  );

  it("is unknown, and asked of nobody, for a page of another site, no page, and at Data Center", async () => {
    site.editors.add(ACCOUNT_ID);
    const own = `${site.origin}/wiki`;
    expect(await ask("cloud", { site: "https://wiki.example.test", id: PAGE })).toMatchObject({ unknown: {} });
    expect(await ask("cloud", { site: own, id: "98310/../1" })).toMatchObject({ unknown: {} });
    expect(await ask("data-center", { site: site.origin, id: PAGE })).toMatchObject({ unknown: {} });
    expect(site.requests).toEqual([]);
  });
});

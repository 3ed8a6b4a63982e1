import { describe, expect, it } from "vitest";
import { hasNoPeople, isSamePerson, peopleOf, personAt } from "../../../shared/approvals/people.ts";
import type { Identity } from "../../../shared/model/approval.ts";
import { identityText } from "../../../shared/model/principal.ts";

const [COMPANY, OTHER] = ["https://login.example.test", "https://other.example.test"];
const PEOPLE = peopleOf({
  issuers: { people: { issuer: COMPANY }, admins: { issuer: COMPANY }, strangers: { issuer: OTHER } },
  sources: [
    { name: "wiki", people: { ff80: { roles: ["manager"], token: { trust: "people", subject: "ann" } } } },
    { name: "forge", people: { "42": { roles: [], token: { trust: "admins", subject: "ann" } }, "43": { roles: [] } } },
  ],
});

const token = (subject: string, trustEntry: string, issuer = COMPANY): Identity => ({
  issuer,
  subject,
  trustEntry,
  method: "oidc",
  credential: "key-1",
  roles: [],
});
const jobToken = (claims: NonNullable<Identity["claims"]>): Identity => ({
  ...token("project_path:docs/site:ref_type:branch:ref:main", "jobs", OTHER),
  claims,
});
const account = (actor?: string): Identity => ({
  issuer: "drawbridge:source",
  subject: "wiki",
  method: "basic",
  credential: "current",
  roles: [],
  ...(actor !== undefined && { actor }),
});

describe("identities of one person", () => {
  it.each<[string, Identity, Identity]>([
    ["an account and the same account", account("43"), account("43")],
    ["an account and the token that the configuration gives it", account("ff80"), token("ann", "people")],
    ["an account and that token by another entry of its issuer", account("ff80"), token("ann", "admins")],
    ["a token and the same token by another entry of its issuer", token("max", "people"), token("max", "admins")],
    ["two accounts that one token links", account("ff80"), account("42")],
    ["an account and the token of a GitLab job that it started", account("43"), jobToken({ user_id: "43" })],
    ["an account and the token of a GitHub job that it started", account("43"), jobToken({ actor_id: "43" })],
    ["a token and the token of a job that its account started", token("ann", "admins"), jobToken({ user_id: "42" })],
    [
      "an agent and who was before it in a chain of agents",
      token("agent-8", "people"),
      { ...token("max", "people"), claims: { act: "agent-7", "act.act": "agent-8" } },
    ],
    ["an account and a token of its name", account("max"), token("max", "people")],
  ])("%s are the same person", (_, one, other) => {
    expect(isSamePerson(one, other, PEOPLE)).toBe(true);
    expect(isSamePerson(other, one, PEOPLE)).toBe(true);
  });

  it.each<[string, Identity, Identity]>([
    ["an account and a token of its subject at another issuer", account("ff80"), token("ann", "strangers", OTHER)],
    ["an account and another's token", account("43"), token("ann", "people")],
    ["two accounts that nothing links", account("42"), account("43")],
    ["a source without an account and the same source", account(), account()],
  ])("%s are not the same person", (_, one, other) => {
    expect(isSamePerson(one, other, PEOPLE)).toBe(false);
    expect(isSamePerson(other, one, PEOPLE)).toBe(false);
  });
});

describe("a person whose token has a long subject", () => {
  it("the configured subject is that of the token, and of no other one that only begins like it", () => {
    const long = `CN=${"deploy,OU=".repeat(40)}`;
    const person = { roles: [], token: { trust: "people", subject: `${long}ann` } };
    const people = peopleOf({
      issuers: { people: { issuer: COMPANY } },
      sources: [{ name: "wiki", people: { "7": person } }],
    });
    const tokenOf = (subject: string) => token(identityText(subject), "people");
    expect(isSamePerson(account("7"), tokenOf(`${long}ann`), people)).toBe(true);
    expect(isSamePerson(account("7"), tokenOf(`${long}max`), people)).toBe(false);
  });
});

describe("the people of a source", () => {
  it("a person is found by the account at its source, and never by the name of a built-in property", () => {
    expect(personAt(PEOPLE, "wiki", "ff80")?.roles).toEqual(["manager"]);
    for (const [source, name] of [
      ["wiki", "42"],
      ["wiki", "constructor"],
      ["nowhere", "ff80"],
    ] as const) {
      expect(personAt(PEOPLE, source, name)).toBeUndefined();
    }
  });

  it("nobody is a person of the bridge if no source has people", () => {
    expect(hasNoPeople(PEOPLE)).toBe(false);
    expect(hasNoPeople(peopleOf({ issuers: {}, sources: [{ name: "wiki", people: {} }] }))).toBe(true);
  });
});

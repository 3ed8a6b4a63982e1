import { describe, expect, it } from "vitest";
import { hasNoPeople, isSamePerson, peopleOf, personAt } from "../../../shared/approvals/people.ts";
import type { Identity } from "../../../shared/model/approval.ts";

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

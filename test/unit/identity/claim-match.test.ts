import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { isMet } from "../../../shared/identity/claim-match.ts";
import { claimRule } from "../../../shared/identity/claim-rule.ts";
import { rolesOf, shownClaims, subjectOf } from "../../../shared/identity/roles-of.ts";
import { entryOf } from "./tokens.ts";

const meets = (rule: object, claims: object): boolean => isMet(v.parse(claimRule, rule), { ...claims });

describe("a rule on a claim", () => {
  it.each([
    ["the exact text", { path: "a", equals: "x" }, { a: "x" }],
    ["one of several texts", { path: "a", equals: ["x", "y"] }, { a: "y" }],
    ["a number by its digits", { path: "a", equals: "12" }, { a: 12 }],
    ["a boolean by its word", { path: "a", equals: "true" }, { a: true }],
    ["one member of a list", { path: "a", equals: "x" }, { a: ["y", "x"] }],
    ["one word of a scope", { path: "scope", equals: "x" }, { scope: "y x" }],
    ["a beginning", { path: "a", prefix: "refs/heads/" }, { a: "refs/heads/main" }],
    ["a form", { path: "a", glob: "refs/heads/*" }, { a: "refs/heads/main" }],
    ["a claim below another", { path: ["a.b", "c"], equals: "x" }, { "a.b": { c: "x" } }],
  ])("a rule on a claim is met by %s", (_, rule, claims) => expect(meets(rule, claims)).toBe(true));

  it.each([
    ["a part of the text", { path: "a", equals: "x" }, { a: "xx" }],
    ["another case", { path: "a", equals: "x" }, { a: "X" }],
    ["a word of a claim that is not a scope", { path: "a", equals: "x" }, { a: "y x" }],
    ["a scope below another claim", { path: ["a", "scope"], equals: "x" }, { a: { scope: "y x" } }],
    ["a list inside a list", { path: "a", equals: "x" }, { a: [["x"]] }],
    ["an object with that key", { path: "a", equals: "x" }, { a: { x: true } }],
    ["a fraction", { path: "a", equals: "1.5" }, { a: 1.5 }],
    ["null", { path: "a", equals: "null" }, { a: null }],
    ["an empty list", { path: "a", prefix: "x" }, { a: [] }],
    ["a property that every object has", { path: "constructor", glob: "**" }, {}],
    ["a property that every function has", { path: ["toString", "name"], equals: "toString" }, {}],
    ["a prototype", { path: ["__proto__", "admin"], equals: "true" }, JSON.parse('{"x":1}')],
  ])("a rule on a claim is not met by %s", (_, rule, claims) => expect(meets(rule, claims)).toBe(false));

  it("a rule on any claims has a boolean result", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(fc.string(), { minLength: 1, maxLength: 3 }), (value, path) => {
        expect(typeof isMet({ path, glob: ["**"] }, { a: value })).toBe("boolean");
      }),
    );
  });
});

describe("roles", () => {
  const issuer = "https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/v2.0";
  const entry = entryOf({
    preset: "entra",
    issuer,
    roles: [
      "reader",
      {
        role: "on-call",
        when: [
          { path: "groups", equals: "g1" },
          { path: "idtyp", equals: "user" },
        ],
      },
    ],
  });

  it("a token has the roles without rules, and those whose rules all hold", () => {
    expect(rolesOf({ groups: ["g1"], idtyp: "user" }, entry)).toEqual({ ok: true, value: ["reader", "on-call"] });
    expect(rolesOf({ groups: ["g1"], idtyp: "app" }, entry)).toEqual({ ok: true, value: ["reader"] });
  });

  it("roles are unknown, not missing, if the groups that they depend on were left out", () => {
    const onlyGroups = { ...entry, roles: entry.roles.filter(({ when }) => when.length > 0) };
    const omitted = {
      idtyp: "user",
      _claim_names: { groups: "src1" },
      _claim_sources: { src1: { endpoint: "https://x.example.test" } },
    };
    expect(rolesOf(omitted, onlyGroups)).toEqual({ ok: false, rejection: { reason: "groups_omitted" } });
    expect(rolesOf({}, onlyGroups)).toEqual({ ok: true, value: [] });
    expect(rolesOf({ idtyp: "user", hasgroups: true }, onlyGroups)).toMatchObject({ ok: false });
    expect(rolesOf(omitted, entry)).toEqual({ ok: true, value: ["reader"] });
    // An app does not earn this role, whatever groups it has.
    expect(rolesOf({ ...omitted, idtyp: "app" }, onlyGroups)).toEqual({ ok: true, value: [] });
  });

  it("a subject is made of several claims, and few claims are shown", () => {
    const claims = { tid: "t", oid: "o", azp: "a", name: "Robin" };
    expect(subjectOf(claims, entry.preset)).toBe("t/o");
    expect(shownClaims(claims, entry.preset)).toEqual({ tid: "t", oid: "o", azp: "a" });
    expect(subjectOf({}, entry.preset)).toBe("no subject");
    expect(shownClaims({ name: "Robin" }, entry.preset)).toBeUndefined();
  });

  it("everybody who acts for the subject is shown, the last one first", () => {
    const act = { sub: "agent-7", act: { sub: "agent-8", iss: "https://other.example.test" } };
    expect(shownClaims({ act }, entry.preset)).toEqual({ act: "agent-7", "act.act": "agent-8" });
  });

  it("long subjects and claims that differ at their end stay different, and so does a short one that imitates a long one", () => {
    const preset = { ...entry.preset, subject: [["sub"]], shown: [["sub"]] };
    const long = `arn:aws:sts::111122223333:assumed-role/${"deploy-".repeat(60)}`;
    const subjects = [`${long}west`, `${long}east`].map((sub) => subjectOf({ sub }, preset));
    const imitated = subjects.map((sub) => subjectOf({ sub }, preset));
    expect(new Set([...subjects, ...imitated]).size).toBe(4);
    expect(subjects.map(({ length }) => length)).toEqual([255, 255]);
    expect(shownClaims({ sub: `${long}west` }, preset)).toEqual({ sub: subjects[0] });
    expect(subjectOf({ sub: "a".repeat(254) }, preset)).toBe("a".repeat(254));
  });
});

import fc from "fast-check";
import { parse } from "valibot";
import { describe, expect, it } from "vitest";
import { type ExplainDeps, offline, readToken, tokenExplain } from "../../../shared/cli/token.ts";
import { outline } from "../../../shared/config/schema.ts";
import type { CallOut } from "../../../shared/host/call-out.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { HINTS } from "../../../shared/model/rejection-hints.ts";
import { testClock } from "../../support/test-doubles.ts";
import { A, entryA, givesAway, good, keyA, stranger, trusted, withClaims, withHeader } from "./attacking.ts";
import { sha256 } from "./binding/binding.ts";
import { AUDIENCE, entryOf, NOW, tokenOf } from "./tokens.ts";

const ci = entryA({ roles: ["ci"], claims: [{ path: ["project", "id"], equals: "72" }] }).a;
const ours = (changes: object = {}): string => withClaims({ project: { id: "72" }, ...changes });

/** Those of a configuration that names none. */
const ROLES = parse(outline, { sources: {} }).roles;

/** What `drawbridge token explain` prints, its exit code, and the cells of its table by check. */
async function explained(
  token: string,
  issuers: ExplainDeps["issuers"] = { ci },
  more: Partial<Omit<ExplainDeps, "issuers">> & { readonly only?: string } = {},
) {
  const printed: string[] = [];
  const print = (text: string): void => void printed.push(text);
  const { only, ...others } = more;
  const deps = { issuers, roles: ROLES, sources: [], clock: testClock(), print, ...others };
  const code = await tokenExplain(token, only, deps);
  const told = printed.join("\n");
  const rows = told.split("\n").map((line) => line.split(/ {2,}/));
  return { code, told, row: (check: string) => rows.find(([name]) => name === check) ?? [] };
}

describe("token explain", () => {
  it("accepts a good token, with each check beside what it got, its subject and its roles", async () => {
    const { code, told, row } = await explained(ours());
    expect(code).toBe(0);
    expect(row("CHECK")).toEqual(["CHECK", "EXPECTED", "GOT", "VERDICT"]);
    expect(row("issuer")).toEqual(["issuer", A, "the same", "ok"]);
    expect(row("signature")).toEqual(["signature", expect.any(String), 'ES256, by key "k1"', "ok"]);
    expect(row("audience")).toEqual(["audience", `aud ${AUDIENCE}`, JSON.stringify(AUDIENCE), "ok"]);
    expect(row("expiry")).toEqual([
      "expiry",
      expect.any(String),
      "2026-11-02T09:04:50.000Z, in 5 minutes (290 s)",
      "ok",
    ]);
    expect(row("claim project.id")[2]).toBe('"72"');
    expect(told).toMatch(
      /\naccepted\n\nverdict: accepted by ci, as someone, with roles: ci\nwith these it may call status$/,
    );
  });

  it.each<[string, string, string, string]>([
    ["another audience", ours({ aud: "other" }), "audience", "audience_mismatch"],
    ["an end that is past", ours({ exp: NOW - 26 }), "expiry", "token_expired"],
    ["a beginning to come", ours({ nbf: NOW + 60 }), "not before", "token_not_yet_valid"],
    ["a time of issue to come", ours({ iat: NOW + 60 }), "issued at", "token_not_yet_valid"],
    ["a long life", ours({ exp: NOW + 9_000 }), "lifetime", "token_lifetime_too_long"],
    ["another type", withHeader({ typ: "logout+jwt" }), "type", "token_type_mismatch"],
    ["another value of a claim", ours({ project: { id: "73" } }), "claim project.id", "claim_mismatch"],
    ["a claim that is not there", withClaims({}), "claim project.id", "claim_missing"],
    ["another signature", tokenOf(A, stranger), "signature", "token_signature_invalid"],
    ["an unknown key", withHeader({ kid: "k9" }), "signature", "key_unknown"],
    ["another algorithm", withHeader({ alg: "HS256" }), "signature", "algorithm_not_allowed"],
  ])("refuses %s in its row, and says what to do", async (_what, token, check, reason) => {
    const { code, told, row } = await explained(token);
    expect(code).toBe(1);
    expect(row(check)[3]).toMatch(/^refused/);
    expect(told).toContain(`\n${reason}: `);
    expect(told).toContain(HINTS[reason as keyof typeof HINTS].replaceAll("`", '"'));
    expect(told.indexOf("\nrefused: ")).toBeLessThan(told.indexOf(`\n${reason}: `));
    expect(told).not.toContain("`");
    expect(givesAway(told, token)).toBe(false);
  });

  it.each<[string, object, string, string]>([
    ["without exp", { exp: undefined }, "expiry", 'claim_missing: Make the issuer put "exp" into its tokens'],
    [
      "without aud",
      { aud: undefined },
      "audience",
      `claim_missing: Make the caller request the entry's "audience" from its issuer`,
    ],
    ["with a text as exp", { exp: "soon" }, "expiry", 'claim_mismatch: Make the issuer write "exp" in seconds'],
    ["with a text as nbf", { nbf: "now" }, "not before", 'claim_mismatch: Make the issuer write "nbf" in seconds'],
  ])("names the claim that a token %s needs", async (_what, changes, check, hint) => {
    const { code, told, row } = await explained(ours(changes));
    expect([code, row(check)[3], told]).toEqual([1, "refused", expect.stringContaining(`\n${hint}`)]);
    expect(told).not.toContain("token of the right sender");
  });

  describe("of an entry that gives roles by groups", () => {
    const roles = ["on-call", "approvers"].map((group) => ({ role: group, when: [{ path: "groups", equals: group }] }));
    const staff = entryA({ roles }).a;

    it("names each rule that keeps a token from its roles, and what the claim holds", async () => {
      const { code, told, row } = await explained(withClaims({ groups: ["devs"] }), { staff });
      expect(row("roles")).toEqual(["roles", "some of on-call, approvers", "none", "not met"]);
      expect(row("role on-call, claim groups").slice(1)).toEqual(["on-call", '["devs"]', "not met"]);
      expect(row("role approvers, claim groups").slice(1)).toEqual(["approvers", '["devs"]', "not met"]);
      expect(told).toContain("\naccepted, but earns no role\n");
      expect([code, told]).toEqual([
        1,
        expect.stringContaining("verdict: accepted by staff, as someone, but it earns no role\n"),
      ]);
    });

    it("says that the claim is missing", async () => {
      const { code, row } = await explained(withClaims({}), { staff });
      expect([code, row("role on-call, claim groups")[2]]).toEqual([1, "nothing"]);
    });

    it("accepts a token that earns one of them", async () => {
      const { code, told, row } = await explained(withClaims({ groups: ["on-call"] }), { staff });
      expect([code, row("roles")[3], row("role on-call, claim groups")]).toEqual([0, "ok", []]);
      expect(row("role approvers, claim groups")[3]).toBe("not met");
      expect(told).toContain("with roles: on-call\n");
    });

    it("tells no value of a token whose signature is not good", async () => {
      const { row } = await explained(tokenOf(A, stranger, { claims: { groups: ["a-secret"] } }), { staff });
      expect(row("role on-call, claim groups").slice(2)).toEqual(["a list of 1", "not met (unproved)"]);
    });
  });

  it.each([
    [26, "26 s ago"],
    [119, "119 s ago"],
    [120, "2 minutes ago (120 s)"],
    [7_200, "2 hours ago (7200 s)"],
    [172_800, "2 days ago (172800 s)"],
    [95_904_860, "3 years ago (95904860 s)"],
  ])("shows an end %i seconds in the past as %s", async (seconds, shown) => {
    const { row } = await explained(ours({ iat: undefined, exp: NOW - seconds }));
    expect(row("expiry")[2]?.split(", ")[1]).toBe(shown);
  });

  it("runs all checks, and gives the first refusal as the answer", async () => {
    const { told, row } = await explained(ours({ exp: NOW - 26, aud: "other" }));
    expect([row("expiry")[3], row("audience")[3]]).toEqual(["refused", "refused"]);
    expect(told).toContain("\nrefused: token_expired (expiredBySeconds 26)\ntoken_expired: ");
  });

  it.each<[string, string, string]>([
    ["no token", "opaque-token", "token_malformed"],
    ["a key in its header", withHeader({ jwk: stranger.jwk }), "token_header_forbidden"],
    ["an issuer that nobody trusts", withClaims({ iss: "https://z.example.test" }), "issuer_unknown"],
  ])("says of %s what to do, and nothing of it", async (_what, token, reason) => {
    const { code, told } = await explained(token);
    expect([code, told]).toEqual([1, expect.stringMatching(new RegExp(`^refused: ${reason}.*\\n${reason}: .+`))]);
    expect(told).not.toContain("z.example");
    expect(givesAway(told, token)).toBe(false);
  });

  it("tells values only of a token whose signature is good", async () => {
    const secret = "a-value-to-keep";
    const claims = { sub: secret, aud: secret, typ: secret, nbf: secret, project: { id: secret } };
    for (const token of [tokenOf(A, stranger, { claims }), tokenOf(A, keyA, { claims, header: { kid: secret } })]) {
      const { told, row } = await explained(token);
      expect(told).not.toContain(secret);
      expect(row("audience")).toEqual([
        "audience",
        expect.any(String),
        "a text of 15 characters",
        "refused (unproved)",
      ]);
    }
    expect((await explained(withClaims(claims))).told).toContain(`"${secret}"`);
  });

  it("never prints a token, a part of it, or what a terminal would take for a command", async () => {
    const anything = fc.dictionary(fc.constantFrom("sub", "aud", "exp", "project", "nbf"), fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(anything, fc.constantFrom(keyA, stranger), async (claims, key) => {
        const token = tokenOf(A, key, { claims: { sub: "\u001b[2J", ...claims } });
        const { told } = await explained(token);
        expect(givesAway(told, token)).toBe(false);
        expect(told.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  const atAddress = { ci: entryOf({ issuer: A, jwks: { url: "https://keys.example.test/jwks" } }) };

  it.each<[string, CallOut, string, number]>([
    ["asks nobody when told to be offline", offline, "no keys: nobody was asked (--offline)", 1],
    [
      "says that the keys are out of reach",
      () => Promise.reject(new Fault("target_unreachable", "keys.example.test: no connection", { retryable: true })),
      "no keys: keys.example.test: no connection",
      3,
    ],
  ])("%s, and leaves the token unproved", async (_what, callOut, got, exit) => {
    const { code, told, row } = await explained(good, atAddress, { callOut });
    expect(row("signature").slice(2)).toEqual([got, "not checked"]);
    expect(row("audience").slice(2)).toEqual([expect.stringContaining("a text of"), "ok (unproved)"]);
    expect([code, told]).toEqual([exit, expect.stringContaining("verdict: undecided ")]);
    expect((await explained(withClaims({ aud: "x" }), atAddress, { callOut })).told).toContain("\nrefused: ");
  });

  it("checks against keys that are at hand even offline", async () => {
    expect((await explained(ours(), { ci }, { callOut: offline })).code).toBe(0);
  });

  it("holds the token against every entry of its issuer, or against the one that is named", async () => {
    const issuers = { ...trusted, ci };
    expect((await explained(good, issuers)).told.match(/^trust entry .+$/gm)).toEqual([
      "trust entry a",
      "trust entry ci",
    ]);
    const other = await explained(good, issuers, { only: "b" });
    expect([other.code, other.row("issuer")[3]]).toEqual([1, "refused (unproved)"]);
    await expect(explained(good, issuers, { only: "c" })).rejects.toMatchObject({ code: "configuration_invalid" });
  });

  it("ends with what all entries together make of it", async () => {
    const strict = entryA({ audience: "other" }).a;
    const shadowed = { ...strict, mode: "shadow" as const };
    const unreachable = entryOf({ issuer: A, jwks: { url: "https://keys.example.test/jwks" } });
    const verdictOf = async (issuers: ExplainDeps["issuers"]) =>
      /^verdict: .+$/m.exec((await explained(good, issuers, { callOut: offline })).told)?.[0];
    const { a } = trusted;
    expect(await verdictOf({ strict, shadowed, unreachable, ...(a && { a }) })).toContain("accepted by a,");
    expect(await verdictOf({ strict, shadowed, unreachable })).toContain("undecided");
    expect(await verdictOf({ strict, shadowed })).toContain("let in without a role by shadowed");
  });

  it("tells what shadow mode would do, and does not call that accepted", async () => {
    const { code, told } = await explained(good, { ci: { ...ci, mode: "shadow" } });
    expect([code, told]).toEqual([1, expect.stringContaining("verdict: refused, but let in without a role by ci")]);
    const forged = await explained(tokenOf(A, stranger), { ci: { ...ci, mode: "shadow" } });
    expect(forged.told).toContain("verdict: refused; ");
  });

  it("names what only a request can show", async () => {
    const bound = { ...ci, proof: "dpop" as const, singleUse: true, bodyDigestClaim: ["body"] };
    const token = ours({ cnf: { jkt: sha256("key") }, body: sha256("body") });
    const { code, row } = await explained(token, { ci: bound });
    for (const check of ["proof of the key", "single use", "body"]) {
      expect(row(check).slice(2)).toEqual(["depends on the request", "not checked"]);
    }
    expect(code).toBe(0);
  });
});

describe("token explain tells", () => {
  const editor = { call: [], fire: ["deploy-*"], replay: ["docs"], approve: ["deploy-prod"] };
  const source = {
    name: "prod",
    ...{ provider: "tekton", mode: "enforce" as const, roles: [], people: {} },
    settings: { bearer: { trust: ["ci"] } },
  };

  it.each<[string, readonly string[], ExplainDeps["sources"], string]>([
    ["what roles may do", ["ci", "editor"], [], "call status; fire deploy-*; replay docs; approve deploy-prod"],
    ["the sources that take such a token", ["ci"], [source], "call status; send to prod"],
    ["that a source takes a token without a role", [], [source], "send to prod"],
    ["that a token without a role may do nothing", [], [], "do nothing: each call is answered 403, role_missing"],
    ["the same of a role that allows nothing", ["idle"], [], "do nothing: each call is answered 403, role_missing"],
  ])("%s", async (_, earned, sources, may) => {
    const entry = entryA({ roles: earned, claims: [{ path: ["project", "id"], equals: "72" }] }).a;
    const roles = { ...ROLES, editor, idle: { ...editor, fire: [], replay: [], approve: [] } };
    const { told } = await explained(ours(), { ci: entry }, { roles, sources });
    expect(told).toContain(`\nwith these it may ${may}`);
  });

  it("which issuers are configured, and that one of them differs by a slash alone", async () => {
    const { told } = await explained(withClaims({ iss: `${A}/` }));
    expect(told).toContain("its issuer differs from that of ci only by a slash at the end");
    expect(told).toMatch(new RegExp(`configured issuers:\n  ci: ${A}$`));
    const { told: other } = await explained(withClaims({ iss: `${A}/x` }));
    expect(other).not.toContain("slash at the end:");
    expect((await explained(withClaims({ iss: "x" }), {})).told).toContain("no issuer is configured");
  });

  it("of a token that nobody has signed what kind its claims are, in words", async () => {
    const { row } = await explained(tokenOf(A, stranger, { claims: { aud: {}, nbf: "x", project: { id: 7 } } }));
    expect([row("expiry")[2], row("audience")[2]]).toEqual(["a time", "an object"]);
    expect([row("not before")[2], row("claim project.id")[2]]).toEqual(["a text of 1 characters", "a number"]);
  });

  it("the audience of a good signature in its reason, and of no other", async () => {
    expect((await explained(ours({ aud: ["other", "b\u001b"] }))).told).toContain("got other, b?)");
    const atAddress = { ci: entryOf({ issuer: A, jwks: { url: "https://keys.example.test/jwks" } }) };
    const { told } = await explained(withClaims({ aud: "kept-back" }), atAddress, { callOut: offline });
    expect(told).toContain(`refused: audience_mismatch (expected ${AUDIENCE})`);
    expect(told).not.toContain("kept-back");
  });

  it("that a token ends before it begins", async () => {
    const { row } = await explained(ours({ iat: NOW - 10, exp: NOW - 610 }));
    expect(row("lifetime").slice(2)).toEqual(["-600", "refused"]);
  });

  it("that the file is not there, or has nothing in it", async () => {
    await expect(readToken("/nowhere/token.txt")).rejects.toMatchObject({
      code: "configuration_invalid",
      message: "there is no file /nowhere/token.txt",
    });
    await expect(readToken("/dev/null")).rejects.toMatchObject({ message: "/dev/null is empty" });
  });
});

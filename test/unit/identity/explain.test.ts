import fc from "fast-check";
import { parse } from "valibot";
import { describe, expect, it } from "vitest";
import type { Format } from "../../../shared/cli/output.ts";
import { type ExplainDeps, offline, readToken, tokenExplain } from "../../../shared/cli/token.ts";
import { parseConfig } from "../../../shared/config/load.ts";
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

/** The roles of a configuration that names none. */
const ROLES = parse(outline, { sources: {} }).roles;

const TABLE: Format = "table";

/** What `drawbridge token explain` prints, its exit code, and the cells of its table by check. */
async function explained(
  token: string,
  issuers: ExplainDeps["issuers"] = { ci },
  more: Partial<Omit<ExplainDeps, "issuers">> & { readonly only?: string } = {},
) {
  const printed: string[] = [];
  const print = (text: string): void => void printed.push(text);
  const { only, ...others } = more;
  const config = { issuers, roles: ROLES, sources: [], routes: [], orders: {}, upstreams: {} };
  const deps = { ...config, clock: testClock(), print, format: TABLE, ...others };
  const code = await tokenExplain(token, only, deps);
  const output = printed.join("\n");
  const rows = output.split("\n").map((line) => line.split(/ {2,}/));
  return { code, output, row: (check: string) => rows.find(([name]) => name === check) ?? [] };
}

/** A route that the role `incident` may grant in an emergency. */
const urgent: ExplainDeps["routes"][number] = {
  name: "deploy",
  when: {},
  pattern: { combinations: [] },
  matches: () => true,
  mode: "enforce",
  approval: {
    expiresMinutes: 60,
    approvers: 2,
    fromRoles: [],
    grantedBy: [],
    reason: "optional",
    windows: [],
    outsideWindows: "wait",
    emergency: ["incident"],
  },
  action: "tekton",
  target: "ci",
  options: {},
};

describe("token explain", () => {
  it("token explain says what a role gives elsewhere: orders, tokens of upstreams, and other roles for a time", async () => {
    const loaded = parseConfig(
      `
identity: { issuer: https://bridge.example.test }
roles: { ci: {}, other: {}, incident: { onRequest: { by: [ci], approvedBy: [other] } } }
orders: { ship: { roles: [ci] }, stop: { roles: [other] } }
upstreams:
  registry: { audience: r, allow: [{ role: ci, scopes: [pull] }] }
  vault: { audience: v, allow: [{ role: other }] }
sources: {}
`,
      "x",
    );
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    const { roles, orders, upstreams } = loaded.config;
    const { output } = await explained(ours(), { ci }, { roles, orders, upstreams });
    expect(output).toContain("with these it may order ship; get tokens for registry; request the role incident");
  });

  it("token explain accepts a good token and shows each check with its value, the subject and the roles", async () => {
    const { code, output, row } = await explained(ours());
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
    expect(output).toMatch(
      /\naccepted\n\nverdict: accepted by ci, as someone, with roles: ci\nwith these it may call status$/,
    );
  });

  it.each(["json", "jsonl"] as const)(
    "token explain has the checks in %s, and never the token",
    async (format) => {
      const token = ours({ aud: "other" });
      const { code, output } = await explained(token, { ci }, { format });
      const [explanation] = [JSON.parse(output)].flat();
      expect(code).toBe(1);
      expect(explanation).toMatchObject({ trustEntry: "ci", outcome: "refused" });
      expect(explanation.checks).toContainEqual(expect.objectContaining({ check: "audience", verdict: "refused" }));
      expect(givesAway(output, token)).toBe(false);
      const unknown = await explained("word", { ci }, { format });
      expect(JSON.parse(unknown.output)).toMatchObject({ rejection: { reason: expect.any(String) } });
    },
    20_000,
  );

  it.each<[string, string, string, string]>([
    ["another audience", ours({ aud: "other" }), "audience", "audience_mismatch"],
    ["an expiry in the past", ours({ exp: NOW - 26 }), "expiry", "token_expired"],
    ["a not-before time in the future", ours({ nbf: NOW + 60 }), "not before", "token_not_yet_valid"],
    ["a time of issue in the future", ours({ iat: NOW + 60 }), "issued at", "token_not_yet_valid"],
    ["a lifetime that is too long", ours({ exp: NOW + 9_000 }), "lifetime", "token_lifetime_too_long"],
    ["another type", withHeader({ typ: "logout+jwt" }), "type", "token_type_mismatch"],
    ["another value of a claim", ours({ project: { id: "73" } }), "claim project.id", "claim_mismatch"],
    ["a missing claim", withClaims({}), "claim project.id", "claim_missing"],
    ["another signature", tokenOf(A, stranger), "signature", "token_signature_invalid"],
    ["an unknown key", withHeader({ kid: "k9" }), "signature", "key_unknown"],
    ["another algorithm", withHeader({ alg: "HS256" }), "signature", "algorithm_not_allowed"],
  ])("token explain rejects %s in its row, and says what to do", async (_what, token, check, reason) => {
    const { code, output, row } = await explained(token);
    expect(code).toBe(1);
    expect(row(check)[3]).toMatch(/^refused/);
    expect(output).toContain(`\n${reason}: `);
    expect(output).toContain(HINTS[reason as keyof typeof HINTS].replaceAll("`", '"'));
    expect(output.indexOf("\nrefused: ")).toBeLessThan(output.indexOf(`\n${reason}: `));
    expect(output).not.toContain("`");
    expect(givesAway(output, token)).toBe(false);
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
  ])("token explain names the claim that a token %s needs", async (_what, changes, check, hint) => {
    const { code, output, row } = await explained(ours(changes));
    expect([code, row(check)[3], output]).toEqual([1, "refused", expect.stringContaining(`\n${hint}`)]);
    expect(output).not.toContain("token of the right sender");
  });

  describe("an entry that gives roles by groups", () => {
    const roles = ["on-call", "approvers"].map((group) => ({ role: group, when: [{ path: "groups", equals: group }] }));
    const staff = entryA({ roles }).a;

    it("token explain names each rule that keeps a token from its roles, and what the claim holds", async () => {
      const { code, output, row } = await explained(withClaims({ groups: ["devs"] }), { staff });
      expect(row("roles")).toEqual(["roles", "some of on-call, approvers", "none", "not met"]);
      expect(row("role on-call, claim groups").slice(1)).toEqual(["on-call", '["devs"]', "not met"]);
      expect(row("role approvers, claim groups").slice(1)).toEqual(["approvers", '["devs"]', "not met"]);
      expect(output).toContain("\naccepted, but earns no role\n");
      expect([code, output]).toEqual([
        1,
        expect.stringContaining("verdict: accepted by staff, as someone, but it earns no role\n"),
      ]);
    });

    it("token explain says that the claim of a rule is missing", async () => {
      const { code, row } = await explained(withClaims({}), { staff });
      expect([code, row("role on-call, claim groups")[2]]).toEqual([1, "nothing"]);
    });

    it("token explain accepts a token that earns one of the roles", async () => {
      const { code, output, row } = await explained(withClaims({ groups: ["on-call"] }), { staff });
      expect([code, row("roles")[3], row("role on-call, claim groups")]).toEqual([0, "ok", []]);
      expect(row("role approvers, claim groups")[3]).toBe("not met");
      expect(output).toContain("with roles: on-call\n");
    });

    it("token explain shows no value of a token whose signature is not good", async () => {
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
  ])("token explain shows an end %i seconds in the past as %s", async (seconds, shown) => {
    const { row } = await explained(ours({ iat: undefined, exp: NOW - seconds }));
    expect(row("expiry")[2]?.split(", ")[1]).toBe(shown);
  });

  it("token explain runs all checks, and gives the first rejection as the answer", async () => {
    const { output, row } = await explained(ours({ exp: NOW - 26, aud: "other" }));
    expect([row("expiry")[3], row("audience")[3]]).toEqual(["refused", "refused"]);
    expect(output).toContain("\nrefused: token_expired (expiredBySeconds 26)\ntoken_expired: ");
  });

  it.each<[string, string, string]>([
    ["a text that is not a token", "opaque-token", "token_malformed"],
    ["a key in its header", withHeader({ jwk: stranger.jwk }), "token_header_forbidden"],
    ["an issuer that nobody trusts", withClaims({ iss: "https://z.example.test" }), "issuer_unknown"],
  ])("token explain says for %s what to do, and shows nothing of it", async (_what, token, reason) => {
    const { code, output } = await explained(token);
    expect([code, output]).toEqual([1, expect.stringMatching(new RegExp(`^refused: ${reason}.*\\n${reason}: .+`))]);
    expect(output).not.toContain("z.example");
    expect(givesAway(output, token)).toBe(false);
  });

  it("token explain shows values only of a token whose signature is good", async () => {
    const secret = "a-value-to-keep";
    const claims = { sub: secret, aud: secret, typ: secret, nbf: secret, project: { id: secret } };
    for (const token of [tokenOf(A, stranger, { claims }), tokenOf(A, keyA, { claims, header: { kid: secret } })]) {
      const { output, row } = await explained(token);
      expect(output).not.toContain(secret);
      expect(row("audience")).toEqual([
        "audience",
        expect.any(String),
        "a text of 15 characters",
        "refused (unproved)",
      ]);
    }
    expect((await explained(withClaims(claims))).output).toContain(`"${secret}"`);
  });

  it("token explain never prints a token, a part of it, or a control character of a terminal", async () => {
    const anything = fc.dictionary(fc.constantFrom("sub", "aud", "exp", "project", "nbf"), fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(anything, fc.constantFrom(keyA, stranger), async (claims, key) => {
        const token = tokenOf(A, key, { claims: { sub: "\u001b[2J", ...claims } });
        const { output } = await explained(token);
        expect(givesAway(output, token)).toBe(false);
        expect(output.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  const atAddress = { ci: entryOf({ issuer: A, jwks: { url: "https://keys.example.test/jwks" } }) };

  it.each<[string, CallOut, string, number]>([
    ["makes no call with --offline", offline, "no keys: the keys were not loaded (--offline)", 1],
    [
      "says that the keys are unreachable",
      () => Promise.reject(new Fault("target_unreachable", "keys.example.test: no connection", { retryable: true })),
      "no keys: keys.example.test: no connection",
      3,
    ],
  ])("token explain %s, and leaves the token unproved", async (_what, callOut, got, exit) => {
    const { code, output, row } = await explained(good, atAddress, { callOut });
    expect(row("signature").slice(2)).toEqual([got, "not checked"]);
    expect(row("audience").slice(2)).toEqual([expect.stringContaining("a text of"), "ok (unproved)"]);
    expect([code, output]).toEqual([exit, expect.stringContaining("verdict: undecided ")]);
    expect((await explained(withClaims({ aud: "x" }), atAddress, { callOut })).output).toContain("\nrefused: ");
  });

  it("token explain uses inline keys even with --offline", async () => {
    expect((await explained(ours(), { ci }, { callOut: offline })).code).toBe(0);
  });

  it("token explain checks the token against every entry of its issuer, or against the entry that is named", async () => {
    const issuers = { ...trusted, ci };
    expect((await explained(good, issuers)).output.match(/^trust entry .+$/gm)).toEqual([
      "trust entry a",
      "trust entry ci",
    ]);
    const other = await explained(good, issuers, { only: "b" });
    expect([other.code, other.row("issuer")[3]]).toEqual([1, "refused (unproved)"]);
  });

  it("token explain ends with the verdict of all entries together", async () => {
    const strict = entryA({ audience: "other" }).a;
    const shadowed = { ...strict, mode: "shadow" as const };
    const unreachable = entryOf({ issuer: A, jwks: { url: "https://keys.example.test/jwks" } });
    const verdictOf = async (issuers: ExplainDeps["issuers"]) =>
      /^verdict: .+$/m.exec((await explained(good, issuers, { callOut: offline })).output)?.[0];
    const { a } = trusted;
    expect(await verdictOf({ strict, shadowed, unreachable, ...(a && { a }) })).toContain("accepted by a,");
    expect(await verdictOf({ strict, shadowed, unreachable })).toContain("undecided");
    expect(await verdictOf({ strict, shadowed })).toContain("let in without a role by shadowed");
  });

  it("token explain shows what shadow mode would do, and does not call that accepted", async () => {
    const { code, output } = await explained(good, { ci: { ...ci, mode: "shadow" } });
    expect([code, output]).toEqual([1, expect.stringContaining("verdict: refused, but let in without a role by ci")]);
    const forged = await explained(tokenOf(A, stranger), { ci: { ...ci, mode: "shadow" } });
    expect(forged.output).toContain("verdict: refused; ");
  });

  it("token explain names the checks that depend on a request", async () => {
    const bound = { ...ci, proof: "dpop" as const, singleUse: true, bodyDigestClaim: ["body"] };
    const token = ours({ cnf: { jkt: sha256("key") }, body: sha256("body") });
    const { code, row } = await explained(token, { ci: bound });
    for (const check of ["proof of the key", "single use", "body"]) {
      expect(row(check).slice(2)).toEqual(["depends on the request", "not checked"]);
    }
    expect(code).toBe(0);
  });
});

describe("the facts that token explain shows", () => {
  const editor = {
    call: [],
    fire: ["deploy-*"],
    replay: ["docs"],
    approve: ["deploy-prod"],
    promote: [],
    summarise: ["wiki"],
    pause: [],
  };
  const source = {
    name: "prod",
    provider: "tekton",
    mode: "enforce" as const,
    roles: [],
    people: {},
    settings: { bearer: { trust: ["ci"] } },
  };

  it.each<[string, readonly string[], ExplainDeps["sources"], string]>([
    [
      "what roles may do",
      ["ci", "editor"],
      [],
      "call status; fire deploy-*; replay docs; approve deploy-prod; summarise wiki",
    ],
    ["the sources that take such a token", ["ci"], [source], "call status; send to prod"],
    ["that a source takes a token without a role", [], [source], "send to prod"],
    ["the routes that a role may grant in an emergency", ["incident"], [], "grant in an emergency deploy"],
    ["that a token without a role may do nothing", [], [], "do nothing: each call is answered 403, role_missing"],
    [
      "that a token with a role that allows nothing may do nothing",
      ["idle"],
      [],
      "do nothing: each call is answered 403, role_missing",
    ],
  ])("token explain shows %s", async (_, earned, sources, may) => {
    const entry = entryA({ roles: earned, claims: [{ path: ["project", "id"], equals: "72" }] }).a;
    const idle = { ...editor, fire: [], replay: [], approve: [], promote: [], summarise: [], pause: [] };
    const roles = { ...ROLES, editor, idle, incident: idle };
    const { output } = await explained(ours(), { ci: entry }, { roles, sources, routes: [urgent] });
    expect(output).toContain(`\nwith these it may ${may}`);
  });

  it("token explain shows which issuers are configured, and that one of them differs by a slash alone", async () => {
    const { output } = await explained(withClaims({ iss: `${A}/` }));
    expect(output).toContain("its issuer differs from that of ci only by a slash at the end");
    expect(output).toMatch(new RegExp(`configured issuers:\n  ci: ${A}$`));
    const { output: other } = await explained(withClaims({ iss: `${A}/x` }));
    expect(other).not.toContain("slash at the end:");
    expect((await explained(withClaims({ iss: "x" }), {})).output).toContain("no issuer is configured");
  });

  it("token explain shows only the kinds of the claims of a token with a wrong signature", async () => {
    const { row } = await explained(tokenOf(A, stranger, { claims: { aud: {}, nbf: "x", project: { id: 7 } } }));
    expect([row("expiry")[2], row("audience")[2]]).toEqual(["a time", "an object"]);
    expect([row("not before")[2], row("claim project.id")[2]]).toEqual(["a text of 1 characters", "a number"]);
  });

  it("token explain shows the audience in the reason only if the signature is good", async () => {
    expect((await explained(ours({ aud: ["other", "b\u001b"] }))).output).toContain("got other, b?)");
    const atAddress = { ci: entryOf({ issuer: A, jwks: { url: "https://keys.example.test/jwks" } }) };
    const { output } = await explained(withClaims({ aud: "kept-back" }), atAddress, { callOut: offline });
    expect(output).toContain(`refused: audience_mismatch (expected ${AUDIENCE})`);
    expect(output).not.toContain("kept-back");
  });

  it("token explain rejects the lifetime of a token that ends before it begins", async () => {
    const { row } = await explained(ours({ iat: NOW - 10, exp: NOW - 610 }));
    expect(row("lifetime").slice(2)).toEqual(["-600", "refused"]);
  });

  it("token explain fails if the token's file does not exist or is empty", async () => {
    await expect(readToken("/nowhere/token.txt")).rejects.toMatchObject({
      code: "configuration_invalid",
      message: "there is no file /nowhere/token.txt",
    });
    await expect(readToken("/dev/null")).rejects.toMatchObject({ message: "/dev/null is empty" });
  });
});

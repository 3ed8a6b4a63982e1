import { describe, expect, it } from "vitest";
import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";
import { A, attack, B, entryA, givesAway, good, keyA, withClaims, withClaimsText, withHeader } from "./attacking.ts";
import { AUDIENCE, NOW, signText } from "./tokens.ts";

const MINUTE = 60;
const accessTokens = entryA({ claims: [{ path: "token_use", equals: "access" }] });
const bearers = entryA({ claims: [{ path: "typ", equals: "Bearer" }] });
/** RFC 9068 §4: nothing but an access token. */
const rfc9068 = { a: { ...entryA({}).a, types: ["at+jwt"] } };
/** Cognito's access tokens name the client and no audience. */
const clients = { a: { ...entryA({ audience: "client-1" }).a, audienceClaim: "client_id" as const } };
const inherited = (name: string) => entryA({ claims: [{ path: [name], equals: "x" }] });

type Entries = Readonly<Record<string, TrustEntry>>;

/** As {@link Attack}, and the entries if they are not the usual ones. */
type Row = [id: string, what: string, token: string, reason: string, entries?: Entries];

/** The claim `act` of a chain of actors, the last one first. */
const chainOf = ([sub, ...rest]: readonly string[]): object => ({
  sub,
  ...(rest.length > 0 && { act: chainOf(rest) }),
});

const attacks: Row[] = [
  ["T09", "an ID token, recognized by a claim", withClaims({ token_use: "id" }), "claim_mismatch", accessTokens],
  ["T09", "a refresh token, recognized by a claim", withClaims({ typ: "Refresh" }), "claim_mismatch", bearers],
  ["T09", "a plain JWT instead of at+jwt", good, "token_type_mismatch", rfc9068],
  ["T09", "a JWT without typ instead of at+jwt", withHeader({ typ: undefined }), "token_type_mismatch", rfc9068],
  ["T09", "a logout token", withHeader({ typ: "logout+jwt" }), "token_type_mismatch"],
  [
    "T09",
    "a logout token whose typ is JWT",
    withClaims({ events: { "http://schemas.openid.net/event/backchannel-logout": {} }, sid: "s-1" }),
    "token_type_mismatch",
  ],
  ["T09", "a token with an empty list of events", withClaims({ events: [] }), "token_type_mismatch"],
  ["T09", "a DPoP proof", withHeader({ typ: "dpop+jwt" }), "token_type_mismatch"],
  ["T09", "a typ that is not a text", withHeader({ typ: ["JWT"] }), "token_malformed"],
  ["T09", "an actor without a name", withClaims({ act: { client_id: "agent" } }), "claim_mismatch"],
  ["T09", "an actor that is no object", withClaims({ act: "agent" }), "claim_mismatch"],
  ["T09", "an actor whose name is an object", withClaims({ act: { sub: { id: "agent" } } }), "claim_mismatch"],
  ["T09", "an inner actor without a name", withClaims({ act: { sub: "a", act: {} } }), "claim_mismatch"],
  ["T09", "six actors", withClaims({ act: chainOf(["a", "b", "c", "d", "e", "f"]) }), "claim_mismatch"],
  ["T11", "iss twice, ours last", withClaimsText(`"exp":${NOW + 9},"iss":"${A}"`), "token_malformed"],
  ["T11", "iss twice, ours first", withClaimsText(`"exp":${NOW + 9},"iss":"${B}"`), "token_malformed"],
  ["T11", "aud twice", withClaimsText(`"exp":${NOW + 9},"aud":"other"`), "token_malformed"],
  ["T11", "aud twice in two spellings", withClaimsText(`"exp":${NOW + 9},"\\u0061ud":"other"`), "token_malformed"],
  ["T11", "alg twice", signText('{"alg":"none","alg":"ES256","kid":"k1"}', "{}", keyA), "token_malformed"],
  ["T11", "alg twice, none last", signText('{"alg":"ES256","kid":"k1","alg":"none"}', "{}", keyA), "token_malformed"],
  ...[
    `${A}/`,
    `${A}//`,
    `${A}:443`,
    A.toUpperCase(),
    "https://a@a.example.test",
    "https://\u0430.example.test",
    "a.example.test",
    `${A}?`,
    `${A}#`,
    ` ${A}`,
    "",
    null,
    [A],
    [A, B],
    { iss: A },
    1,
    undefined,
  ].map((iss): Row => ["T12", `iss ${JSON.stringify(iss)}`, withClaims({ iss }), "issuer_unknown"]),
  ["T15", "expired by a second beyond the skew", withClaims({ exp: NOW - 6 }), "token_expired"],
  ["T15", "expired just at the skew", withClaims({ exp: NOW - 5 }), "token_expired"],
  ["T15", "nbf in the future", withClaims({ nbf: NOW + 6 }), "token_not_yet_valid"],
  ["T15", "iat in the future", withClaims({ iat: NOW + 6 }), "token_not_yet_valid"],
  ["T15", "exp as text", withClaims({ exp: `${NOW + 60}` }), "claim_mismatch"],
  ["T15", "exp null", withClaims({ exp: null }), "claim_mismatch"],
  ["T15", "exp as a list", withClaims({ exp: [NOW + 60] }), "claim_mismatch"],
  ["T15", "exp negative", withClaims({ exp: -1 }), "token_expired"],
  ["T15", "exp a fraction too late", withClaims({ exp: NOW - 5.5 }), "token_expired"],
  ["T15", "exp infinite", withClaimsText('"exp":1e999'), "claim_mismatch"],
  ["T15", "no exp", withClaims({ exp: undefined }), "claim_missing"],
  ["T15", "iat infinitely long ago", withClaimsText(`"exp":${NOW + 9},"iat":-1e999`), "claim_mismatch"],
  ["T15", "nbf as text", withClaims({ nbf: "now" }), "claim_mismatch"],
  ["T15", "a lifetime of ten years", withClaims({ exp: NOW + 315_360_000 }), "token_lifetime_too_long"],
  ["T15", "a long life and no iat", withClaims({ iat: undefined, exp: NOW + 3_601 }), "token_lifetime_too_long"],
  ["T16", "an empty list of audiences", withClaims({ aud: [] }), "audience_mismatch"],
  ["T16", "an audience in a list in a list", withClaims({ aud: [[AUDIENCE]] }), "audience_mismatch"],
  ["T16", "an audience as an object", withClaims({ aud: { 0: AUDIENCE } }), "audience_mismatch"],
  ["T16", "a part of the audience", withClaims({ aud: AUDIENCE.slice(0, -1) }), "audience_mismatch"],
  ["T16", "the audience and more", withClaims({ aud: `${AUDIENCE}/` }), "audience_mismatch"],
  ["T16", "audiences in one text", withClaims({ aud: `${AUDIENCE},other` }), "audience_mismatch"],
  ["T16", "the audience in another case", withClaims({ aud: AUDIENCE.toUpperCase() }), "audience_mismatch"],
  ["T16", "another audience", withClaims({ aud: "https://other.example.test" }), "audience_mismatch"],
  ["T16", "no audience", withClaims({ aud: undefined }), "claim_missing"],
  ["T16", "the client's id as audience", withClaims({ aud: "client-1", client_id: AUDIENCE }), "audience_mismatch"],
  ["T16", "an ID token if the client is named", withClaims({ aud: "client-1" }), "claim_missing", clients],
  ["T16", "another client", withClaims({ aud: undefined, client_id: "client-2" }), "audience_mismatch", clients],
  ["T16", "our client, for another service", withClaims({ client_id: "client-1" }), "audience_mismatch", clients],
  ...["__proto__", "constructor", "toString"].map(
    (name): Row => [
      ...(["T33", `no claim ${name}, which every object has`, good, "claim_missing"] as const),
      inherited(name),
    ],
  ),
  [
    "T33",
    "a claim __proto__ that holds another",
    withClaimsText(`"exp":${NOW + 9},"__proto__":{"token_use":"access"}`),
    "claim_missing",
    accessTokens,
  ],
  ["T33", "a key id __proto__", withHeader({ kid: "__proto__" }), "key_unknown"],
  [
    "T40",
    "a clock that is 5 minutes fast",
    withClaims({ iat: NOW + 5 * MINUTE, nbf: NOW + 5 * MINUTE }),
    "token_not_yet_valid",
  ],
  [
    "T40",
    "a clock that is 5 minutes slow",
    withClaims({ iat: NOW - 10 * MINUTE, exp: NOW - 5 * MINUTE }),
    "token_expired",
  ],
];

describe("an attack on a token's claims", () => {
  it.each<Row>(attacks)(
    "the attack %s (%s) is rejected, causes no call and is logged without the token",
    async (_id, _what, token, reason, entries) => {
      const { logged, ...outcome } = await attack(token, entries);
      expect(outcome).toEqual({ status: 401, reason, calls: 0 });
      expect(givesAway(logged, token)).toBe(false);
    },
  );

  it.each<[string, string, string, Entries?]>([
    ["T15", "expired by a second within the skew", withClaims({ exp: NOW - 4 })],
    ["T15", "nbf and iat within the skew", withClaims({ nbf: NOW + 5, iat: NOW + 5 })],
    ["T15", "times with fractions", withClaims({ iat: NOW - 0.5, exp: NOW + 100.25 })],
    ["T16", "several audiences, ours among them", withClaims({ aud: ["other", AUDIENCE] })],
    ["T16", "our client, and no audience", withClaims({ aud: undefined, client_id: "client-1" }), clients],
    ["T16", "our client, and an audience of ours", withClaims({ aud: "client-1", client_id: "client-1" }), clients],
    ["T09", "an access token of RFC 9068", withHeader({ typ: "application/AT+JWT" }), rfc9068],
    ["T09", "no typ", withHeader({ typ: undefined })],
    ["T33", "a claim __proto__", withClaimsText(`"exp":${NOW + 9},"__proto__":{"sub":"admin"}`)],
  ])("a good token that resembles the attack %s is accepted (%s)", async (_id, _what, token, entries) => {
    expect((await attack(token, entries)).reason).toBe("accepted");
  });
});

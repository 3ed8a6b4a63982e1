import { randomUUID } from "node:crypto";
import { generateKeyPair, SignJWT } from "jose";
import { type Clock, toSeconds } from "../host/clock.ts";
import type { Algorithm } from "./algorithms.ts";
import type { ClaimRule } from "./claim-rule.ts";
import { jwksLoader, type KeySources } from "./load-jwks.ts";
import type { PublicKeySet } from "./public-key-set.ts";
import type { TrustEntry } from "./trust-entry.ts";

interface ForgedToken {
  /** The algorithm and whether the token has a key id, for people. */
  readonly what: string;
  readonly token: string;
}

/**
 * Creates tokens that meet every condition of a trust entry but are signed with another key, so that only the signature
 * check rejects them. Two for each algorithm for which the issuer has a key: with the id of that key, and without an
 * id. If the keys cannot be loaded: for the entry's first algorithm, with a random id.
 */
export async function forgedTokens(
  entry: TrustEntry,
  deps: KeySources & { readonly clock: Clock },
): Promise<readonly ForgedToken[]> {
  // The bridge may have keys that are not readable here, such as a file on its own machine.
  const published = await jwksLoader(entry, deps)().catch(() => ({ keys: [] }));
  const withKey = entry.algorithms.filter((alg) => keyFor(alg, published));
  const tokens: ForgedToken[] = [];
  for (const alg of withKey.length > 0 ? withKey : entry.algorithms.slice(0, 1)) {
    const kid = keyFor(alg, published)?.kid ?? randomUUID();
    tokens.push({ what: `${alg}, with a key id`, token: await forged(entry, { alg, kid }, deps.clock) });
    tokens.push({ what: `${alg}, without a key id`, token: await forged(entry, { alg }, deps.clock) });
  }
  return tokens;
}

const keyFor = (alg: Algorithm, { keys }: PublicKeySet): PublicKeySet["keys"][number] | undefined =>
  keys.find((key) => (key.alg === undefined ? key.kty === KEY_TYPES[alg.slice(0, 2)] : key.alg === alg));

/** Key types by the first two letters of the algorithm (RFC 7518 §3.1, RFC 8037). */
const KEY_TYPES: Readonly<Record<string, string>> = { RS: "RSA", PS: "RSA", ES: "EC", Ed: "OKP" };

const LIFETIME_SECONDS = 60;

async function forged(
  entry: TrustEntry,
  key: { readonly alg: Algorithm; readonly kid?: string },
  clock: Clock,
): Promise<string> {
  const { issuer, audience, audienceClaim, types = ["JWT"] } = entry;
  const iat = toSeconds(clock.now());
  const times = { iat, exp: iat + LIFETIME_SECONDS };
  const base = { iss: issuer, sub: "drawbridge-check", [audienceClaim]: audience[0], jti: randomUUID(), ...times };
  // The token meets the rules of the first role, so that a missing role does not hide an accepted signature.
  const rules = [...(entry.roles[0]?.when ?? []), ...entry.claims, ...entry.presetClaims];
  const claims = rules.reduce<Claims>((all, rule) => withClaim(all, rule.path, sampleOf(rule)), base);
  const { privateKey } = await generateKeyPair(key.alg);
  return new SignJWT({ ...claims }).setProtectedHeader({ ...key, typ: types[0] ?? "JWT" }).sign(privateKey);
}

type Claims = Readonly<Record<string, unknown>>;

function withClaim(claims: Claims, [name = "", ...below]: readonly string[], value: string): Claims {
  if (below.length === 0) return { ...claims, [name]: value };
  const inner = claims[name];
  return { ...claims, [name]: withClaim(typeof inner === "object" ? { ...inner } : {}, below, value) };
}

/** Returns a text that meets a rule; a star may match an empty text. */
function sampleOf(rule: ClaimRule): string {
  if ("equals" in rule) return rule.equals[0] ?? "";
  return "prefix" in rule ? (rule.prefix[0] ?? "") : (rule.glob[0] ?? "").replaceAll("*", "");
}

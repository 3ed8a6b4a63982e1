import { randomUUID } from "node:crypto";
import { generateKeyPair, SignJWT } from "jose";
import { type Clock, toSeconds } from "../host/clock.ts";
import type { Algorithm } from "./algorithms.ts";
import type { ClaimRule } from "./claim-rule.ts";
import { jwksLoader, type KeySources } from "./load-jwks.ts";
import type { PublicKeySet } from "./public-key-set.ts";
import type { TrustEntry } from "./trust-entry.ts";

interface ForgedToken {
  /** How it names its key, for people. */
  readonly what: string;
  readonly token: string;
}

/**
 * Tokens that are right in all that a trust entry asks for but the key that they are signed with: nothing but the check of
 * the signature stands in their way. Two for each algorithm that the issuer has a key for: under that key's id, and under
 * none. Where its keys cannot be had, for the entry's first algorithm and under a made-up id.
 */
export async function forgedTokens(
  entry: TrustEntry,
  deps: KeySources & { readonly clock: Clock },
): Promise<readonly ForgedToken[]> {
  // The bridge may have keys that are out of reach here, in a file of its own machine.
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

/** RFC 7518 §3.1 and RFC 8037, by the beginning of an algorithm's name. */
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
  const plain = { iss: issuer, sub: "drawbridge-check", [audienceClaim]: audience[0], jti: randomUUID(), ...times };
  // With what earns the first role, so that a want of roles does not hide what the signature let pass.
  const rules = [...(entry.roles[0]?.when ?? []), ...entry.claims, ...entry.presetClaims];
  const claims = rules.reduce<Claims>((told, rule) => withClaim(told, rule.path, sampleOf(rule)), plain);
  const { privateKey } = await generateKeyPair(key.alg);
  return new SignJWT({ ...claims }).setProtectedHeader({ ...key, typ: types[0] ?? "JWT" }).sign(privateKey);
}

type Claims = Readonly<Record<string, unknown>>;

function withClaim(claims: Claims, [name = "", ...below]: readonly string[], value: string): Claims {
  if (below.length === 0) return { ...claims, [name]: value };
  const inner = claims[name];
  return { ...claims, [name]: withClaim(typeof inner === "object" ? { ...inner } : {}, below, value) };
}

/** A text that meets a rule; a star may stand for nothing. */
function sampleOf(rule: ClaimRule): string {
  if ("equals" in rule) return rule.equals[0] ?? "";
  return "prefix" in rule ? (rule.prefix[0] ?? "") : (rule.glob[0] ?? "").replaceAll("*", "");
}

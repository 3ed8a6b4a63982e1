import type { BuildPart } from "../../model/event.ts";
import type { Algorithm } from "../algorithms.ts";
import type { ClaimRule } from "../claim-rule.ts";

/** The names on the way to a claim. */
export type ClaimPath = readonly string[];

type Claims = Readonly<Record<string, unknown>>;

/**
 * What is peculiar to one issuer's tokens, so that a trust entry takes a few lines. A preset only ever adds conditions:
 * what an entry says for itself comes on top. One file each, and one line in `registry.ts`.
 */
export interface Preset {
  /** As written in `drawbridge.yaml` under `preset`. */
  readonly name: string;
  /** The issuer's text, where there is one for all customers; an entry may name another (a self-managed one). */
  readonly issuer?: string;
  /** What the issuer's text looks like. */
  readonly issuerForm?: { readonly matches: RegExp; readonly says: string };
  /** Where the keys are, for an issuer whose discovery does not say or that has none. */
  readonly keysUrl?: (issuer: string) => string;
  /** Default: RS256 and ES256. */
  readonly algorithms?: readonly Algorithm[];
  /** The claim that names who the token is made for. Default `aud`. */
  readonly audienceClaim?: "aud" | "client_id";
  /** Allowed `typ` of the header, compared as RFC 9068 §4 and RFC 7515 §4.1.9 say. Absent: `JWT`, `at+jwt` or none. */
  readonly types?: readonly string[];
  /** What every token of the wanted kind from this issuer has. */
  readonly claims?: (issuer: string) => readonly ClaimRule[];
  /**
   * What follows from `rules` for this token: where two claims say the same of different projects. `all` are these and
   * those that are asked for besides.
   */
  readonly implied?: (claims: Claims, rules: readonly ClaimRule[], all: readonly ClaimRule[]) => readonly ClaimRule[];
  /** Where the issuer signs for all its customers: the claims that tell them apart. An entry must pin one. */
  readonly tenant?: (issuer: string) => TenantClaims | undefined;
  /** The issuer signs for all its customers, and the audience alone tells them apart. */
  readonly isIdentifiedByAudience?: true;
  /** Default 3,600. */
  readonly maxLifetimeSeconds?: number;
  /** Claims that together name the subject. Default `sub`. */
  readonly subject?: readonly ClaimPath[];
  /** Claims that go into the record as part of the principal. Values that are no text or number are left out. */
  readonly shown?: readonly ClaimPath[];
  /** What the token's holder can choose or change: no role and no pin may hang on it alone. */
  readonly changeable?: ChangeableClaims;
  /** Whether the issuer left the groups out because there are too many of them. */
  readonly omitsGroups?: (claims: Claims) => boolean;
  /** The run that the token's holder is part of, for status callbacks; nothing when the claims do not tell. */
  readonly run?: (claims: Claims) => TokenRun | undefined;
}

/** Claims that say whose token it is: by an id that stays, or by a name that may be somebody else's tomorrow. */
export interface TenantClaims {
  readonly ids: readonly ClaimPath[];
  readonly names: readonly ClaimPath[];
}

/** Claims, with all below them, that the token's holder decides, and which to ask for in their place. */
interface ChangeableClaims {
  /** A `*` stands for any part of a name. */
  readonly claims: readonly ClaimPath[];
  /** For people. */
  readonly instead: string;
}

/** What a CI system's token says of the build that it was given to. */
export type TokenRun = Pick<BuildPart, "system" | "id" | "pipeline" | "number" | "commit" | "branch" | "url">;

import type { BuildPart } from "../../model/event.ts";
import type { Algorithm } from "../algorithms.ts";
import type { ClaimRule } from "../claim-rule.ts";

/** The names from the root to a claim. */
export type ClaimPath = readonly string[];

type Claims = Readonly<Record<string, unknown>>;

/**
 * The special properties of one issuer's tokens, so that a trust entry needs only a few lines. A preset only adds
 * conditions to those of the entry. Each preset is one file, and one line in `registry.ts`.
 */
export interface Preset {
  /** The value of `preset` in `drawbridge.yaml`. */
  readonly name: string;
  /** The issuer text, if it is the same for all customers; an entry may name another (a self-managed one). */
  readonly issuer?: string;
  /** The format of the issuer text, and its description for people. */
  readonly issuerForm?: { readonly matches: RegExp; readonly says: string };
  /** The URL of the keys, for an issuer without discovery or whose discovery does not contain it. */
  readonly keysUrl?: (issuer: string) => string;
  /** Default: RS256 and ES256. */
  readonly algorithms?: readonly Algorithm[];
  /** The claim with the audience of the token. Default `aud`. */
  readonly audienceClaim?: "aud" | "client_id";
  /** Allowed `typ` of the header, compared as in RFC 9068 §4 and RFC 7515 §4.1.9. Default: `JWT`, `at+jwt` or none. */
  readonly types?: readonly string[];
  /**
   * Whether a token of the usual `typ` is an access token that its issuer granted something, and whether it is an ID
   * token. Without it, only `typ` and the claims of a logout token decide.
   */
  readonly kinds?: {
    readonly isAccessToken: (claims: Claims) => boolean;
    readonly isIdToken: (claims: Claims) => boolean;
    /** For people: what an access token has. */
    readonly says: string;
  };
  /** Rules that every token of the required kind from this issuer meets. */
  readonly claims?: (issuer: string) => readonly ClaimRule[];
  /**
   * Returns the rules that follow from `rules` for this token, if two claims have the same meaning for different
   * projects. `all`: these rules and all others that the token must meet.
   */
  readonly implied?: (claims: Claims, rules: readonly ClaimRule[], all: readonly ClaimRule[]) => readonly ClaimRule[];
  /** The claims that distinguish the customers, if the issuer signs for all of them. An entry must pin one. */
  readonly tenant?: (issuer: string) => TenantClaims | undefined;
  /** The issuer signs for all its customers, and only the audience distinguishes them. */
  readonly isIdentifiedByAudience?: true;
  /** Default 3,600. */
  readonly maxLifetimeSeconds?: number;
  /** Claims that together identify the subject. Default `sub`. */
  readonly subject?: readonly ClaimPath[];
  /** Claims that are recorded as part of the principal. Values other than text and numbers are omitted. */
  readonly shown?: readonly ClaimPath[];
  /** Claims that the holder of the token can choose or change: no role and no pin may depend on them alone. */
  readonly changeable?: ChangeableClaims;
  /** Whether the issuer omitted the groups because there are too many. */
  readonly omitsGroups?: (claims: Claims) => boolean;
  /** The run that the holder of the token is part of, for status callbacks; undefined if the claims do not name it. */
  readonly run?: (claims: Claims) => TokenRun | undefined;
  /** The pod that the token was issued to. {@link run} then names the pod, which must prove its run in another way. */
  readonly pod?: (claims: Claims) => TokenPod | undefined;
  /** The account because of which the run was started. */
  readonly initiator?: (claims: Claims) => { readonly id: string; readonly name?: string } | undefined;
}

export interface TokenPod {
  readonly namespace: string;
  readonly name: string;
}

/** Claims that identify the customer: by a permanent id, or by a name that may belong to someone else later. */
export interface TenantClaims {
  readonly ids: readonly ClaimPath[];
  readonly names: readonly ClaimPath[];
}

/** Claims, with all their members, that the holder of the token controls, and the claims to use instead. */
interface ChangeableClaims {
  /** A `*` matches any part of a name. */
  readonly claims: readonly ClaimPath[];
  /** For people. */
  readonly instead: string;
}

/** The build that a token of a CI system was issued to, from its claims. */
export type TokenRun = Pick<
  BuildPart,
  "system" | "id" | "pipeline" | "number" | "commit" | "branch" | "tag" | "change" | "source" | "protected" | "url"
>;

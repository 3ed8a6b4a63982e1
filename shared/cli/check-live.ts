import { randomBytes } from "node:crypto";
import { checkGroups } from "../config/check-groups.ts";
import { connectSources } from "../config/connect.ts";
import { namesUnder } from "../config/references.ts";
import type { Config } from "../config/schema.ts";
import { signingDeps } from "../config/signing-deps.ts";
import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import { Secret, type Secrets } from "../host/secrets.ts";
import { forgedTokens } from "../identity/forged-tokens.ts";
import { callOutOf } from "../outbound/certificate-authorities.ts";
import { exportSpans } from "../outbound/otlp.ts";
import { notAnswering } from "./bridge-client.ts";

/** One forged request, and how the bridge responded; or an empty export, and what the collector did with it. */
export interface LiveFinding {
  readonly what: string;
  /** The source that it was sent to; undefined for a request to the bridge's own interface. */
  readonly source?: string;
  /** 0 if the collector did not answer 200. */
  readonly status: number;
  /**
   * `undecided`: the response is not a 401, and does not show whether the bridge accepted the credential. `taken` and `not
   * taken`: of the collector. `known` and `not known`: of the site that is asked for a group.
   */
  readonly verdict: "refused" | "let in" | "undecided" | "taken" | "not taken" | "known" | "not known";
}

export interface LiveDeps {
  readonly clock: Clock;
  /** Default: the real outbound HTTP client. */
  readonly callOut?: CallOut;
}

/**
 * `drawbridge check --live`: sends a running bridge requests that it must reject. Each source gets requests without a
 * credential, with a guessed secret, with a forged token, and with tokens of the trust entries that it names, signed by
 * another key. The bridge's own interface gets requests with tokens of every entry. Only a 401 is right. A rejected
 * request leaves no record. A request that a source accepts, as one in shadow mode does, is recorded as a delivery.
 */
export async function checkLive(base: URL, config: Config, deps: LiveDeps): Promise<readonly LiveFinding[]> {
  const findings: LiveFinding[] = [];
  const callOut = deps.callOut ?? callOutOf(config);
  for (const { what, source, path, method, headers } of await forgedRequests(base, config, deps)) {
    const url = new URL(path, base);
    const body = method === "POST" ? { body: BODY } : {};
    const request = { method, url, headers, ...body, ...LIMITS };
    const { status } = await callOut(request).catch(notAnswering(base));
    findings.push({ what, ...(source !== undefined && { source }), status, verdict: verdictOf(status) });
  }
  return findings;
}

/** Sends the collector an export without spans, if one is configured. It must take it. */
export async function checkCollector(
  config: Config,
  deps: LiveDeps & { readonly secrets: Secrets },
): Promise<readonly LiveFinding[]> {
  const { otlp } = config;
  if (otlp === undefined) return [];
  const answer = await exportSpans([], { ...deps, settings: otlp, callOut: deps.callOut ?? callOutOf(config) });
  const what = "collector, empty export";
  if (answer.result === "taken") return [{ what, status: 200, verdict: "taken" }];
  return [{ what: `${what}: ${answer.why}`, status: 0, verdict: "not taken" }];
}

/** The groups that give roles, each with whether its site has it. */
export async function checkLiveGroups(
  config: Config,
  deps: LiveDeps & { readonly secrets: Secrets },
): Promise<readonly LiveFinding[]> {
  const checked = await checkGroups(config, { ...deps, callOut: deps.callOut ?? callOutOf(config) });
  return checked.map(({ source, group, target, isKnown, why }): LiveFinding => {
    const what = `group ${group} of source ${source}, as ${target} says`;
    if (isKnown === undefined) return { what: `${what}: ${why}`, status: 0, verdict: "undecided" };
    return isKnown ? { what, status: 200, verdict: "known" } : { what, status: 404, verdict: "not known" };
  });
}

/** The sources that the configuration has, and the bridge does not: every request to one of them is answered 404. */
export function unknownSources(findings: readonly LiveFinding[]): readonly string[] {
  const known = new Set(findings.filter(({ status }) => status !== 404).map(({ source }) => source));
  const all = new Set(findings.flatMap(({ source }) => (source === undefined ? [] : [source])));
  return [...all].filter((source) => !known.has(source));
}

const LIMITS = { timeoutMs: 10_000, maxResponseBytes: 1_048_576 };

function verdictOf(status: number): LiveFinding["verdict"] {
  if (status === 401) return "refused";
  return status < 300 || ONLY_WHEN_PROVED.includes(status) ? "let in" : "undecided";
}

/** The statuses that the bridge returns only after it accepted the credential (`http/problem.ts`). */
const ONLY_WHEN_PROVED: readonly number[] = [400, 403, 409, 429];

interface ForgedRequest {
  readonly what: string;
  readonly source?: string;
  readonly path: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
}

const BODY = "{}";
const PLAIN = { "content-type": "application/json" };

/** A token that anybody can write: a header, claims and an invalid signature. */
const FORGED_TOKEN = ["eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ", "eyJzdWIiOiJub2JvZHkifQ", "AAAA"].join(".");

/** Every secret is a random guess, in a form that every provider accepts. */
const guessed: Secrets = { read: async () => new Secret(`whsec_${randomBytes(32).toString("base64")}`) };

/** One request for each part of the bridge's own interface that verifies the caller's token in its own code. */
const CALLS = [
  { what: "event log", method: "GET", path: "/v1/deliveries" },
  { what: "credentials", method: "GET", path: "/v1/credentials" },
  { what: "approvals", method: "GET", path: "/v1/approvals" },
  { what: "status", method: "POST", path: "/v1/status" },
] as const;

async function forgedRequests(base: URL, config: Config, deps: LiveDeps): Promise<readonly ForgedRequest[]> {
  const tokens = await tokensOf(config, deps);
  const all = [...tokens.values()].flat();
  const requests = CALLS.flatMap((call) => [
    { ...call, what: `${call.what}, no token`, headers: PLAIN },
    ...[FORGED, ...all].map(({ what, headers }) => ({ ...call, what: `${call.what}, ${what}`, headers })),
  ]);
  const connected = connectSources(config, signingDeps(config, guessed, deps.clock));
  const toSources: ForgedRequest[] = [];
  for (const { name, settings } of config.sources) {
    const to = { method: "POST", source: name, path: `/webhooks/${name}` } as const;
    const trusted = namesUnder(settings, "trust", []).flatMap(([, entry]) => tokens.get(entry) ?? []);
    toSources.push({ ...to, what: `source ${name}, no credential`, headers: PLAIN });
    for (const { what, headers } of [FORGED, ...trusted]) {
      toSources.push({ ...to, what: `source ${name}, ${what}`, headers });
    }
    const body = Buffer.from(BODY);
    const signed = await connected
      .get(name)
      ?.sign?.({ url: new URL(to.path, base), headers: new Headers(PLAIN), body });
    if (signed) toSources.push({ ...to, what: `source ${name}, guessed secret`, headers: Object.fromEntries(signed) });
  }
  return [...toSources, ...requests];
}

type Credential = Pick<ForgedRequest, "what" | "headers">;

const bearer = (what: string, token: string): Credential => ({
  what,
  headers: { ...PLAIN, authorization: `Bearer ${token}` },
});

const FORGED = bearer("forged token", FORGED_TOKEN);

/** Forged tokens of each trust entry. */
async function tokensOf({ issuers }: Config, deps: LiveDeps): Promise<ReadonlyMap<string, readonly Credential[]>> {
  const tokens = new Map<string, readonly Credential[]>();
  for (const [name, entry] of Object.entries(issuers)) {
    const forged = await forgedTokens(entry, deps);
    tokens.set(
      name,
      forged.map(({ what, token }) => bearer(`token of ${name} by another key (${what})`, token)),
    );
  }
  return tokens;
}

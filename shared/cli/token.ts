import { readFile } from "node:fs/promises";
import { stdin } from "node:process";
import { text } from "node:stream/consumers";
import { loadConfig } from "../config/load.ts";
import { namesUnder } from "../config/references.ts";
import type { Config } from "../config/schema.ts";
import type { CallOut } from "../host/call-out.ts";
import { type Clock, systemClock, toSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { readCompactJws } from "../identity/compact-jws.ts";
import { type Explanation, explainToken } from "../identity/explain-token.ts";
import { trustedAs } from "../identity/verify-signature.ts";
import type { Rejection } from "../model/rejection.ts";
import { hintOf } from "../model/rejection-hints.ts";
import { callOutOf } from "../outbound/certificate-authorities.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Format, formatOf } from "./output.ts";
import { sessionOf } from "./session.ts";
import { jsonLine, jsonText, printable, rejectionLine, table } from "./terminal-text.ts";

export interface ExplainDeps extends Pick<Config, "issuers" | "orders" | "roles" | "routes" | "sources" | "upstreams"> {
  readonly clock: Clock;
  readonly print: (text: string) => void;
  readonly format: Format;
  /** Default: the real outbound HTTP client. */
  readonly callOut?: CallOut;
}

/** `drawbridge token explain`. */
export async function tokenCommand(invocation: Invocation): Promise<number> {
  const { options, given, print } = invocation;
  const session = await sessionOf(invocation);
  const config = await loadConfig(session.config());
  const { issuers, orders, roles, sources, routes, upstreams } = config;
  const { entry } = options;
  if (entry !== undefined && !Object.hasOwn(issuers, entry)) throw unknownEntry(entry, issuers);
  const callOut = given.has("offline") ? offline : callOutOf(config);
  const token = await readToken(options["file"]);
  return tokenExplain(token, entry, {
    issuers,
    orders,
    roles,
    sources,
    routes,
    upstreams,
    clock: systemClock,
    print,
    format: formatOf(invocation),
    callOut,
  });
}

/** Reads the token from a file or standard input, never from an argument: every user of the machine can see arguments. */
export async function readToken(path: string | undefined): Promise<string> {
  const given = path === undefined ? await text(stdin) : await readFile(path, "utf8").catch(unreadable(path));
  const token = given.trim().replace(/^(bearer|dpop) +/i, "");
  if (token === "") throw invalid(path === undefined ? "standard input is empty" : `${path} is empty`);
  return token;
}

const unreadable = (path: string) => (error: unknown) => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  throw invalid(code === "ENOENT" ? `there is no file ${path}` : `${path} cannot be read (${code})`);
};

const invalid = (message: string): Fault => new Fault("configuration_invalid", message, { retryable: false });

/**
 * Prints why each trust entry of the issuer, or the named entry, accepts or rejects a token,
 * claim by claim. The token itself is neither sent nor printed. Returns the exit code: 0 if an entry accepts the token and,
 * if the entry grants roles, the token earns one; 3 if the keys of the issuer are out of reach; else 1.
 */
export async function tokenExplain(token: string, only: string | undefined, deps: ExplainDeps): Promise<number> {
  const { issuers, clock, print, format } = deps;
  const read = readCompactJws(token);
  if (!read.ok) {
    print(format === "table" ? rejectionText(read.rejection) : jsonIn(format, { rejection: read.rejection }));
    return EXIT.refused;
  }
  const { iss } = read.value.claims;
  const entries = Object.entries(issuers).filter(([name, entry]) =>
    only === undefined ? entry.issuer === iss : name === only,
  );
  const explanations: Explanation[] = [];
  for (const [name, entry] of entries) {
    explanations.push(await explainToken(read.value, trustedAs(name, entry, deps), toSeconds(clock.now())));
  }
  const [best] = explanations.toSorted((a, b) => RANKED.indexOf(a.outcome) - RANKED.indexOf(b.outcome));
  if (format === "table") {
    for (const explanation of explanations) print(explanationText(explanation));
    print(best ? `${verdictText(best)}\n${rightsText(best, deps)}` : unknownIssuerText(iss, deps));
  } else if (format === "jsonl" && best) {
    for (const explanation of explanations) print(jsonLine(explanation));
  } else {
    print(jsonIn(format, best ? explanations : { rejection: { reason: "issuer_unknown" } }));
  }
  if (best?.outcome === "undecided" && deps.callOut !== offline) return EXIT.unreachable;
  return best?.outcome === "accepted" && !best.earnsNoRole ? EXIT.done : EXIT.refused;
}

const jsonIn = (format: Format, value: unknown): string => (format === "jsonl" ? jsonLine(value) : jsonText(value));

/** The best outcome of several entries decides, as in verification. */
const RANKED: readonly Explanation["outcome"][] = ["accepted", "undecided", "let in", "refused"];

/** Replaces the outbound HTTP client: key sets at an address are out of reach, those in a file or inline are not. */
export const offline: CallOut = () =>
  Promise.reject(new Fault("target_unreachable", "the keys were not loaded (--offline)", { retryable: false }));

function explanationText({ trustEntry, isProved, checks, outcome, earnsNoRole }: Explanation): string {
  const rows = checks.map(({ check, expected, got, verdict }) => [
    check,
    expected,
    got,
    isProved || verdict === "not checked" || check === "signature" ? verdict : `${verdict} (unproved)`,
  ]);
  const rejections = checks.flatMap(({ rejection }) => rejection ?? []);
  const [first] = rejections;
  return [
    `trust entry ${trustEntry}`,
    `${table(["CHECK", "EXPECTED", "GOT", "VERDICT"], rows)}\n`,
    first ? `${outcome}: ${rejectionLine(first)}` : `${outcome}${earnsNoRole ? ", but earns no role" : ""}`,
    ...new Set(rejections.map(hintText)),
    "",
  ].join("\n");
}

function verdictText({ trustEntry, outcome, subject, roles, earnsNoRole }: Explanation): string {
  const earned = roles.join(", ") || "none";
  switch (outcome) {
    case "accepted":
      if (earnsNoRole)
        return `verdict: accepted by ${trustEntry}, as ${printable(subject ?? "")}, but it earns no role`;
      return `verdict: accepted by ${trustEntry}, as ${printable(subject ?? "")}, with roles: ${earned}`;
    case "undecided":
      return `verdict: undecided without keys; with a good signature accepted by ${trustEntry}, with roles: ${earned}`;
    case "let in":
      return `verdict: refused, but let in without a role by ${trustEntry}, which is in shadow mode; once corrected, with roles: ${earned}`;
    case "refused":
      return `verdict: refused; once corrected, ${trustEntry} would grant it the roles: ${earned}`;
  }
}

/** Returns what the roles of a token may do, and the sources that accept its entry. */
function rightsText({ trustEntry, roles }: Explanation, deps: ExplainDeps): string {
  const { roles: known, sources, routes, upstreams, orders } = deps;
  const held = roles.flatMap((role) => known[role] ?? []);
  const isHeld = (role: string): boolean => roles.includes(role);
  const rights = [
    ...VERBS.map((verb) => [verb, held.flatMap((role) => role[verb])] as const),
    ["grant in an emergency", routes.filter(isEmergencyFor(roles)).map(({ name }) => name)] as const,
    ["order", namesOf(orders, (order) => order.roles.some(isHeld))] as const,
    ["get tokens for", namesOf(upstreams, ({ allow }) => allow.some(({ role }) => isHeld(role)))] as const,
    ["request the role", namesOf(known, ({ onRequest }) => onRequest?.by.some(isHeld) ?? false)] as const,
    ["send to", sources.filter(({ settings }) => names(settings, trustEntry)).map(({ name }) => name)] as const,
  ].filter(([, what]) => what.length > 0);
  if (rights.length === 0) return "with these it may do nothing: each call is answered 403, role_missing";
  return `with these it may ${rights.map(([verb, what]) => `${verb} ${[...new Set(what)].join(", ")}`).join("; ")}`;
}

const namesOf = <T>(all: Readonly<Record<string, T>>, isMeant: (one: T) => boolean): readonly string[] =>
  Object.entries(all).flatMap(([name, one]) => (isMeant(one) ? [name] : []));

const isEmergencyFor =
  (roles: readonly string[]) =>
  ({ approval }: Config["routes"][number]): boolean =>
    approval?.emergency.some((role) => roles.includes(role)) ?? false;

const VERBS = ["call", "fire", "replay", "approve", "promote", "summarise", "pause"] as const;

const names = (settings: object, trustEntry: string): boolean =>
  namesUnder(settings, "trust", []).some(([, name]) => name === trustEntry);

/** The text does not repeat the issuer of the token, because no signature proves it. */
function unknownIssuerText(iss: unknown, { issuers }: ExplainDeps): string {
  const configured = Object.entries(issuers);
  const near = configured.find(
    ([, { issuer }]) => typeof iss === "string" && withoutSlash(iss) === withoutSlash(issuer),
  );
  return [
    rejectionText({ reason: "issuer_unknown" }),
    ...(near
      ? [`its issuer differs from that of ${near[0]} only by a slash at the end: write it as in the token`]
      : []),
    configured.length === 0 ? "no issuer is configured" : "configured issuers:",
    ...configured.map(([name, { issuer }]) => `  ${name}: ${issuer}`),
  ].join("\n");
}

const withoutSlash = (issuer: string): string => issuer.replace(/\/$/, "");

const rejectionText = (rejection: Rejection): string => `refused: ${rejectionLine(rejection)}\n${hintText(rejection)}`;

/** Hints are Markdown; a terminal gets quotes instead of backticks. */
const hintText = (rejection: Rejection): string => `${rejection.reason}: ${hintOf(rejection).replaceAll("`", '"')}`;

function unknownEntry(name: string, issuers: ExplainDeps["issuers"]): Fault {
  const known = Object.keys(issuers).join(", ") || "none";
  return usageFault(`there is no trust entry "${name}"; there are: ${known}`);
}

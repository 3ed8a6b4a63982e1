import { readFile } from "node:fs/promises";
import { stdin } from "node:process";
import { text } from "node:stream/consumers";
import { HINTS } from "../delivery/hints.ts";
import type { Rejection } from "../delivery/rejection.ts";
import type { CallOut } from "../host/call-out.ts";
import { type Clock, toSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { readCompactJws } from "../identity/compact-jws.ts";
import { type Explanation, explainToken } from "../identity/explain-token.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import { trustedAs } from "../identity/verify-signature.ts";
import { printable, table } from "./table.ts";
import { tellRejection } from "./tell-rejection.ts";

export interface ExplainTools {
  readonly issuers: Readonly<Record<string, TrustEntry>>;
  readonly clock: Clock;
  readonly print: (text: string) => void;
  /** Absent: the real one. */
  readonly callOut?: CallOut;
}

/** The token to explain: from a file or standard input, never from an argument, which every user of the machine can see. */
export async function readToken(path: string | undefined): Promise<string> {
  const given = path === undefined ? await text(stdin) : await readFile(path, "utf8");
  return given.trim().replace(/^(bearer|dpop) +/i, "");
}

/**
 * `drawbridge token explain`: why a token would be let in or refused, claim by claim, by each trust entry of its issuer or
 * by the one named. It is sent nowhere and printed nowhere. Gives the exit code: 0 if one would accept it.
 */
export async function tokenExplain(token: string, only: string | undefined, tools: ExplainTools): Promise<number> {
  const { issuers, clock, print } = tools;
  const read = readCompactJws(token);
  if (!read.ok) return refused(read.rejection, print);
  const { iss } = read.value.claims;
  const entries = Object.entries(issuers).filter(([name, entry]) =>
    only === undefined ? entry.issuer === iss : name === only,
  );
  if (entries.length === 0 && only !== undefined) throw unknownEntry(only, issuers);
  const explanations: Explanation[] = [];
  for (const [name, entry] of entries) {
    explanations.push(await explainToken(read.value, trustedAs(name, entry, tools), toSeconds(clock.now())));
  }
  for (const explanation of explanations) print(tell(explanation));
  const [best] = explanations.toSorted((a, b) => RANKED.indexOf(a.outcome) - RANKED.indexOf(b.outcome));
  if (best === undefined) return refused({ reason: "issuer_unknown" }, print);
  print(tellVerdict(best));
  return best.outcome === "accepted" ? 0 : 1;
}

/** Which of several entries decides: as in verification. */
const RANKED: readonly Explanation["outcome"][] = ["accepted", "undecided", "let in", "refused"];

/** Instead of the real way out: a key set at an address counts as out of reach, one in a file or inline does not. */
export const offline: CallOut = () =>
  Promise.reject(new Fault("target_unreachable", "nobody was asked (--offline)", { retryable: false }));

function tell({ trustEntry, isProved, checks, outcome }: Explanation): string {
  const rows = checks.map(({ check, expected, got, verdict }) => [
    ...[check, expected, got],
    isProved || verdict === "not checked" || check === "signature" ? verdict : `${verdict} (unproved)`,
  ]);
  const refusals = checks.flatMap(({ refusal }) => refusal ?? []);
  const [first] = refusals;
  return [
    `trust entry ${trustEntry}`,
    `${table(["CHECK", "EXPECTED", "GOT", "VERDICT"], rows)}\n`,
    ...new Set(refusals.map(hintOf)),
    first ? `${outcome}: ${tellRejection(first)}\n` : `${outcome}\n`,
  ].join("\n");
}

function tellVerdict({ trustEntry, outcome, subject, roles }: Explanation): string {
  const earned = roles.join(", ") || "none";
  switch (outcome) {
    case "accepted":
      return `verdict: accepted by ${trustEntry}, as ${printable(subject ?? "")}, with roles: ${earned}`;
    case "undecided":
      return `verdict: undecided, for want of keys; with a good signature accepted by ${trustEntry}, with roles: ${earned}`;
    case "let in":
      return `verdict: refused, but let in without a role by ${trustEntry}, which is in shadow mode; else with roles: ${earned}`;
    case "refused":
      return `verdict: refused; if that were mended, ${trustEntry} would give it roles: ${earned}`;
  }
}

function refused(refusal: Rejection, print: (text: string) => void): number {
  print(`${hintOf(refusal)}\nrefused: ${tellRejection(refusal)}`);
  return 1;
}

const hintOf = ({ reason }: Rejection): string => `${reason}: ${HINTS[reason]}`;

function unknownEntry(name: string, issuers: ExplainTools["issuers"]): Fault {
  const known = Object.keys(issuers).join(", ") || "none";
  return new Fault("configuration_invalid", `there is no trust entry "${name}"; there are: ${known}`, {
    retryable: false,
  });
}

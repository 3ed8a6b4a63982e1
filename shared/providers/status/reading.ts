import * as v from "valibot";
import { epochMillis, toIso } from "../../host/clock.ts";
import { INHERITED_NAMES } from "../../host/inherited-names.ts";
import { readJsonObject } from "../../host/strict-json.ts";
import { credentialIn, parseWebUrl } from "../../host/url-credentials.ts";
import type { TokenRun } from "../../identity/presets/preset.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import { isTerminal } from "../../model/build-order.ts";
import { BUILD_STATES, type BuildEvent, EVENT_LIMITS } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, line, present, wholeNumber } from "../payload.ts";

/** A credential is refused and not removed: the job that sent it must not send it again. */
const openText = v.pipe(
  v.string(),
  v.check(
    (text) => credentialIn(text) === undefined,
    ({ input }) => `no URL with a credential, which is ${credentialIn(input)} here`,
  ),
);
const address = v.pipe(
  openText,
  v.maxLength(1_000),
  v.regex(/^https?:\/\/\S+$/, "an http:// or https:// address"),
  v.check((text) => parseWebUrl(text).ok, "an http:// or https:// address without user info"),
);

/** As Confluence writes it: a 64-bit number. */
const PAGE_ID = /^[1-9]\d{0,18}$/;
const page = v.pipe(
  openText,
  v.maxLength(1_000),
  v.check(
    (text) => PAGE_ID.test(text) || v.is(address, text),
    "the id of a page, or an http:// or https:// address without user info",
  ),
);

const hasNoInheritedName = (value: unknown): boolean =>
  typeof value !== "object" || value === null || !Object.keys(value).some((name) => INHERITED_NAMES.has(name));

/** A CI job's report about its build. Only the token identifies the build, never a member of this body. */
export const statusBody = v.strictObject({
  state: v.picklist(BUILD_STATES),
  /** Distinguishes several reports of one run: `deploy`, `docs`. It is shown after the name from the token. */
  pipeline: v.optional(v.pipe(openText, identifier, v.maxLength(120))),
  number: v.optional(wholeNumber),
  url: v.optional(address),
  /** Address or id of a Confluence page that should show it. */
  page: v.optional(page),
  results: v.optional(
    v.pipe(
      v.unknown(),
      v.check(hasNoInheritedName, 'names other than "constructor", "prototype" and "__proto__"'),
      v.record(v.pipe(v.string(), v.regex(/^[A-Za-z][A-Za-z0-9_.-]{0,62}$/, "a name")), v.pipe(openText, line)),
      v.maxEntries(EVENT_LIMITS.results),
    ),
  ),
});
export type StatusBody = v.InferOutput<typeof statusBody>;

/** Parses a status. The problem is one sentence that never contains a value of the body. */
export function readStatus(body: Uint8Array): { readonly status: StatusBody } | { readonly problem: string } {
  const json = readJsonObject(body);
  if (!json.ok) return { problem: json.problem };
  const read = v.safeParse(statusBody, json.value);
  if (read.success) return { status: read.output };
  const [issue] = read.issues;
  const member = v.getDotPath(issue) ?? "the body";
  if (issue.expected === "never") return { problem: `a status has no member "${member}"` };
  return { problem: `"${member}" is missing or invalid; expected ${issue.expected ?? issue.message}` };
}

/**
 * Returns the event for an authentic status. Each job, and each try of a job, has a later token. A job reports one state
 * after the other, so its states are in the order of receipt until it has reported an end.
 * `run` is the build that the token identifies. */
export function readingOf(delivery: AuthenticDelivery, run: TokenRun | undefined): Reading {
  const read = readStatus(delivery.body);
  if ("problem" in read) return { outcome: "unusable", problem: read.problem };
  const { state, number, url, page, results } = read.status;
  const build = buildOf(delivery, read.status, run);
  const { issuer, subject, trustEntry } = delivery.principal;
  const at = toIso(delivery.receivedAt);
  // Two clusters may have the same issuer, so the builds of each trust entry have keys of their own.
  const keyParts = [issuer, trustEntry ?? "", build.id];
  const event: BuildEvent = {
    type: `build.${state}`,
    keyParts: [...keyParts, state, jobOf(delivery.claims)],
    time: at,
    subject: `${build.pipeline} ${build.number ?? number ?? build.id}`,
    actor: { id: subject },
    build: present({
      number,
      url,
      ...build,
      state,
      round: [issuedAt(delivery), isTerminal(state) ? 1 : 0, at].join("."),
      createdAt: build.number === undefined ? issuedAt(delivery) : undefined,
      finishedAt: isTerminal(state) ? at : undefined,
      // Page links are found in a build's message, as in a commit's.
      message: page,
      results,
      trustEntry,
    }),
  };
  // Two jobs may send the same body.
  const deliveryKey = [...keyParts, jobOf(delivery.claims), delivery.bodyDigest];
  return { outcome: "event", events: [event], deliveryKey };
}

/**
 * The time that orders the runs of a pipeline whose number the token does not prove: when the token was issued, but
 * never later than now. The body's number is shown, and orders only two reports with the same token.
 */
function issuedAt({ claims: { iat }, receivedAt }: AuthenticDelivery): string {
  const isTime = typeof iat === "number" && iat > 0;
  return toIso(isTime ? epochMillis(Math.min(iat * 1000, receivedAt)) : receivedAt);
}

/**
 * The build that a status is about. If the token identifies no run, its trust entry and subject are part of every name,
 * so that no job can overwrite another's build.
 */
export function buildOf(
  { principal, claims }: Pick<AuthenticDelivery, "principal" | "claims">,
  { pipeline, number }: StatusBody,
  run: TokenRun | undefined,
): TokenRun {
  if (run === undefined) {
    const parts = [principal.subject, ...(pipeline === undefined ? [] : [pipeline])];
    const name = `${principal.trustEntry ?? "unproved"}: ${parts.map(oneWord).join(" ")}`;
    return { system: "status", id: `${name} ${number ?? oneWord(jobOf(claims))}`, pipeline: name };
  }
  if (pipeline === undefined || pipeline === run.pipeline) return run;
  return { ...run, id: `${run.id}/${pipeline}`, pipeline: `${run.pipeline}: ${pipeline}` };
}

/** The text as one word: in quotes if it has a blank or a quote. So the words of a name show where each part ends. */
const oneWord = (text: string): string => (/[\s"]/.test(text) ? JSON.stringify(text) : text);

/**
 * The id that distinguishes one try of a run from the next: GitLab and Buildkite identify the job, others each token.
 */
function jobOf(claims: Readonly<Record<string, unknown>>): string {
  const { job_id, jti } = claims;
  return [job_id, jti].find((value) => typeof value === "string") ?? "";
}

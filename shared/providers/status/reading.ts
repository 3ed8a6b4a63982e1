import * as v from "valibot";
import { epochMillis, toIso } from "../../host/clock.ts";
import { readJsonObject } from "../../host/strict-json.ts";
import type { TokenRun } from "../../identity/presets/preset.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import { isTerminal } from "../../model/build-order.ts";
import { BUILD_STATES, type BuildEvent, EVENT_LIMITS } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, line, present, wholeNumber } from "../payload.ts";

const address = v.pipe(v.string(), v.maxLength(1_000), v.regex(/^https?:\/\/\S+$/, "an http:// or https:// address"));

/** What a CI job tells of its build. Whose build it is stands in the token, and in nothing here. */
const statusBody = v.strictObject({
  state: v.picklist(BUILD_STATES),
  /** Tells apart what one run reports of: `deploy`, `docs`. Shown behind the name that the token gives. */
  pipeline: v.optional(v.pipe(identifier, v.maxLength(120))),
  number: v.optional(wholeNumber),
  url: v.optional(address),
  /** Address of a Confluence page that shall show it. */
  page: v.optional(address),
  results: v.optional(
    v.pipe(
      v.record(v.pipe(v.string(), v.regex(/^[A-Za-z][A-Za-z0-9_.-]{0,62}$/, "a name")), line),
      v.maxEntries(EVENT_LIMITS.results),
    ),
  ),
});
export type StatusBody = v.InferOutput<typeof statusBody>;

/** A status as its sender meant it, or one sentence on what is wrong with it; never a value of it. */
export function readStatus(body: Uint8Array): { readonly status: StatusBody } | { readonly problem: string } {
  const json = readJsonObject(body);
  if (!json.ok) return { problem: json.problem };
  const read = v.safeParse(statusBody, json.value);
  if (read.success) return { status: read.output };
  const [issue] = read.issues;
  const member = v.getDotPath(issue) ?? "the body";
  if (issue.expected === "never") return { problem: `there is no "${member}" in a status` };
  return { problem: `"${member}" is missing or not what it must be; expected ${issue.expected ?? issue.message}` };
}

/** The event that an authentic status stands for. `run` is what the token says of the build. */
export function readingOf(delivery: AuthenticDelivery, run: TokenRun | undefined): Reading {
  const read = readStatus(delivery.body);
  if ("problem" in read) return { outcome: "unusable", problem: read.problem };
  const { state, number, url, page, results } = read.status;
  const build = buildOf(delivery, read.status, run);
  const { issuer, subject, trustEntry } = delivery.principal;
  const at = toIso(delivery.receivedAt);
  // Two clusters may share an issuer's text: each entry tells of builds of its own.
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
      createdAt: build.number === undefined ? issuedAt(delivery) : undefined,
      finishedAt: isTerminal(state) ? at : undefined,
      // Page links are looked for in a build's message, as in any commit's.
      message: page,
      results,
      trustEntry,
    }),
  };
  // Two jobs may well tell the same in the same words.
  const deliveryKey = [...keyParts, jobOf(delivery.claims), delivery.bodyDigest];
  return { outcome: "event", event, deliveryKey };
}

/**
 * What orders the runs of a pipeline whose number the token does not prove: when the token was issued, and never later
 * than now. The body's number is shown, and decides between two tellings with one token alone.
 */
function issuedAt({ claims: { iat }, receivedAt }: AuthenticDelivery): string {
  const isTime = typeof iat === "number" && iat > 0;
  return toIso(isTime ? epochMillis(Math.min(iat * 1000, receivedAt)) : receivedAt);
}

/**
 * A token that tells of no run still owns what it tells of: its trust entry and subject stand in every name, so that no
 * job can write over another's build.
 */
function buildOf(
  { principal, claims }: AuthenticDelivery,
  { pipeline, number }: StatusBody,
  run: TokenRun | undefined,
): TokenRun {
  if (run === undefined) {
    const name = `${principal.trustEntry ?? "unproved"}: ${principal.subject}${pipeline ? ` ${pipeline}` : ""}`;
    return { system: "status", id: `${name} ${number ?? jobOf(claims)}`, pipeline: name };
  }
  if (pipeline === undefined || pipeline === run.pipeline) return run;
  return { ...run, id: `${run.id}/${pipeline}`, pipeline: `${run.pipeline}: ${pipeline}` };
}

/** What tells one try of a run from the next: GitLab and Buildkite name the job, others each token. */
function jobOf(claims: Readonly<Record<string, unknown>>): string {
  const { job_id, jti } = claims;
  return [job_id, jti].find((value) => typeof value === "string") ?? "";
}

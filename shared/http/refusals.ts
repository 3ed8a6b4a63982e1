import * as v from "valibot";
import type { RefusalCounts } from "../delivery/refusal-counts.ts";
import { type Clock, type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import type { RejectionReason } from "../model/rejection.ts";
import { HINTS } from "../model/rejection-hints.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { CredentialUsageStore, CredentialUse } from "../store/credential-usage.ts";
import { RETENTION_SECONDS, type RefusalCount, type RefusalStore, WINDOW_MS } from "../store/refusals.ts";
import { time } from "./query-time.ts";

export interface RefusalsApi extends CallerDeps {
  readonly policy: Pick<Policy, "rejectCall" | "isConfined">;
  readonly refusals: Pick<RefusalStore, "list">;
  readonly refusalCounts: Pick<RefusalCounts, "flush" | "goodAt">;
  readonly credentialUses: Pick<CredentialUsageStore, "list">;
  readonly sourceNames: readonly string[];
  /** The sources that have a `next` secret. */
  readonly sourcesWithNext: readonly string[];
  readonly clock: Clock;
}

/** Similar refusals without a pause, of one source and reason. */
export interface ShownRefusals {
  readonly source: string;
  readonly reason: string;
  readonly count: number;
  /** When the first window of five minutes began. */
  readonly since: string;
  readonly lastAt: string;
  /** The ids of the newest requests, the newest first. */
  readonly requests: readonly string[];
  /** What to do, if the reason is one of this release. */
  readonly hint?: string;
}

/** When a source was last proved. */
export interface SeenSource {
  readonly source: string;
  /** Undefined if no use of a credential of it is on record. */
  readonly lastGoodAt?: string;
  /** It has a `next` secret, and no sender has used it. */
  readonly unusedNext?: true;
}

export interface ListedRefusals {
  /** The newest first. */
  readonly refusals: readonly ShownRefusals[];
  readonly sources: readonly SeenSource[];
  /** How far back the list goes: `since`, or later if there are more counts than it looks at. */
  readonly from: string;
  /** The caller may read only some deliveries, so nothing is listed. */
  readonly isConfined?: true;
}

export const query = v.strictObject({
  since: v.optional(time),
  until: v.optional(time),
  source: v.optional(v.string()),
  request: v.optional(v.pipe(v.string(), v.uuid())),
});
type Parameter = keyof v.InferOutput<typeof query>;

export const EXPECTED: Readonly<Record<Parameter, string>> = {
  since: "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z",
  until: "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z",
  source: "a source's name",
  request: "the id of a request, from the instance of a problem",
};

const DAY_MS = 86_400_000;
/** Counts that one request looks at. */
const MAX_COUNTS = 2_000;
/** Refusals of one source and reason that are further apart than this are two entries. */
const PAUSE_MS = 3_600_000;

/**
 * `GET /v1/refusals`: the requests that nobody proved, counted by source, reason and five minutes, and when each source was
 * last proved. Of the last day unless `since` is given; for a `request`, of all that is kept. It says nothing of a request
 * but its id and the reason. A caller who may read only some deliveries sees none: nobody knows what they are about.
 */
export async function listRefusals(request: ReceivedRequest, api: RefusalsApi): Promise<Result<ListedRefusals>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const parsed = v.safeParse(query, Object.fromEntries(request.url.searchParams));
  if (!parsed.success) {
    const parameter = String(parsed.issues[0].path?.[0]?.key ?? "");
    const expected = isParameter(parameter) ? EXPECTED[parameter] : "left out";
    return reject({ reason: "query_invalid", parameter, expected });
  }
  const { source, request: id } = parsed.output;
  const range = rangeOf(parsed.output, api.clock);
  if (api.policy.isConfined(caller.value.principal, "deliveries"))
    return ok({ refusals: [], sources: [], from: toIso(range.from), isConfined: true });
  await api.refusalCounts.flush();
  const [counts, uses] = await Promise.all([
    api.refusals.list({ ...range, limit: MAX_COUNTS }),
    api.credentialUses.list(),
  ]);
  const wanted = counts.filter(
    (one) => (source === undefined || one.source === source) && (id === undefined || one.requests.includes(id)),
  );
  const sources = api.sourceNames
    .filter((name) => source === undefined || name === source)
    .map((name) => seenSource(name, { counts, uses, api }));
  const oldest = counts.length < MAX_COUNTS ? undefined : counts.at(-1)?.window;
  return ok({ refusals: groupsOf(wanted).map(shown), sources, from: toIso(oldest ?? range.from) });
}

const isParameter = (name: string): name is Parameter => Object.hasOwn(EXPECTED, name);

function rangeOf({ since, until, request }: v.InferOutput<typeof query>, clock: Clock) {
  const to = until === undefined ? clock.now() : epochMillis(Date.parse(until));
  if (since !== undefined) return { from: epochMillis(Date.parse(since)), to };
  return { from: laterBy(to, request === undefined ? -DAY_MS : -RETENTION_SECONDS * 1_000), to };
}

/** Joins the windows, which are the newest first, of one source and reason that have no long pause between them. */
function groupsOf(counts: readonly RefusalCount[]): readonly RefusalCount[] {
  const groups: RefusalCount[] = [];
  for (const one of counts) {
    const at = groups.findIndex(
      ({ source, reason, window }) =>
        source === one.source && reason === one.reason && window - one.window <= PAUSE_MS + WINDOW_MS,
    );
    const newer = groups[at];
    if (newer === undefined) groups.push(one);
    else
      groups[at] = {
        ...newer,
        window: one.window,
        count: newer.count + one.count,
        requests: [...newer.requests, ...one.requests].slice(0, MAX_REQUESTS),
      };
  }
  return groups;
}

const MAX_REQUESTS = 5;

function shown({ source, reason, count, window, lastAt, requests }: RefusalCount): ShownRefusals {
  const hint = isReason(reason) ? { hint: HINTS[reason] } : {};
  return { source, reason, count, since: toIso(window), lastAt: toIso(lastAt), requests, ...hint };
}

/** A count of another release may have another reason. */
const isReason = (reason: string): reason is RejectionReason => Object.hasOwn(HINTS, reason);

interface Seen {
  readonly counts: readonly RefusalCount[];
  readonly uses: readonly CredentialUse[];
  readonly api: RefusalsApi;
}

function seenSource(name: string, { counts, uses, api }: Seen): SeenSource {
  const own = uses.filter((use) => use.kind === "source" && use.name === name);
  const times: readonly (EpochMillis | undefined)[] = [
    api.refusalCounts.goodAt(name),
    ...own.map(({ lastUsedAt }) => lastUsedAt),
    ...counts.filter(({ source }) => source === name).map(({ goodAt }) => goodAt),
  ];
  const known = times.filter((at) => at !== undefined);
  const isUnused = api.sourcesWithNext.includes(name) && !own.some(({ credential }) => credential === "next");
  return {
    source: name,
    ...(known.length > 0 && { lastGoodAt: toIso(epochMillis(Math.max(...known))) }),
    ...(isUnused && { unusedNext: true }),
  };
}

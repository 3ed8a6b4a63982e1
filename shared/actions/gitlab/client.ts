import * as v from "valibot";
import type { CallOut, OutboundResponse } from "../../host/call-out.ts";
import type { Clock, EpochMillis } from "../../host/clock.ts";
import type { Secret } from "../../host/secrets.ts";
import type { TraceParent } from "../../host/trace.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import { retryAfterSeconds } from "../../model/retry-after.ts";
import { failedCall } from "../failed-call.ts";
import { errorMessageOf, jsonOf } from "../response-text.ts";
import type { Commit } from "./commit.ts";
import type { CommitStatus } from "./status.ts";

/** A call that ends the attempt. */
export interface Ended {
  readonly kind: "ended";
  readonly outcome: Extract<ActionOutcome, { readonly outcome: "retry" | "give_up" }>;
}

/** A client for the commit statuses of one GitLab instance. */
export interface StatusClient {
  /** Lists the statuses of a name, newest first, including those that a newer one hides. */
  list(
    commit: Commit,
    name: string,
  ): Promise<{ readonly kind: "listed"; readonly found: readonly CommitStatus[] } | Ended>;
  /** `rejected`: GitLab does not allow this transition of the status. The status may already have this state. */
  set(commit: Commit, status: CommitStatus): Promise<{ readonly kind: "set" | "rejected" } | Ended>;
}

export interface Connection {
  readonly instance: string;
  readonly token: Secret;
  readonly traceparent: TraceParent | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly callOut: CallOut;
}

/** A client for the commit statuses, for the calls of one attempt. */
export function statusClient(connection: Connection): StatusClient {
  return {
    async list({ project, sha, ref }, name) {
      const query = new URLSearchParams({ name, ...(ref !== undefined && { ref }), all: "true", ...NEWEST_FIRST });
      const path = `projects/${encodeURIComponent(project)}/repository/commits/${sha}/statuses?${query}`;
      const response = await call(connection, { method: "GET", path });
      if ("kind" in response) return response;
      const read = v.safeParse(statuses, response.status === 200 ? jsonOf(response.body) : undefined);
      if (!read.success) return endedBy(response, connection.clock.now(), REASONS);
      const newestFirst = read.output.filter((one) => one.name === name).sort((one, other) => other.id - one.id);
      return { kind: "listed", found: newestFirst.map(commitStatusOf) };
    },
    async set({ project, sha, ref }, { state, name, description, targetUrl }) {
      const path = `projects/${encodeURIComponent(project)}/statuses/${sha}`;
      const body = JSON.stringify({ state, ref, name, description, target_url: targetUrl });
      const response = await call(connection, { method: "POST", path, body });
      if ("kind" in response) return response;
      if (response.status === 200 || response.status === 201) return { kind: "set" };
      // https://gitlab.com/gitlab-org/gitlab-foss/-/issues/25807
      if (response.status === 400 && errorMessageOf(response).includes("Cannot transition status"))
        return { kind: "rejected" };
      return endedBy(response, connection.clock.now(), REASONS);
    },
  };
}

const NEWEST_FIRST = { order_by: "id", sort: "desc", per_page: "100" };
/** A hundred statuses of at most about 2 KB each, including the author. */
const MAX_RESPONSE_BYTES = 500_000;

interface ApiCall {
  readonly method: "GET" | "POST" | "PUT";
  /** Below `/api/v4/`. */
  readonly path: string;
  readonly body?: string;
  /** Default: {@link MAX_RESPONSE_BYTES}. */
  readonly maxResponseBytes?: number;
}

/** Makes one call of the API. */
export async function call(
  { instance, token, traceparent, timeoutMs, signal, callOut }: Connection,
  { method, path, body, maxResponseBytes = MAX_RESPONSE_BYTES }: ApiCall,
): Promise<OutboundResponse | Ended> {
  // No header of the event is sent back: GitLab would take its own header as a sign of recursion and disable the hook.
  const headers = { authorization: `Bearer ${token.reveal()}`, accept: "application/json" };
  const url = new URL(`${instance}/api/v4/${path}`);
  const request = { method, url, traceparent, timeoutMs, signal, maxResponseBytes };
  try {
    if (body === undefined) return await callOut({ ...request, headers });
    return await callOut({ ...request, headers: { ...headers, "content-type": "application/json" }, body });
  } catch (error) {
    return { kind: "ended", outcome: failedCall(error) };
  }
}

/** What a response that is no success means. `reasons`: what is known of a status, if nothing later can change it. */
export function endedBy(
  response: OutboundResponse,
  now: EpochMillis,
  reasons: Readonly<Record<number, string>>,
): Ended {
  const { status, headers } = response;
  if (status === 409) {
    const { kind, outcome } = retry("another update of the same thing is under way (409)", headers, now);
    return { kind, outcome: { ...outcome, targetAnswered: true } };
  }
  // A 200 here had a body of another kind: a maintenance or login page in between.
  const isTemporary = status >= 500 || status === 429 || status === 408 || status === 200;
  if (isTemporary) return retry(`GitLab cannot accept it now (${status})`, headers, now);
  const reason = reasons[status] ?? errorMessageOf(response);
  // A token that was rotated works again once the bridge reads the new one.
  if (status === 401) return retry(`GitLab answered 401: ${reason}`, headers, now);
  return { kind: "ended", outcome: { outcome: "give_up", summary: `GitLab answered ${status}: ${reason}` } };
}

function retry(summary: string, headers: Headers, now: EpochMillis) {
  const afterSeconds = retryAfterSeconds(headers, now);
  const outcome = { outcome: "retry", summary, ...(afterSeconds !== undefined && { afterSeconds }) } as const;
  return { kind: "ended", outcome } as const;
}

const REASONS: Readonly<Record<number, string>> = {
  401: "the token was not accepted; it is wrong, expired or revoked",
  403: "the token may not set statuses here; it needs the scope api, and a role that may run pipelines for the branch",
  404: "there is no such project or commit, or the token may not see it; a force-push removes commits",
};

const status = v.object({
  id: v.number(),
  name: v.string(),
  status: v.string(),
  description: v.nullish(v.string(), ""),
  target_url: v.nullish(v.string()),
});
const statuses = v.array(status);

const commitStatusOf = ({
  name,
  status: state,
  description,
  target_url,
}: v.InferOutput<typeof status>): CommitStatus => ({
  state,
  name,
  description,
  ...(typeof target_url === "string" && { targetUrl: target_url }),
});

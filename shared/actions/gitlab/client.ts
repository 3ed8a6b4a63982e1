import * as v from "valibot";
import type { CallOut, OutboundResponse } from "../../host/call-out.ts";
import type { Clock, EpochMillis } from "../../host/clock.ts";
import type { Secret } from "../../host/secrets.ts";
import type { TraceParent } from "../../host/trace.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import { retryAfterSeconds } from "../../model/retry-after.ts";
import type { StatusPlace } from "../../store/commit-statuses.ts";
import { failedCall } from "../failed-call.ts";
import { errorMessageOf, jsonOf } from "../response-text.ts";
import type { CommitStatus } from "./status.ts";

/** A call that ends the attempt. */
export interface Ended {
  readonly kind: "ended";
  readonly outcome: Extract<ActionOutcome, { readonly outcome: "retry" | "give_up" }>;
}

/** A pipeline, as GitLab lists it. */
export type Pipeline = v.InferOutput<typeof pipeline>;

/** A client for the commit statuses of one GitLab instance. */
export interface StatusClient {
  /**
   * The 100 newest pipelines of a commit, newest first. `project`: its id if it is known from the answer, which stays the
   * same if somebody renames the project.
   */
  pipelines(
    project: string,
    sha: string,
  ): Promise<{ readonly kind: "listed"; readonly project: string; readonly pipelines: readonly Pipeline[] } | Ended>;
  mergeRequest(
    project: string,
    number: number,
  ): Promise<{ readonly kind: "read"; readonly mergeRequest: v.InferOutput<typeof mergeRequest> } | Ended>;
  deployment(
    project: string,
    id: string,
  ): Promise<{ readonly kind: "read"; readonly deployment: v.InferOutput<typeof deployment> } | Ended>;
  /** The newest status of a name, including one that GitLab hides; undefined if there is none. */
  newest(
    place: StatusPlace,
    name: string,
  ): Promise<{ readonly kind: "read"; readonly status: CommitStatus | undefined } | Ended>;
  /**
   * `set`: with the place in which it is. `rejected`: GitLab does not allow this transition of the status, which may already
   * have this state. `link_refused`: GitLab does not accept the link. `absent`: the place is not there, or not shown to the
   * account.
   */
  set(
    place: StatusPlace,
    status: CommitStatus,
  ): Promise<
    | { readonly kind: "set"; readonly place: StatusPlace }
    | { readonly kind: "rejected" | "link_refused" }
    | { readonly kind: "absent"; readonly outcome: Ended["outcome"] }
    | Ended
  >;
}

export interface Connection {
  /** The address to which `/api/v4/` is appended. */
  readonly api: string;
  readonly token: Secret;
  readonly traceparent: TraceParent | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly callOut: CallOut;
}

/** A client for the commit statuses, for the calls of one attempt. */
export function statusClient(connection: Connection): StatusClient {
  const ended = (response: OutboundResponse): Ended => endedBy(response, connection.clock.now(), REASONS);
  /** Reads something of a project, also of one that has been renamed or moved since: GitLab answers 301 with its id. */
  const read = async <T>(project: string, rest: string, schema: v.GenericSchema<unknown, T>) => {
    const get = (id: string) => call(connection, { method: "GET", path: `projects/${encodeURIComponent(id)}${rest}` });
    const first = await get(project);
    if ("kind" in first) return first;
    const id = first.status === 301 ? movedTo(first) : undefined;
    const response = id === undefined ? first : await get(id);
    if ("kind" in response) return response;
    const parsed = v.safeParse(schema, response.status === 200 ? jsonOf(response.body) : undefined);
    return parsed.success ? { kind: "read" as const, value: parsed.output, project: id ?? project } : ended(response);
  };
  const post = (project: string, { sha, ref, pipeline }: StatusPlace, status: CommitStatus) => {
    const { state, name, description, targetUrl } = status;
    const place = pipeline === undefined ? { ref } : { pipeline_id: pipeline };
    const body = JSON.stringify({ state, ...place, name, description, target_url: targetUrl });
    return call(connection, { method: "POST", path: `projects/${encodeURIComponent(project)}/statuses/${sha}`, body });
  };
  return {
    async pipelines(project, sha) {
      const query = new URLSearchParams({ sha, ...NEWEST_FIRST });
      const listed = await read(project, `/pipelines?${query}`, v.array(pipeline));
      if (listed.kind === "ended") return listed;
      const id = listed.value[0]?.project_id;
      return { kind: "listed", project: id ? String(id) : listed.project, pipelines: listed.value };
    },
    async mergeRequest(project, number) {
      const found = await read(project, `/merge_requests/${number}`, mergeRequest);
      return found.kind === "ended" ? found : { kind: "read", mergeRequest: found.value };
    },
    async deployment(project, id) {
      const found = await read(project, `/deployments/${id}`, deployment);
      return found.kind === "ended" ? found : { kind: "read", deployment: found.value };
    },
    async newest({ project, sha, ref, pipeline: id }, name) {
      const place = id === undefined ? { ...(ref !== undefined && { ref }) } : { pipeline_id: String(id) };
      const query = new URLSearchParams({ name, ...place, all: "true", ...NEWEST_FIRST });
      const listed = await read(project, `/repository/commits/${sha}/statuses?${query}`, statuses);
      if (listed.kind === "ended") return listed;
      const [newest] = listed.value.filter((one) => one.name === name).sort((one, other) => other.id - one.id);
      return { kind: "read", status: newest && commitStatusOf(newest) };
    },
    async set(place, status) {
      const first = await post(place.project, place, status);
      if ("kind" in first) return first;
      // GitLab redirects no write to a project that was renamed (https://docs.gitlab.com/api/rest/#redirects).
      const isMoved = (first.status === 301 || first.status === 405) && !/^\d+$/.test(place.project);
      const moved = isMoved ? await read(place.project, "", v.object({ id: v.number() })) : undefined;
      if (moved?.kind === "ended") return moved;
      const project = moved ? String(moved.value.id) : place.project;
      const response = moved ? await post(project, place, status) : first;
      if ("kind" in response) return response;
      if (response.status === 200 || response.status === 201) {
        const answer = v.safeParse(v.object({ pipeline_id: v.number() }), jsonOf(response.body));
        return {
          kind: "set",
          place: { ...place, project, ...(answer.success && { pipeline: answer.output.pipeline_id }) },
        };
      }
      if (response.status === 400) {
        // https://gitlab.com/gitlab-org/gitlab-foss/-/issues/25807
        if (errorMessageOf(response).includes("Cannot transition status")) return { kind: "rejected" };
        if (status.targetUrl !== undefined && v.is(refusedLink, jsonOf(response.body))) return { kind: "link_refused" };
      }
      const { kind, outcome } = ended(response);
      return { kind: response.status === 403 || response.status === 404 ? "absent" : kind, outcome };
    },
  };
}

/** The id of a moved project, from the address to which GitLab redirects a read. */
const movedTo = ({ headers }: OutboundResponse): string | undefined =>
  /\/api\/v4\/projects\/(\d{1,15})(?=[/?]|$)/.exec(headers.get("location") ?? "")?.[1];

const NEWEST_FIRST = { order_by: "id", sort: "desc", per_page: "100" };
/** A hundred statuses of at most about 2 KB each, including the author, or a merge request with a long description. */
const MAX_RESPONSE_BYTES = 4_000_000;

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
  { api, token, traceparent, timeoutMs, signal, callOut }: Connection,
  { method, path, body, maxResponseBytes = MAX_RESPONSE_BYTES }: ApiCall,
): Promise<OutboundResponse | Ended> {
  // No header of the event is sent back: GitLab would take its own header as a sign of recursion and disable the hook.
  const headers = { authorization: `Bearer ${token.reveal()}`, accept: "application/json" };
  const url = new URL(`${api}/api/v4/${path}`);
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
  404: "there is no such project, commit or pipeline, or the token may not see it; a force-push removes commits",
};

const status = v.object({
  id: v.number(),
  name: v.string(),
  status: v.string(),
  description: v.nullish(v.string(), ""),
  target_url: v.nullish(v.string()),
});
const statuses = v.array(status);

/** https://docs.gitlab.com/api/pipelines/ */
const pipeline = v.object({
  id: v.number(),
  project_id: v.nullish(v.number()),
  sha: v.nullish(v.string()),
  ref: v.nullish(v.string(), ""),
  source: v.nullish(v.string(), ""),
});
/** https://docs.gitlab.com/api/merge_requests/. The source is unknown if the fork was deleted. */
const mergeRequest = v.object({
  sha: v.nullish(v.string()),
  project_id: v.number(),
  source_project_id: v.nullish(v.number()),
  source_branch: v.string(),
  head_pipeline: v.nullish(pipeline),
});
/** https://docs.gitlab.com/api/deployments/. One that the API made has no job. */
const deployment = v.object({
  ref: v.string(),
  deployable: v.nullish(v.object({ pipeline: v.nullish(v.object({ id: v.number(), sha: v.string() })) })),
});
const refusedLink = v.object({ message: v.object({ target_url: v.array(v.unknown()) }) });

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

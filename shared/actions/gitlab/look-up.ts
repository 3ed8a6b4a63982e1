import * as v from "valibot";
import type { OutboundResponse } from "../../host/call-out.ts";
import type { CurrentState, Subject } from "../../model/approval.ts";
import { retryAfterSeconds } from "../../model/retry-after.ts";
import type { LookedUpTarget, LookUpDeps } from "../action.ts";
import { jsonOf } from "../response-text.ts";
import { isAt } from "./address.ts";
import { apiOf, instanceTarget } from "./settings.ts";

/** Asks the instance for the commit of a branch, tag, merge request, release or environment. */
export async function lookUp(
  subject: Subject,
  _known: string | undefined,
  { settings }: LookedUpTarget,
  { secrets, clock, callOut, signal }: LookUpDeps,
): Promise<CurrentState> {
  const target = v.parse(instanceTarget, settings);
  if (subject.kind === "page") return unknown("a GitLab target cannot be asked about a page");
  if (!isAt(subject.url ?? "", target.url)) {
    return unknown(`the event does not show that its project is on ${target.url}`);
  }
  const token = await secrets.read(target.token);
  const headers = { authorization: `Bearer ${token.reveal()}`, accept: "application/json" };
  const get: Get = async (path, schema) => {
    const url = new URL(`${apiOf(target)}/api/v4/projects/${encodeURIComponent(subject.project)}/${path}`);
    const bounds = { timeoutMs: target.timeoutSeconds * 1_000, maxResponseBytes: MAX_RESPONSE_BYTES, signal };
    const response = await callOut({ method: "GET", url, headers, ...bounds });
    const read = v.safeParse(schema, response.status === 200 ? jsonOf(response.body) : undefined);
    return read.success ? { ok: true, value: read.output } : { ok: false, state: failedState(response, clock.now()) };
  };
  return stateOf(subject, get);
}

/** A branch with a long commit message, or a merge request with a long description. */
const MAX_RESPONSE_BYTES = 4_000_000;

type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly state: CurrentState };
type Get = <T>(path: string, schema: v.GenericSchema<unknown, T>) => Promise<Answer<T>>;

const unknown = (why: string): CurrentState => ({ state: "unknown", why });

function failedState(
  { status, headers }: OutboundResponse,
  now: Parameters<typeof retryAfterSeconds>[1],
): CurrentState {
  if (status === 404)
    return { state: "ended", why: "GitLab has no such thing, or does not show it to the token (404)" };
  const afterSeconds = retryAfterSeconds(headers, now);
  return { ...unknown(`GitLab answered ${status}`), ...(afterSeconds !== undefined && { afterSeconds }) };
}

function stateOf(subject: Exclude<Subject, { kind: "page" }>, get: Get): Promise<CurrentState> {
  switch (subject.kind) {
    case "code":
      return commitOfRef(subject.ref, get);
    case "change":
      return mergeRequestState(subject, get);
    case "release":
      return releaseState(subject.tag, get);
    default:
      return deploymentState(subject.environment, get);
  }
}

const refAnswer = v.object({ commit: v.object({ id: v.string() }) });

async function commitOfRef(ref: string, get: Get): Promise<CurrentState> {
  const [, kind, name] = /^refs\/(heads|tags)\/(.+)$/s.exec(ref) ?? [];
  if (name === undefined) return unknown(`${ref} is neither a branch nor a tag`);
  const list = kind === "tags" ? "tags" : "branches";
  const answer = await get(`repository/${list}/${encodeURIComponent(name)}`, refAnswer);
  return answer.ok ? { state: "found", mark: answer.value.commit.id } : answer.state;
}

const mergeRequest = v.object({
  state: v.string(),
  sha: v.string(),
  merge_commit_sha: v.nullish(v.string()),
  squash_commit_sha: v.nullish(v.string()),
});
const approvals = v.object({ approved: v.optional(v.boolean()), approved_by: v.optional(v.array(v.unknown()), []) });

async function mergeRequestState(
  { number, must }: Extract<Subject, { kind: "change" }>,
  get: Get,
): Promise<CurrentState> {
  const answer = await get(`merge_requests/${number}`, mergeRequest);
  if (!answer.ok) return answer.state;
  const { state, sha, merge_commit_sha, squash_commit_sha } = answer.value;
  if (must === "be_merged") {
    if (state !== "merged") return { state: "ended", why: `the merge request is ${state}` };
    // As in the event. A squash that was fast-forwarded has no merge commit.
    return { state: "found", mark: merge_commit_sha ?? squash_commit_sha ?? sha };
  }
  if (state !== "opened") return { state: "ended", why: `the merge request is ${state}` };
  if (must === "be_approved") {
    const given = await get(`merge_requests/${number}/approvals`, approvals);
    if (!given.ok) return given.state;
    const { approved, approved_by } = given.value;
    // On the free tier, `approved` is true although nobody has approved.
    if (approved === false || approved_by.length === 0) {
      return { state: "ended", why: "the merge request is no longer approved in GitLab" };
    }
  }
  return { state: "found", mark: sha };
}

/** A release has no commit of its own: its tag has. */
async function releaseState(tag: string, get: Get): Promise<CurrentState> {
  const release = await get(`releases/${encodeURIComponent(tag)}`, v.object({ tag_name: v.string() }));
  return release.ok ? commitOfRef(`refs/tags/${tag}`, get) : release.state;
}

const deployments = v.array(v.object({ sha: v.string() }));

/** The newest deployment of the environment, whatever its state is: a later one supersedes the earlier. */
async function deploymentState(environment: string, get: Get): Promise<CurrentState> {
  const query = new URLSearchParams({ environment, order_by: "id", sort: "desc", per_page: "1" });
  const answer = await get(`deployments?${query}`, deployments);
  if (!answer.ok) return answer.state;
  const [newest] = answer.value;
  if (newest === undefined) return { state: "ended", why: `the environment ${environment} has no deployment` };
  return { state: "found", mark: newest.sha };
}

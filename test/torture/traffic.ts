import { hmacSha256 } from "../../shared/host/hmac.ts";
import { sha256Hex } from "../../shared/model/idempotency-keys.ts";
import { signedGitlabHeaders } from "../support/gitlab-signature.ts";

/** Secrets of the sandboxes alone. */
export const SECRETS = {
  WIKI: "wiki-secret-for-tests",
  GITLAB: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
  CLUSTER: "cluster-secret-for-tests",
  PAGES: "sandbox-bearer-of-the-bridge",
};
export const PAGE = "98310";

/** Something that happened at a sender. The sender may report it several times. */
export type Cause =
  | { readonly kind: "push"; readonly project: "team/good" | "team/bad"; readonly number: number }
  | { readonly kind: "edit"; readonly number: number }
  | { readonly kind: "pipeline"; readonly project: string; readonly id: number; readonly status: PipelineStatus };

export type PipelineStatus = "created" | "running" | "failed" | "success";

export const nameOfCause = (cause: Cause): string => JSON.stringify(cause);

interface HookRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The request that reports the cause under this report's id, signed at the given time. */
export function requestOf(cause: Cause, report: string, nowMs: number): HookRequest {
  if (cause.kind === "edit") {
    const timestamp = START + cause.number * 1_000;
    const about = {
      event: "page_updated",
      userKey: "ff80aa01",
      page: { id: Number(PAGE) },
      updateTrigger: "edit_page",
    };
    const body = JSON.stringify({ timestamp, ...about });
    const signature = `sha256=${hmacSha256(SECRETS.WIKI, [body]).toString("hex")}`;
    return { path: "/webhooks/wiki", headers: { "content-type": JSON_TYPE, "x-hub-signature": signature }, body };
  }
  const body = JSON.stringify(cause.kind === "push" ? pushOf(cause) : pipelineOf(cause));
  const event = cause.kind === "push" ? "Push Hook" : "Pipeline Hook";
  const headers = signedGitlabHeaders(body, { token: SECRETS.GITLAB, id: report, at: nowMs, event });
  return { path: "/webhooks/gitlab", headers, body };
}

const JSON_TYPE = "application/json";
const START = Date.parse("2026-11-02T08:00:00Z");

const projectOf = (path: string) => ({
  id: [...path].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 1_000_000,
  path_with_namespace: path,
  web_url: `https://gitlab.example.test/${path}`,
});

function pushOf({ project: path, number }: Extract<Cause, { kind: "push" }>) {
  const project = projectOf(path);
  const commitOf = (of: number): string => sha256Hex(Buffer.from(`${path} ${of}`)).slice(0, 40);
  return {
    object_kind: "push",
    ref: "refs/heads/main",
    before: commitOf(number - 1),
    after: commitOf(number),
    checkout_sha: commitOf(number),
    user_id: 58,
    user_name: "Ines",
    project_id: project.id,
    project,
    commits: [],
    total_commits_count: 1,
  };
}

function pipelineOf({ project: path, id, status }: Extract<Cause, { kind: "pipeline" }>) {
  const timeOf = (seconds: number): string =>
    new Date(START + id * 60_000 + seconds * 1_000).toISOString().replace("T", " ").replace(".000Z", " UTC");
  // A failed pipeline that was retried succeeds later.
  const finished_at = { created: null, running: null, failed: timeOf(20), success: timeOf(40) }[status];
  return {
    object_kind: "pipeline",
    object_attributes: {
      id,
      iid: id,
      ref: "main",
      tag: false,
      source: "push",
      status,
      created_at: timeOf(0),
      finished_at,
    },
    user: { id: 58, name: "Ines" },
    project: projectOf(path),
    builds: [{ id: id * 10 + (status === "success" ? 1 : 0) }],
  };
}

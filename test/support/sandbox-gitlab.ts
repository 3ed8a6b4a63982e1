import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import * as v from "valibot";
import { serveOnLoopback } from "./loopback.ts";
import { SandboxComments, type SandboxMergeRequest } from "./sandbox-gitlab-comments.ts";
import { type Rejection, SandboxCommit, type SandboxHook, type SandboxStatus } from "./sandbox-gitlab-commit.ts";

export interface SandboxGitlabOptions {
  /** Older servers reject a state that the status has already. */
  readonly rejectsRepeats?: boolean;
  /** Resolves when a request that sets a status is processed. Default: at once. */
  readonly delay?: (state: string) => Promise<void>;
}

/** The injected response to one request. `landed`: the request is processed, and the response is lost. */
export type InjectedAnswer =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  | { readonly kind: "landed" };

export interface SandboxGitlab {
  readonly url: string;
  readonly token: string;
  readonly project: string;
  readonly sha: string;
  readonly requests: readonly { readonly method: string; readonly path: string; readonly headers: Headers }[];
  /** Bodies of the hooks that the project's events raised, in order. */
  readonly hooks: readonly SandboxHook[];
  /** The statuses on the commit's page: the newest one of each name. */
  shown(): readonly SandboxStatus[];
  /** Starts a pipeline, as a push to a project with `.gitlab-ci.yml` does. */
  startPipeline(): void;
  /** Number 41 of the project. */
  readonly mergeRequest: SandboxMergeRequest;
  /** Sets the responses to the next requests of that method, in order. */
  answerNext(method: "GET" | "POST" | "PUT", ...answers: readonly InjectedAnswer[]): void;
  close(): Promise<void>;
}

const TOKEN = "glpat-of-the-sandbox";
const PROJECT = "platform/docs";
const SHA = "c4a1e7d20f9b8364517a2c6d8e0f1b3a5c7d9e2f";

/**
 * The two calls about commit statuses of one project with one commit on `main`, and the hooks that they raise. The calls
 * about the comments of one merge request. Behaves as
 * https://docs.gitlab.com/api/commits/ and
 * https://docs.gitlab.com/ci/ci_cd_for_external_repos/external_commit_statuses/ say.
 */
export async function startSandboxGitlab(options: SandboxGitlabOptions = {}): Promise<SandboxGitlab> {
  const commit = new SandboxCommit({ project: PROJECT, sha: SHA, rejectsRepeats: options.rejectsRepeats ?? false });
  const requests: SandboxGitlab["requests"][number][] = [];
  const injected = { GET: [] as InjectedAnswer[], POST: [] as InjectedAnswer[], PUT: [] as InjectedAnswer[] };
  const comments = new SandboxComments();

  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use("*", async (c, next) => {
    const { method, path } = c.req;
    requests.push({ method, path, headers: c.req.raw.headers });
    const answer = method === "GET" || method === "POST" || method === "PUT" ? injected[method].shift() : undefined;
    if (answer?.kind === "answer") return new Response(answer.body ?? null, answer);
    if (c.req.header("authorization") !== `Bearer ${TOKEN}`) return c.json({ message: "401 Unauthorized" }, 401);
    await next();
    if (answer?.kind === "landed") c.env.outgoing.destroy();
    return undefined;
  });

  app.get("/api/v4/projects/:id/repository/commits/:sha/statuses", (c) => {
    const missing = whatIsMissing(c);
    if (missing) return c.json({ message: missing }, 404);
    const { name, ref, all } = c.req.query();
    const found = commit.statuses({ all: all === "true" }).filter((one) => !name || one.name === name);
    return c.json(found.filter((one) => !ref || one.ref === ref).map(shownOf));
  });

  app.post("/api/v4/projects/:id/statuses/:sha", async (c) => {
    const missing = whatIsMissing(c);
    if (missing) return c.json({ message: missing }, 404);
    const read = v.safeParse(statusBody, await c.req.json());
    if (!read.success) return c.json({ error: "state does not have a valid value" }, 400);
    await options.delay?.(read.output.state);
    const made = commit.set({ ...read.output, name: read.output.name ?? read.output.context ?? "default" });
    return "message" in made ? c.json(made satisfies Rejection, 400) : c.json(shownOf(made), 201);
  });

  app.route("/", comments.app(PROJECT));

  const { url, close } = await serveOnLoopback(app, 0);
  return {
    url: url.origin,
    token: TOKEN,
    project: PROJECT,
    sha: SHA,
    requests,
    hooks: commit.hooks,
    shown: () => commit.statuses({ all: false }),
    startPipeline: () => commit.startPipeline("push"),
    mergeRequest: comments,
    answerNext: (method, ...answers) => void injected[method].push(...answers),
    close,
  };
}

function whatIsMissing(c: Context): string | undefined {
  if (c.req.param("id") !== PROJECT) return "404 Project Not Found";
  return c.req.param("sha") === SHA ? undefined : "404 Commit Not Found";
}

const statusBody = v.object({
  state: v.picklist(["pending", "running", "success", "failed", "canceled", "skipped"]),
  ref: v.optional(v.string()),
  name: v.optional(v.string()),
  context: v.optional(v.string()),
  target_url: v.optional(v.string()),
  description: v.optional(v.string()),
});

const shownOf = ({ id, name, state, ref, description, targetUrl }: SandboxStatus) => ({
  id,
  sha: SHA,
  ref,
  name,
  status: state,
  description,
  target_url: targetUrl ?? null,
  created_at: "2026-11-02T09:00:00.000Z",
  allow_failure: false,
  author: { id: 7, username: "bridge" },
});

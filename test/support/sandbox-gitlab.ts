import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import * as v from "valibot";
import { serveOnLoopback } from "./loopback.ts";
import { SandboxComments, type SandboxMergeRequest } from "./sandbox-gitlab-comments.ts";
import { type PipelineSeed, type SandboxHook, SandboxProject, type SandboxStatus } from "./sandbox-gitlab-commit.ts";

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
  /** The project itself: its branches, tags and pipelines. */
  readonly repository: SandboxProject;
  /** A fork of it. The token may not write there unless `fork.isOpen`. */
  readonly fork: SandboxProject & { isOpen: boolean };
  /** Renames the project. Its old path leads to it. */
  rename(path: string): void;
  /** The statuses on the commit's page: the newest one of each name. */
  shown(): readonly SandboxStatus[];
  /** Starts a pipeline of the project. Default: as a push to `main` does. */
  startPipeline(seed?: PipelineSeed): { readonly id: number };
  /** Number 41 of the project, from its branch `feature`. */
  readonly mergeRequest: SandboxMergeRequest;
  /** Sets the responses to the next requests of that method, in order. */
  answerNext(method: "GET" | "POST" | "PUT", ...answers: readonly InjectedAnswer[]): void;
  close(): Promise<void>;
}

const TOKEN = "glpat-of-the-sandbox";
const PROJECT = "platform/docs";
const SHA = "c4a1e7d20f9b8364517a2c6d8e0f1b3a5c7d9e2f";

/**
 * The calls about pipelines, deployments and commit statuses of a project with one commit on `main` and of its fork, and the
 * hooks that they raise. The calls about one merge request and its comments. Behaves as
 * https://docs.gitlab.com/api/commits/ and
 * https://docs.gitlab.com/ci/ci_cd_for_external_repos/external_commit_statuses/ say.
 */
export async function startSandboxGitlab(options: SandboxGitlabOptions = {}): Promise<SandboxGitlab> {
  const { rejectsRepeats = false } = options;
  const repository = new SandboxProject({ id: 4117, project: PROJECT, rejectsRepeats });
  repository.branches.set("main", [SHA]);
  const fork = Object.assign(new SandboxProject({ id: 5200, project: "alice/docs", rejectsRepeats }), {
    isOpen: false,
  });
  const all = [repository, fork];
  const former = new Map<string, SandboxProject>();
  const requests: SandboxGitlab["requests"][number][] = [];
  const injected = { GET: [] as InjectedAnswer[], POST: [] as InjectedAnswer[], PUT: [] as InjectedAnswer[] };
  const comments = new SandboxComments(repository, fork);

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

  const projectOf = (c: Context) => {
    const id = c.req.param("id") ?? "";
    return all.find((one) => String(one.id) === id || one.project === id);
  };
  // `redirect!` of GitLab's API, which answers 405 to every method but GET.
  app.use("/api/v4/projects/:id{.+}", async (c, next) => {
    const id = decodeURIComponent(/^\/api\/v4\/projects\/([^/]+)/.exec(new URL(c.req.url).pathname)?.[1] ?? "");
    const moved = former.get(id);
    if (!moved) return next();
    if (c.req.method !== "GET") return c.json({ message: "Non GET methods are not allowed for moved projects" }, 405);
    const { origin, pathname, search } = new URL(c.req.url);
    const to = pathname.replace(/^(\/api\/v4\/projects\/)[^/]+/, `$1${moved.id}`);
    return c.redirect(`${origin}${to}${search}`, 301);
  });
  app.get("/api/v4/projects/:id", (c) => {
    const project = projectOf(c);
    return project ? c.json({ id: project.id, path_with_namespace: project.project }) : c.notFound();
  });
  app.get("/api/v4/projects/:id/pipelines", (c) => {
    const project = projectOf(c);
    if (!project) return c.json({ message: "404 Project Not Found" }, 404);
    const listed = project.pipelines.filter(
      ({ sha, source }) => sha === c.req.query("sha") && source !== "parent_pipeline",
    );
    return c.json(listed.reverse().map((one) => ({ ...one, project_id: project.id })));
  });
  app.get("/api/v4/projects/:id/deployments/:number", (c) => {
    const found = repository.pipelines.find(({ id }) => id === Number(c.req.param("number")));
    const place = found ? { ref: found.ref, sha: found.sha } : { ref: "main", sha: SHA };
    return c.json({ ...place, deployable: found ? { pipeline: found } : null });
  });
  app.get("/api/v4/projects/:id/repository/commits/:sha/statuses", (c) => {
    const project = projectOf(c);
    if (!project?.has(c.req.param("sha"))) return c.json({ message: "404 Commit Not Found" }, 404);
    const { name, ref, pipeline_id, all } = c.req.query();
    const found = project
      .statuses({ all: all === "true" })
      .filter((one) => (!name || one.name === name) && (!ref || one.ref === ref) && one.sha === c.req.param("sha"));
    return c.json(found.filter(({ pipeline }) => !pipeline_id || String(pipeline) === pipeline_id).map(shownOf));
  });

  app.post("/api/v4/projects/:id/statuses/:sha", async (c) => {
    const project = projectOf(c);
    if (!project || (project === fork && !fork.isOpen)) return c.json({ message: "404 Project Not Found" }, 404);
    if (!project.has(c.req.param("sha"))) return c.json({ message: "404 Commit Not Found" }, 404);
    const read = v.safeParse(statusBody, await c.req.json());
    if (!read.success) return c.json({ error: "state does not have a valid value" }, 400);
    await options.delay?.(read.output.state);
    const { name, context } = read.output;
    const made = project.set(c.req.param("sha"), { ...read.output, name: name ?? context ?? "default" });
    return "message" in made ? c.json({ message: made.message }, made.status ?? 400) : c.json(shownOf(made), 201);
  });

  app.route("/", comments.app(PROJECT));

  const { url, close } = await serveOnLoopback(app, 0);
  return {
    url: url.origin,
    token: TOKEN,
    project: PROJECT,
    sha: SHA,
    requests,
    hooks: repository.hooks,
    repository,
    fork,
    rename: (path) => {
      former.set(repository.project, repository);
      repository.project = path;
    },
    shown: () => repository.statuses({ all: false }),
    startPipeline: (seed = { source: "push", ref: "main" }) => repository.startPipeline(seed),
    mergeRequest: comments,
    answerNext: (method, ...answers) => void injected[method].push(...answers),
    close,
  };
}

const statusBody = v.object({
  state: v.picklist(["pending", "running", "success", "failed", "canceled", "skipped"]),
  ref: v.optional(v.string()),
  pipeline_id: v.optional(v.number()),
  name: v.optional(v.string()),
  context: v.optional(v.string()),
  target_url: v.optional(v.string()),
  description: v.optional(v.string()),
});

const shownOf = ({ id, name, state, ref, sha, description, targetUrl, pipeline }: SandboxStatus) => ({
  id,
  sha,
  pipeline_id: pipeline,
  ref,
  name,
  status: state,
  description,
  target_url: targetUrl ?? null,
  created_at: "2026-11-02T09:00:00.000Z",
  allow_failure: false,
  author: { id: 7, username: "bridge" },
});

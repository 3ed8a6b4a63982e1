import { type Context, Hono } from "hono";
import type { SandboxProject } from "./sandbox-gitlab-commit.ts";

/** The account of the sandbox's token. */
const OWN_USER = 7;

export interface SandboxMergeRequest {
  state: "opened" | "closed" | "merged";
  /** Its newest commit. */
  sha: string;
  isOfFork: boolean;
  /** In the order of their creation. */
  readonly comments: readonly { readonly id: number; readonly body: string; readonly author: number }[];
  /** A comment of a person, or of the token's account. Returns its id. */
  add(body: string, author?: number): number;
  edit(id: number, body: string): void;
  remove(id: number): void;
}

/**
 * Merge request 41 and its comments, which GitLab calls notes. Behaves as https://docs.gitlab.com/api/notes/#merge-requests
 * says.
 */
export class SandboxComments implements SandboxMergeRequest {
  state: SandboxMergeRequest["state"] = "opened";
  sha = "";
  isOfFork = false;
  readonly #target: SandboxProject;
  readonly #fork: SandboxProject;
  #comments: { readonly id: number; readonly body: string; readonly author: number }[] = [];
  #lastId = 900;

  constructor(target: SandboxProject, fork: SandboxProject) {
    this.#target = target;
    this.#fork = fork;
  }

  /**
   * The newest pipeline that GitLab's `Ci::PipelinesForMergeRequestFinder` finds for the newest commit: one of the merge
   * request, or one of the source branch in the source project.
   */
  #headPipeline() {
    const source = this.isOfFork ? this.#fork : this.#target;
    const of = [
      ...this.#target.pipelines.map((one) => ({ ...one, project_id: this.#target.id })),
      ...(this.isOfFork ? this.#fork.pipelines.map((one) => ({ ...one, project_id: this.#fork.id })) : []),
    ];
    const isForIt = ({ ref, sha, project_id }: (typeof of)[number]) =>
      /^refs\/merge-requests\/41\/(merge|train)$/.test(ref) ||
      (sha === this.sha && (ref === "refs/merge-requests/41/head" || (ref === "feature" && project_id === source.id)));
    return of.filter(isForIt).sort((one, other) => other.id - one.id)[0] ?? null;
  }

  get comments(): SandboxMergeRequest["comments"] {
    return this.#comments;
  }

  add(body: string, author = 12): number {
    this.#comments.push({ id: ++this.#lastId, body, author });
    return this.#lastId;
  }

  edit(id: number, body: string): void {
    this.#comments = this.#comments.map((one) => (one.id === id ? { ...one, body } : one));
  }

  remove(id: number): void {
    this.#comments = this.#comments.filter((one) => one.id !== id);
  }

  app(project: string): Hono {
    const app = new Hono();
    const path = "/api/v4/projects/:project/merge_requests/:number";
    app.use(`${path}/*`, async (c, next) => {
      const { project: named, number } = c.req.param();
      return [project, String(this.#target.id)].includes(named) && number === "41" ? next() : missing(c);
    });
    app.get("/api/v4/user", (c) => c.json({ id: OWN_USER, username: "bridge" }));
    app.get(path, (c) =>
      c.json({
        iid: 41,
        state: this.state,
        description: "Docs",
        sha: this.sha,
        project_id: this.#target.id,
        source_project_id: this.isOfFork ? this.#fork.id : this.#target.id,
        source_branch: "feature",
        head_pipeline: this.#headPipeline(),
      }),
    );
    app.get(`${path}/notes`, (c) => {
      const { page = "1", per_page = "20", sort = "desc" } = c.req.query();
      const sorted = sort === "asc" ? this.#comments : [...this.#comments].reverse();
      const start = (Number(page) - 1) * Number(per_page);
      return c.json(sorted.slice(start, start + Number(per_page)).map(shownOf));
    });
    app.get(`${path}/notes/:id`, (c) => {
      const found = this.#find(c);
      return found ? c.json(shownOf(found)) : missing(c);
    });
    app.post(`${path}/notes`, async (c) => {
      const { body } = await c.req.json<{ body: string }>();
      return c.json(shownOf({ id: this.add(body, OWN_USER), body, author: OWN_USER }), 201);
    });
    app.put(`${path}/notes/:id`, async (c) => {
      const found = this.#find(c);
      if (!found) return missing(c);
      const { body } = await c.req.json<{ body: string }>();
      this.edit(found.id, body);
      return c.json(shownOf({ ...found, body }));
    });
    return app;
  }

  #find(c: Context) {
    return this.#comments.find(({ id }) => String(id) === c.req.param("id"));
  }
}

const missing = (c: Context) => c.json({ message: "404 Not found" }, 404);

const shownOf = ({ id, body, author }: SandboxMergeRequest["comments"][number]) => ({
  id,
  body,
  author: { id: author, username: `user-${author}` },
  system: false,
  noteable_type: "MergeRequest",
  internal: false,
});

import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";

export const REPOSITORY_TOKEN = "glpat-of-the-repository";

export interface MergeRequestSeed {
  readonly state: "opened" | "closed" | "merged";
  readonly sha: string;
  readonly approved?: boolean;
  readonly approvedBy?: number;
  readonly mergeCommit?: string;
  readonly squashCommit?: string;
}

/**
 * What GitLab's API answers about one project's branches, tags, merge requests, releases and deployments:
 * https://docs.gitlab.com/api/branches/, https://docs.gitlab.com/api/tags/, https://docs.gitlab.com/api/merge_requests/,
 * https://docs.gitlab.com/api/merge_request_approvals/, https://docs.gitlab.com/api/releases/ and
 * https://docs.gitlab.com/api/deployments/.
 */
export class SandboxRepository {
  readonly project: string;
  readonly branches = new Map<string, string>();
  readonly tags = new Map<string, string>();
  readonly mergeRequests = new Map<number, MergeRequestSeed>();
  readonly releases = new Set<string>();
  /** Oldest first. */
  readonly deployments: { readonly environment: string; readonly sha: string }[] = [];
  /** The answer to every request instead of the right one; undefined: none. */
  failure: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string } | undefined;
  readonly app: Hono<{ Bindings: HttpBindings }>;

  constructor(project: string) {
    this.project = project;
    this.app = this.#api();
  }

  #api(): Hono<{ Bindings: HttpBindings }> {
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.use("*", async (c, next) => {
      if (this.failure) return new Response(this.failure.body ?? "", this.failure);
      if (c.req.header("authorization") !== `Bearer ${REPOSITORY_TOKEN}`) return c.json({ message: "401" }, 401);
      return next();
    });
    const at = (path: string): string => `/api/v4/projects/:project{${encodeURIComponent(this.project)}}/${path}`;
    for (const [list, refs] of [
      ["branches", this.branches],
      ["tags", this.tags],
    ] as const) {
      app.get(at(`repository/${list}/:name`), (c) => {
        const name = c.req.param("name") ?? "";
        const id = refs.get(decodeURIComponent(name));
        // `target` of an annotated tag is the tag object.
        return id === undefined ? c.notFound() : c.json({ name, target: `object-of-${id}`, commit: { id } });
      });
    }
    app.get(at("merge_requests/:number"), (c) => {
      const found = this.mergeRequests.get(Number(c.req.param("number")));
      if (!found) return c.notFound();
      const { state, sha, mergeCommit: merge_commit_sha = null, squashCommit = null } = found;
      return c.json({ state, sha, merge_commit_sha, squash_commit_sha: squashCommit });
    });
    app.get(at("merge_requests/:number/approvals"), (c) => {
      const found = this.mergeRequests.get(Number(c.req.param("number")));
      if (!found) return c.notFound();
      const approved_by = Array.from({ length: found.approvedBy ?? 0 }, (_, id) => ({ user: { id } }));
      return c.json({ approved: found.approved ?? true, approved_by });
    });
    app.get(at("releases/:tag"), (c) => {
      const tag_name = decodeURIComponent(c.req.param("tag") ?? "");
      return this.releases.has(tag_name) ? c.json({ tag_name }) : c.notFound();
    });
    app.get(at("deployments"), (c) => {
      const of = this.deployments.filter(({ environment }) => environment === c.req.query("environment"));
      return c.json(of.reverse().slice(0, Number(c.req.query("per_page"))));
    });
    return app;
  }
}

import * as v from "valibot";
import type { OutboundResponse } from "../../host/call-out.ts";
import { jsonOf } from "../response-text.ts";
import { type Connection, call, type Ended, endedBy } from "./client.ts";
import { isMarked } from "./comment-body.ts";

/** A merge request as GitLab's API identifies it. */
export interface MergeRequest {
  /** Path with namespace of the target project. */
  readonly project: string;
  readonly number: string;
}

interface Comment {
  readonly id: string;
  readonly body: string;
}

/** A client for the comments on one merge request: https://docs.gitlab.com/api/notes/#merge-requests. */
export interface CommentClient {
  /** Whether the merge request is neither merged nor closed, and its newest commit. */
  state(): Promise<{ readonly kind: "state"; readonly isOpen: boolean; readonly sha?: string | undefined } | Ended>;
  read(id: string): Promise<{ readonly kind: "read"; readonly comment: Comment | undefined } | Ended>;
  /** Finds the oldest comment that this account wrote and that has the marker. */
  find(): Promise<{ readonly kind: "read"; readonly comment: Comment | undefined } | Ended>;
  create(body: string): Promise<{ readonly kind: "written"; readonly id: string } | Ended>;
  /** `absent`: somebody has deleted it. `refused`: the account may not edit it, for example because another one wrote it. */
  update(
    comment: Comment,
  ): Promise<{ readonly kind: "written"; readonly id: string } | { readonly kind: "absent" | "refused" } | Ended>;
}

export function commentClient(connection: Connection, { project, number }: MergeRequest): CommentClient {
  const mergeRequest = `projects/${encodeURIComponent(project)}/merge_requests/${number}`;
  const ended = (response: OutboundResponse): Ended => endedBy(response, connection.clock.now(), REASONS);
  const get = async <T>(path: string, schema: v.GenericSchema<unknown, T>) => {
    const response = await call(connection, { method: "GET", path, maxResponseBytes: MAX_RESPONSE_BYTES });
    if ("kind" in response) return response;
    const read = v.safeParse(schema, response.status === 200 ? jsonOf(response.body) : undefined);
    return read.success ? ({ kind: "read", value: read.output } as const) : response;
  };
  return {
    async state() {
      const found = await get(mergeRequest, v.object({ state: v.string(), sha: v.optional(v.string()) }));
      if (!("kind" in found)) return ended(found);
      if (found.kind === "ended") return found;
      return { kind: "state", isOpen: found.value.state === "opened", sha: found.value.sha };
    },
    async read(id) {
      const found = await get(`${mergeRequest}/notes/${id}`, comment);
      if ("kind" in found) return found.kind === "ended" ? found : { kind: "read", comment: commentOf(found.value) };
      return found.status === 404 ? { kind: "read", comment: undefined } : ended(found);
    },
    async find() {
      const user = await get("user", v.object({ id: v.number() }));
      if (!("kind" in user)) return ended(user);
      if (user.kind === "ended") return user;
      for (let page = 1; page <= MAX_PAGES; page++) {
        const query = new URLSearchParams({ ...OLDEST_FIRST, per_page: String(PAGE_SIZE), page: String(page) });
        const listed = await get(`${mergeRequest}/notes?${query}`, v.array(comment));
        if (!("kind" in listed)) return ended(listed);
        if (listed.kind === "ended") return listed;
        const own = listed.value.find(
          ({ author, system, body }) => author.id === user.value.id && !system && isMarked(body),
        );
        if (own) return { kind: "read", comment: commentOf(own) };
        if (listed.value.length < PAGE_SIZE) break;
      }
      return { kind: "read", comment: undefined };
    },
    async create(body) {
      const path = `${mergeRequest}/notes`;
      const response = await call(connection, { method: "POST", path, body: JSON.stringify({ body }) });
      if ("kind" in response) return response;
      const read = v.safeParse(
        v.object({ id: v.number() }),
        response.status === 201 ? jsonOf(response.body) : undefined,
      );
      return read.success ? { kind: "written", id: String(read.output.id) } : ended(response);
    },
    async update({ id, body }) {
      const path = `${mergeRequest}/notes/${id}`;
      const response = await call(connection, { method: "PUT", path, body: JSON.stringify({ body }) });
      if ("kind" in response) return response;
      if (response.status === 200) return { kind: "written", id };
      if (response.status === 403) return { kind: "refused" };
      return response.status === 404 ? { kind: "absent" } : ended(response);
    },
  };
}

const OLDEST_FIRST = { order_by: "created_at", sort: "asc" };
const PAGE_SIZE = 50;
/** The bridge writes its comment early, so it is among the first of a merge request. */
const MAX_PAGES = 10;
/** A merge request with a long description, or fifty long comments. */
const MAX_RESPONSE_BYTES = 4_000_000;

const REASONS: Readonly<Record<number, string>> = {
  401: "the token was not accepted; it is wrong, expired or revoked",
  403: "the token may not comment here; it needs the scope api, and a role that may comment on the merge request",
  404: "there is no such merge request, or the token may not see it",
};

const comment = v.object({
  id: v.number(),
  body: v.string(),
  author: v.object({ id: v.number() }),
  system: v.nullish(v.boolean(), false),
});

const commentOf = ({ id, body }: v.InferOutput<typeof comment>): Comment => ({ id: String(id), body });

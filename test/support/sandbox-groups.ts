import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { serveOnLoopback } from "./loopback.ts";

/** An account and its groups, as a site has them. */
interface SandboxMember {
  readonly groups: string[];
  /** Confluence: whether it may sign in. */
  status: "active" | "deactivated";
  /** GitLab: further members of its entry in the list of members, and of the user. */
  gitlab?: Readonly<Record<string, unknown>>;
}

export interface SandboxGroups {
  readonly origin: string;
  readonly members: Map<string, SandboxMember>;
  /** Confluence Cloud: the accounts that may edit page 98310, which is at version 7. */
  readonly editors: Set<string>;
  /** GitLab: the groups that the token sees. */
  readonly known: Set<string>;
  /** Paths and queries of the requests, the first one first. */
  readonly requests: string[];
  /** Answers every request instead of the right answer; undefined: none. */
  answer: ((path: string) => Response | undefined) | undefined;
  /** Groups of a batch of Confluence. */
  batch: number;
  close(): Promise<void>;
}

const TOKEN = "token-of-the-groups";
export const GROUPS_TOKEN = TOKEN;

/**
 * What both products of Confluence and GitLab answer about accounts and groups:
 * https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-users/,
 * https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-user/,
 * https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-content-permissions/,
 * https://developer.atlassian.com/server/confluence/rest/ and https://docs.gitlab.com/api/members/.
 */
export async function startSandboxGroups(): Promise<SandboxGroups> {
  const members = new Map<string, SandboxMember>();
  const known = new Set<string>();
  const editors = new Set<string>();
  const requests: string[] = [];
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use("*", async (c, next) => {
    const { pathname, search } = new URL(c.req.url);
    requests.push(`${pathname}${search}`);
    const other = sandbox.answer?.(pathname);
    if (other) return other;
    if (c.req.header("authorization") !== `Bearer ${TOKEN}`) return c.json({ message: "401" }, 401);
    return next();
  });
  const memberOf = (prefix: string, parameter: string) =>
    app.get(`${prefix}/rest/api/user/memberof`, (c) => {
      const groups = members.get(c.req.query(parameter) ?? "")?.groups;
      if (groups === undefined) return c.json({ message: "No user found" }, 404);
      const start = Number(c.req.query("start") ?? 0);
      const limit = Math.min(Number(c.req.query("limit") ?? 200), sandbox.batch);
      const results = groups.slice(start, start + limit).map((name) => ({ type: "group", name, id: `id-of-${name}` }));
      const next = start + limit < groups.length ? { next: "/rest/api/user/memberof" } : {};
      return c.json({ results, start, limit, size: results.length, _links: next });
    });
  memberOf("", "key");
  memberOf("/wiki", "accountId");
  app.get("/rest/api/user", (c) => {
    const userKey = c.req.query("key") ?? "";
    const member = members.get(userKey);
    if (!member) return c.json({ message: "No user found" }, 404);
    const status = c.req.query("expand") === "status" ? { status: DATA_CENTER[member.status] } : {};
    return c.json({ type: "known", userKey, username: userKey, displayName: userKey, ...status });
  });
  app.post("/wiki/api/v2/users-bulk", async (c) => {
    const { accountIds } = await c.req.json<{ readonly accountIds: readonly string[] }>();
    const results = accountIds.flatMap((accountId) => {
      const status = members.get(accountId)?.status;
      return status ? [{ accountId, accountType: "atlassian", accountStatus: CLOUD[status] }] : [];
    });
    return c.json({ results, _links: {} });
  });
  app.post("/wiki/rest/api/content/:id/permission/check", async (c) => {
    const { subject, operation } = await c.req.json<{
      readonly subject: { readonly type: string; readonly identifier: string };
      readonly operation: string;
    }>();
    if (c.req.param("id") !== PAGE) return c.json({ message: "No content found" }, 404);
    const isUpdate = subject.type === "user" && operation === "update";
    const hasPermission = isUpdate && editors.has(subject.identifier);
    const errors = hasPermission ? [] : [{ translation: "User does not have permission to the content", args: [] }];
    return c.json({ hasPermission, errors, _links: {} });
  });
  app.get("/wiki/api/v2/pages/:id", (c) =>
    c.req.param("id") === PAGE
      ? c.json({
          id: PAGE,
          status: "current",
          title: "Release",
          version: { number: 7 },
          body: { storage: { value: "" } },
          labels: { results: [] },
        })
      : c.json({ errors: [] }, 404),
  );
  app.get("/wiki/api/v2/pages/:id/versions/7", (c) =>
    c.json({ number: 7, authorId: "ff80aa01", createdAt: "2026-11-02T08:59:59.000Z" }),
  );
  app.get("/api/v4/groups/:group/members/all", (c) => {
    const group = decodeURIComponent(c.req.param("group"));
    if (!known.has(group)) return c.json({ message: "404 Group Not Found" }, 404);
    const wanted = c.req.queries("user_ids[]") ?? [...members.keys()];
    const found = wanted.filter((id) => members.get(id)?.groups.includes(group));
    return c.json(found.map((id) => ({ ...MEMBER, id: Number(id), ...members.get(id)?.gitlab })));
  });
  app.get("/api/v4/users/:id", (c) => {
    const id = c.req.param("id");
    const member = members.get(id);
    if (member === undefined) return c.json({ message: "404 User Not Found" }, 404);
    return c.json({ id: Number(id), username: MEMBER.username, bot: false, ...member.gitlab });
  });
  app.get("/api/v4/groups/:group", (c) => {
    const full_path = decodeURIComponent(c.req.param("group"));
    return known.has(full_path) ? c.json({ id: 7, full_path }) : c.json({ message: "404 Group Not Found" }, 404);
  });
  app.get("/rest/api/group/:group", (c) => {
    const name = decodeURIComponent(c.req.param("group"));
    return known.has(name) ? c.json({ type: "group", name }) : c.json({ message: "No group found" }, 404);
  });
  app.get("/wiki/rest/api/group/picker", (c) => {
    const query = (c.req.query("query") ?? "").toLowerCase();
    const results = [...known].filter((name) => name.toLowerCase().includes(query)).map((name) => ({ name }));
    return c.json({ results, limit: 200, size: results.length });
  });
  const { url, close } = await serveOnLoopback(app, 0);
  const sandbox: SandboxGroups = {
    origin: url.origin,
    members,
    known,
    editors,
    requests,
    answer: undefined,
    batch: 200,
    close,
  };
  return sandbox;
}

/** The page of the sample deliveries. */
const PAGE = "98310";

const DATA_CENTER = { active: "current", deactivated: "deactivated" } as const;
const CLOUD = { active: "active", deactivated: "inactive" } as const;

/** A member without an end. */
const MEMBER = { username: "kim", state: "active", membership_state: "active", access_level: 30, expires_at: null };

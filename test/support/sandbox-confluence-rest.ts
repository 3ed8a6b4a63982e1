import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import * as v from "valibot";
import { cloudComment, dataCenterComment, type SandboxComment } from "./sandbox-confluence-comments.ts";
import {
  type Failure,
  formatOf,
  latest,
  type NewVersion,
  type SandboxPage,
  type SandboxSite,
  type SandboxVersion,
  storageOf,
} from "./sandbox-confluence-site.ts";
import {
  BRIDGE_USER,
  callerOf,
  KNOWN_USERS,
  type SandboxCredentials,
  type SandboxUser,
  userNamed,
} from "./sandbox-confluence-users.ts";

/** The differences of the products' REST interfaces. */
interface Dialect {
  readonly pagePath: string;
  /** Where a version is. Data Center's older releases do not have the first path. */
  readonly versionPaths: readonly [string, ...string[]];
  readonly searchPath: string;
  /** Path of all labels of a page. */
  readonly labelsPath: string;
  readonly labels: (page: SandboxPage, limit: number) => object;
  /** Path of a space by its id, if the bridge asks for one. */
  readonly spacePath?: string;
  /** Path of a page's properties, if the bridge asks for one. */
  readonly propertiesPath?: string;
  /** Path of an account by its id or key. */
  readonly userNamePath: string;
  /** Path of the credential's owner. */
  readonly userPath: string;
  readonly user: (user: SandboxUser) => object;
  /** Paths of comments. In Data Center a comment is one kind of content. */
  readonly commentPaths: Readonly<Record<SandboxComment["kind"], string>>;
  readonly comment: (comment: SandboxComment, query: URLSearchParams) => object;
  /** Paths that take replies to comments. */
  readonly replyPaths: Readonly<Record<SandboxComment["kind"], string>>;
  /** Reads a reply's body. */
  readonly reply: v.GenericSchema<unknown, { readonly parent: string; readonly body: string }>;
  /** Status of the response to a written reply. */
  readonly replied: number;
  /** The parameter for the start of a batch of found pages. */
  readonly place: "cursor" | "start";
  /** Reads a write's body. */
  readonly write: v.GenericSchema<unknown, Omit<NewVersion, "by">>;
  readonly page: (page: SandboxPage, query: URLSearchParams) => object;
  readonly version: (version: SandboxVersion) => object;
  readonly error: (status: number, text: string) => object;
  readonly conflict: (current: number, provided: number) => string;
}

/** Cloud's REST v2 below `/wiki`: https://developer.atlassian.com/cloud/confluence/rest/v2/ */
export const cloudDialect: Dialect = {
  pagePath: "/wiki/api/v2/pages/:id",
  versionPaths: ["/wiki/api/v2/pages/:id/versions/:number"],
  searchPath: "/wiki/rest/api/content/search",
  labelsPath: "/wiki/api/v2/pages/:id/labels",
  labels: cloudLabels,
  spacePath: "/wiki/api/v2/spaces/:id",
  propertiesPath: "/wiki/api/v2/pages/:id/properties",
  userNamePath: "/wiki/rest/api/user",
  userPath: "/wiki/rest/api/user/current",
  user: ({ accountId, displayName }) => ({
    type: "known",
    accountId,
    accountType: "atlassian",
    email: "",
    publicName: displayName,
    displayName,
  }),
  commentPaths: { footer: "/wiki/api/v2/footer-comments/:id", inline: "/wiki/api/v2/inline-comments/:id" },
  comment: cloudComment,
  replyPaths: { footer: "/wiki/api/v2/footer-comments", inline: "/wiki/api/v2/inline-comments" },
  // Strict: a reply with a page id is refused.
  reply: v.pipe(
    v.strictObject({
      parentCommentId: v.string(),
      body: v.strictObject({ representation: v.literal("storage"), value: v.string() }),
    }),
    v.transform(({ parentCommentId: parent, body }) => ({ parent, body: body.value })),
  ),
  replied: 201,
  place: "cursor",
  write: v.pipe(
    v.object({
      id: v.string(),
      status: v.literal("current"),
      title: v.string(),
      body: v.object({ representation: v.picklist(["storage", "atlas_doc_format"]), value: v.string() }),
      version: v.object({ number: v.number(), message: v.optional(v.string(), "") }),
    }),
    v.transform(({ title, body, version }) => ({
      ...version,
      title,
      body: body.value,
      representation: body.representation,
    })),
  ),
  page: (page, query) => {
    const { title } = latest(page);
    return {
      id: page.id,
      status: page.status,
      ...(page.subtype && { subtype: page.subtype }),
      title,
      spaceId: spaceIdOf(page.space),
      version: cloudVersion(latest(page)),
      body: bodyInCloudPage(page, query.get("body-format")),
      ...(query.get("include-labels") === "true" && { labels: labelsInCloudPage(page) }),
      ...(query.get("include-properties") === "true" && { properties: propertiesInCloudPage(page) }),
    };
  },
  version: cloudVersion,
  error: (status, text) => ({
    errors: [{ status: String(status), code: CODES[status] ?? "ERROR", title: text, detail: null }],
  }),
  conflict: (current, provided) =>
    `Version must be incremented when updating a page. Current Version: [${current}]. Provided version: [${provided}]`,
};

/** Data Center: https://developer.atlassian.com/server/confluence/confluence-server-rest-api/ */
export const dataCenterDialect: Dialect = {
  pagePath: "/rest/api/content/:id",
  versionPaths: ["/rest/api/content/:id/version/:number", "/rest/experimental/content/:id/version/:number"],
  searchPath: "/rest/api/content/search",
  labelsPath: "/rest/api/content/:id/label",
  labels: dataCenterLabels,
  userNamePath: "/rest/api/user",
  userPath: "/rest/api/user/current",
  user: ({ username, userKey, displayName }) => ({ type: "known", username, userKey, displayName, status: "current" }),
  commentPaths: { footer: "/rest/api/content/:id", inline: "/rest/api/content/:id" },
  comment: dataCenterComment,
  replyPaths: { footer: "/rest/api/content", inline: "/rest/api/content" },
  reply: v.pipe(
    v.object({
      type: v.literal("comment"),
      container: v.object({ id: v.string(), type: v.literal("page"), status: v.literal("current") }),
      ancestors: v.tuple([v.object({ id: v.string() })]),
      body: v.object({ storage: v.object({ representation: v.literal("storage"), value: v.string() }) }),
    }),
    v.transform(({ ancestors: [{ id: parent }], body }) => ({ parent, body: body.storage.value })),
  ),
  replied: 200,
  place: "start",
  write: v.pipe(
    v.object({
      type: v.literal("page"),
      status: v.literal("current"),
      title: v.string(),
      body: v.object({ storage: v.object({ representation: v.literal("storage"), value: v.string() }) }),
      version: v.object({
        number: v.number(),
        message: v.optional(v.string(), ""),
        minorEdit: v.optional(v.boolean()),
      }),
    }),
    v.transform(({ title, body, version }) => ({ ...version, title, body: body.storage.value })),
  ),
  page: (page, query) => {
    const { title, body } = latest(page);
    const parts = query.get("expand")?.split(",") ?? ["version"];
    return {
      id: page.id,
      type: "page",
      status: page.status,
      title,
      ...(parts.includes("space") && { space: spaceOf(page) }),
      ...(parts.includes("metadata.labels") && { metadata: { labels: dataCenterLabels(page, 200) } }),
      ...(parts.includes("version") && { version: dataCenterVersion(latest(page)) }),
      ...(parts.includes("body.storage") && { body: { storage: { value: body, representation: "storage" } } }),
    };
  },
  version: dataCenterVersion,
  error: (status, text) => ({ statusCode: status, data: { authorized: status !== 403, valid: false }, message: text }),
  conflict: (current) => `Version must be incremented on update. Current version is: ${current}`,
};

function cloudVersion({ number, message, by, at }: SandboxVersion) {
  return { number, message, authorId: userNamed(by).accountId, createdAt: at, minorEdit: false };
}

function dataCenterVersion({ number, message, by, at, minorEdit = false }: SandboxVersion) {
  return {
    number,
    message,
    when: at,
    minorEdit,
    by: { type: "known", userKey: userNamed(by).userKey, displayName: by },
  };
}

function labelBatch({ id, labels }: SandboxPage, limit: number) {
  const results = labels.slice(0, limit).map((label, at) => {
    const [prefix = "", name = label] = label.includes(":") ? label.split(":") : ["global"];
    return { id: String(at), name, prefix };
  });
  const hasMore = labels.length > limit;
  return { results, hasMore, next: hasMore ? { next: `/pages/${id}/labels?cursor=${limit}` } : {} };
}

/** Within a page only `meta` says whether there are more. */
function labelsInCloudPage(page: SandboxPage) {
  const { results, hasMore } = labelBatch(page, 50);
  return { results, meta: { hasMore }, _links: {} };
}

/** A page that was never saved in the new editor has no body in its format here. */
function bodyInCloudPage(page: SandboxPage, format: string | null): object {
  if (format === "storage") return { storage: { representation: format, value: storageOf(page) } };
  return format === formatOf(page) ? { [format]: { representation: format, value: latest(page).body } } : {};
}

/** The properties that others have set come before that of the editor. */
function propertyBatch({ id, editor, properties }: SandboxPage, limit: number, key = "") {
  const others = Array.from({ length: properties }, (_, at) => ({ key: `app-${at}`, value: { at } }));
  const all = [...others, ...(editor === undefined ? [] : [{ key: "editor", value: editor }])]
    .map((property, at) => ({ id: String(at), ...property, version: { number: 1 } }))
    .filter((property) => key === "" || property.key === key);
  const hasMore = all.length > limit;
  const next = hasMore ? { next: `/pages/${id}/properties?cursor=${limit}` } : {};
  return { results: all.slice(0, limit), hasMore, next };
}

function propertiesInCloudPage(page: SandboxPage) {
  const { results, hasMore } = propertyBatch(page, 50);
  return { results, meta: { hasMore }, _links: {} };
}

function cloudProperties(page: SandboxPage, query: URLSearchParams) {
  const { results, next } = propertyBatch(page, Number(query.get("limit") ?? 25), query.get("key") ?? "");
  return { results, _links: next };
}

function cloudLabels(page: SandboxPage, limit: number) {
  const { results, next } = labelBatch(page, limit);
  return { results, _links: next };
}

/** Data Center returns them alike within a page and for themselves. */
function dataCenterLabels(page: SandboxPage, limit: number) {
  const all = labelBatch(page, limit);
  const results = all.results.map((label) => ({ ...label, label: label.name }));
  return { results, start: 0, limit, size: results.length, _links: all.next };
}

/** Any number that belongs to one key. */
const spaceIdOf = (key: string): string => String(Number.parseInt(Buffer.from(key).toString("hex"), 16));
const spaceKeyOf = (id: string): string => Buffer.from(BigInt(id).toString(16), "hex").toString();

const spaceOf = ({ space: key }: SandboxPage) => ({
  id: 65538,
  key,
  name: key,
  type: "global",
  status: "current",
  _expandable: { homepage: "" },
  _links: { webui: `/display/${key}` },
});

const CODES: Readonly<Record<number, string>> = { 400: "INVALID_REQUEST_PARAMETER", 404: "NOT_FOUND", 409: "CONFLICT" };

type RestContext = Context<{ Bindings: HttpBindings }>;

interface Rest {
  readonly site: SandboxSite;
  readonly dialect: Dialect;
  readonly credentials: SandboxCredentials;
  /** Called with every version written here, and its author. */
  readonly onWrite: (page: SandboxPage, by: SandboxUser) => void;
  /** Called with every reply written here. */
  readonly onReply: (comment: SandboxComment) => void;
}

/** The calls that the bridge makes. There are no others. */
export function restApp(rest: Rest): Hono<{ Bindings: HttpBindings }> {
  const { site, dialect, credentials } = rest;
  const app = new Hono<{ Bindings: HttpBindings }>();
  const { footer, inline } = dialect.commentPaths;
  const replyPaths = new Set(Object.values(dialect.replyPaths));
  for (const path of [
    dialect.searchPath,
    dialect.userPath,
    dialect.userNamePath,
    `${dialect.pagePath}/*`,
    dialect.spacePath ?? dialect.userPath,
    footer,
    inline,
    ...replyPaths,
  ]) {
    app.use(path, async (c, next) =>
      callerOf(c.req.header("authorization"), credentials) ? next() : reject(dialect, 401, "Unauthorized"),
    );
  }
  app.get(dialect.userPath, (c) => {
    const failure = site.takeFailure("user");
    const caller = callerOf(c.req.header("authorization"), credentials);
    if (failure || !caller) return fail(c, failure ?? { on: "user", status: 401 });
    return Response.json(dialect.user(caller));
  });
  app.get(dialect.userNamePath, (c) => {
    const failure = site.takeFailure("user name");
    if (failure) return fail(c, failure);
    const { accountId, key } = Object.fromEntries(queryOf(c));
    const user = KNOWN_USERS.find((one) => one.accountId === accountId || one.userKey === key);
    return user ? Response.json(dialect.user(user)) : reject(dialect, 404, "No user found");
  });
  app.get(dialect.searchPath, (c) => {
    const failure = site.takeFailure("search");
    return failure ? fail(c, failure) : search(queryOf(c), rest);
  });
  app.get(dialect.labelsPath, (c) => {
    const page = pageAsked(c, site);
    if (!page) return reject(dialect, 404, "No content found");
    return Response.json(dialect.labels(page, Number(queryOf(c).get("limit") ?? 25)));
  });
  if (dialect.propertiesPath) {
    app.get(dialect.propertiesPath, (c) => {
      const page = pageAsked(c, site);
      if (!page) return reject(dialect, 404, "No content found");
      return Response.json(cloudProperties(page, queryOf(c)));
    });
  }
  if (dialect.spacePath) {
    app.get(dialect.spacePath, (c) => {
      const failure = site.takeFailure("space");
      if (failure) return fail(c, failure);
      const id = c.req.param("id") ?? "";
      return Response.json({ id, key: spaceKeyOf(id), name: spaceKeyOf(id), type: "global", status: "current" });
    });
  }
  app.on("GET", [...dialect.versionPaths], (c) => {
    const failure = site.takeFailure("version");
    if (failure) return fail(c, failure);
    const version = pageAsked(c, site)?.versions[Number(c.req.param("number")) - 1];
    if (!version) return reject(dialect, 404, "No such version");
    return Response.json(dialect.version(version));
  });
  app.get(dialect.pagePath, (c) => {
    const failure = site.takeFailure("GET");
    if (failure) return fail(c, failure);
    const page = pageAsked(c, site);
    if (page) return Response.json(dialect.page(page, queryOf(c)));
    return dialect.commentPaths.footer === dialect.pagePath
      ? comment(c, rest, ["footer", "inline"])
      : reject(dialect, 404, "No content found");
  });
  for (const kind of ["footer", "inline"] as const) {
    const path = dialect.commentPaths[kind];
    if (path !== dialect.pagePath) app.get(path, (c) => comment(c, rest, [kind]));
  }
  app.put(dialect.pagePath, (c) => put(c, rest));
  for (const path of replyPaths) app.post(path, (c) => reply(c, rest, path));
  return app;
}

async function put(c: RestContext, { site, dialect, credentials, onWrite }: Rest): Promise<Response> {
  const write = v.safeParse(dialect.write, await c.req.json().catch(() => undefined));
  const failure = site.takeFailure("PUT");
  if (failure && !failure.landed) return fail(c, failure);
  const page = pageAsked(c, site);
  if (!page) return reject(dialect, 404, "No content found");
  if (!write.success) return reject(dialect, 400, "The request body is not a page");
  site.runBeforeWrite();
  const by = callerOf(c.req.header("authorization"), credentials) ?? BRIDGE_USER;
  const refusal = site.refusalOf({ ...write.output, by: by.displayName });
  if (refusal !== undefined) return reject(dialect, refusal, "could not execute statement");
  const written = site.write(page, { ...write.output, by: by.displayName });
  if (written.kind === "made") onWrite(page, by);
  if (failure) return fail(c, failure);
  if (written.kind === "conflict") return reject(dialect, 409, dialect.conflict(written.current, write.output.number));
  if (written.kind === "refused") return reject(dialect, 400, `Error parsing xhtml: ${written.problem}`);
  return Response.json(dialect.page(page, queryOf(c)));
}

/** Writes a reply to a comment of the kind that the path is for. */
async function reply(c: RestContext, { site, dialect, credentials, onReply }: Rest, path: string): Promise<Response> {
  const asked = v.safeParse(dialect.reply, await c.req.json().catch(() => undefined));
  const failure = site.takeFailure("POST");
  if (failure && !failure.landed) return fail(c, failure);
  if (!asked.success) return reject(dialect, 400, "The request body is not a reply");
  const parent = site.comments.get(asked.output.parent);
  if (!parent || dialect.replyPaths[parent.kind] !== path) return reject(dialect, 404, "No content found");
  const { userKey: author } = callerOf(c.req.header("authorization"), credentials) ?? BRIDGE_USER;
  const made = site.comments.add(parent.page, asked.output.body, { kind: parent.kind, parent: parent.id, author });
  onReply(made);
  if (failure) return fail(c, failure);
  return Response.json(dialect.comment(made, queryOf(c)), { status: dialect.replied });
}

/** The requested comment, if it is of one of these kinds. */
function comment(c: RestContext, { site, dialect }: Rest, kinds: readonly SandboxComment["kind"][]): Response {
  const failure = site.takeFailure("GET");
  if (failure) return fail(c, failure);
  const found = site.comments.get(c.req.param("id") ?? "");
  if (!found || !kinds.includes(found.kind)) return reject(dialect, 404, "No content found");
  return Response.json(dialect.comment(found, queryOf(c)));
}

/**
 * The only queries of CQL that the bridge sends:
 * https://developer.atlassian.com/cloud/confluence/advanced-searching-using-cql/
 */
function pagesWanted(cql: string, site: SandboxSite): readonly SandboxPage[] | undefined {
  const [, label] = /^type = page and label = "([^"]+)" order by created$/.exec(cql) ?? [];
  if (label !== undefined) return site.labeled(label);
  const [, either] = /^type = page and \((.+)\)$/.exec(cql) ?? [];
  const text = /"((?:[^"\\]|\\.)*)"/.source;
  const wanted = either
    ?.split(/(?<=\)) or (?=\()/)
    .map((one) => new RegExp(`^\\(space = ${text} and title = ${text}\\)$`).exec(one));
  if (!wanted?.every((one) => one !== null)) return undefined;
  return wanted.flatMap(([, space = "", title = ""]) => site.titled(unquoted(space), unquoted(title)));
}

const unquoted = (text: string): string => text.replace(/\\(.)/g, "$1");

function search(query: URLSearchParams, { site, dialect }: Rest): Response {
  const pages = pagesWanted(query.get("cql") ?? "", site);
  if (pages === undefined) return reject(dialect, 400, "Could not parse cql");
  const [limit, start] = [Number(query.get("limit") ?? 25), Number(query.get(dialect.place) ?? 0)];
  const results = pages.slice(start, start + limit).map((page) => ({
    id: page.id,
    type: "page",
    status: page.status,
    title: latest(page).title,
    ...(query.get("expand") === "space" && { space: spaceOf(page) }),
    ...(query.get("expand") === "body.storage,space" && {
      body: { storage: { value: storageOf(page), representation: "storage" } },
      space: spaceOf(page),
    }),
  }));
  const params = new URLSearchParams({ cql: query.get("cql") ?? "", limit: String(limit) });
  params.set(dialect.place, String(start + limit));
  const next = start + limit < pages.length && { next: `/rest/api/content/search?${params}` };
  return Response.json({ results, start, limit, size: results.length, _links: { base: "", context: "", ...next } });
}

const pageAsked = (c: RestContext, site: SandboxSite) => site.page(c.req.param("id") ?? "");
const queryOf = (c: RestContext) => new URL(c.req.url).searchParams;
const reject = (dialect: Dialect, status: number, text: string) =>
  Response.json(dialect.error(status, text), { status });

function fail(c: RestContext, { status, headers = {}, body = "" }: Failure): Response {
  if (status !== "none") return new Response(body, { status, headers });
  c.env.outgoing.destroy();
  return RESPONSE_ALREADY_SENT;
}

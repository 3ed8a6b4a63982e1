import * as v from "valibot";
import { type PageResponse, type Product, version } from "./client.ts";
import { type StoredComment, writtenAt } from "./comment.ts";
import { labelsOfPage } from "./labels.ts";
import { bodyOfPage, savedIn, savedInOfPage } from "./page-format.ts";

/**
 * Confluence Cloud, REST v2 (https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-page/): the published
 * v1 no longer reads or writes pages. A write has no field for a minor edit, so it may send mail to the page's
 * watchers.
 */
export const cloud: Product = {
  // Cloud's editor keeps a macro with a body and its parameters, and can separate two anchors. A page may have several
  // named excerpts.
  newRegion: { carrier: "excerpt", section: "fixed-width" },
  // The schema of Cloud's editor has no expand node in the content of a macro (`bodiedExtension_node`), nor a table in an
  // expand node of a cell (https://go.atlassian.com/adf-json-schema).
  isFlat: true,
  pagePath: (id, { representation }) =>
    `/api/v2/pages/${id}?body-format=${representation}&include-labels=true&include-properties=true`,
  savedInPath: (id) => `/api/v2/pages/${id}/properties?key=editor`,
  savedIn,
  labelsPath: (id) => `/api/v2/pages/${id}/labels?limit=250`,
  spacePath: (id) => `/api/v2/spaces/${id}`,
  versionPaths: (id, number) => [`/api/v2/pages/${id}/versions/${number}`],
  versionAuthor: v.pipe(
    v.object({ authorId: v.nullish(v.string()), createdAt: writtenAt }),
    v.transform(({ authorId, createdAt: at }) => ({ account: authorId ?? undefined, at })),
  ),
  writePath: (id) => `/api/v2/pages/${id}`,
  // `current` is explicit, so that an open draft is not used as the page. Without parent and space the page does not
  // move.
  writeBody: (id, { title, format, body, version }) => ({
    id,
    status: "current",
    title,
    body: { representation: format.representation, value: body },
    version: { number: version.number, message: version.message },
  }),
  page: v.pipe(
    v.object({
      title: v.string(),
      status: v.string(),
      // Atlassian's documentation uses both spellings.
      subtype: v.nullish(v.string()),
      subType: v.nullish(v.string()),
      version,
      body: bodyOfPage,
      properties: savedInOfPage,
      spaceId: v.nullish(v.union([v.string(), v.number()])),
      labels: labelsOfPage,
    }),
    v.transform(
      ({ title, status, subtype, subType, version, body, properties, spaceId, labels }): PageResponse => ({
        title,
        status,
        subtype: subtype ?? subType ?? undefined,
        version,
        ...body,
        savedIn: properties,
        space: spaceId ? { id: String(spaceId) } : undefined,
        labels,
      }),
    ),
  ),
  userNamePath: (account) => `/rest/api/user?accountId=${encodeURIComponent(account)}`,
  userPath: "/rest/api/user/current",
  user: v.pipe(
    v.object({ accountId: v.nullish(v.string()) }),
    v.transform(({ accountId }) => accountId?.trim() || undefined),
  ),
  // An event does not report the kind of a comment.
  commentPaths: (id) =>
    ["footer", "inline"].map((kind) => ({
      path: `/api/v2/${kind}-comments/${id}?body-format=storage`,
      replyPath: `/api/v2/${kind}-comments`,
    })),
  // Only the parent: a reply with a page id is refused.
  replyBody: ({ id }, value) => ({ parentCommentId: id, body: { representation: "storage", value } }),
  comment: v.pipe(
    v.object({
      status: v.string(),
      pageId: v.nullish(v.string()),
      version: v.object({ number: v.number(), createdAt: writtenAt, authorId: v.nullish(v.string()) }),
      body: v.object({ storage: v.object({ value: v.string() }) }),
    }),
    v.transform(
      ({ status, pageId, version, body }): StoredComment => ({
        page: pageId ?? undefined,
        status,
        author: version.authorId ?? undefined,
        version: version.number,
        at: version.createdAt,
        body: body.storage.value,
      }),
    ),
  ),
};

import * as v from "valibot";
import { type PageResponse, type Product, version } from "./client.ts";
import { type StoredComment, writtenAt } from "./comment.ts";
import { labelsOfPage } from "./labels.ts";
import { storageFormat } from "./storage-document.ts";

/** Confluence Data Center (https://developer.atlassian.com/server/confluence/confluence-rest-api-examples/). */
export const dataCenter: Product = {
  // A page may have only one excerpt there, which is its summary in lists and links.
  newRegion: { carrier: "anchors", section: "single" },
  isFlat: false,
  pagePath: (id) => `/rest/api/content/${id}?expand=body.storage,version,space,metadata.labels`,
  // Not called: it has no other format.
  savedInPath: (id) => `/rest/api/content/${id}`,
  savedIn: v.pipe(
    v.unknown(),
    v.transform(() => storageFormat),
  ),
  labelsPath: (id) => `/rest/api/content/${id}/label?limit=1000`,
  // Not called: a page names the key.
  spacePath: (id) => `/rest/api/space/${id}`,
  // 7.19 has only the second one (https://github.com/atlassian-api/atlassian-python-api/issues/1102).
  versionPaths: (id, number) => [
    `/rest/api/content/${id}/version/${number}`,
    `/rest/experimental/content/${id}/version/${number}`,
  ],
  versionAuthor: v.pipe(
    v.object({ by: v.nullish(v.object({ userKey: v.nullish(v.string()) })), when: writtenAt }),
    v.transform(({ by, when: at }) => ({ account: by?.userKey ?? undefined, at })),
  ),
  writePath: (id) => `/rest/api/content/${id}`,
  // A minor edit sends no mail and adds nothing to the activity stream.
  writeBody: (_id, { title, body, version }) => ({
    type: "page",
    status: "current",
    title,
    body: { storage: { representation: "storage", value: body } },
    version: { number: version.number, message: version.message, minorEdit: true },
  }),
  page: v.pipe(
    v.object({
      // This path returns any kind of content.
      type: v.string(),
      title: v.string(),
      status: v.string(),
      version,
      body: v.object({ storage: v.object({ value: v.string() }) }),
      space: v.nullish(v.object({ key: v.string() })),
      metadata: v.nullish(v.object({ labels: labelsOfPage })),
    }),
    v.transform(
      ({ type, title, status, version, body, space, metadata }): PageResponse => ({
        title,
        status,
        subtype: type === "page" ? undefined : type,
        version,
        format: storageFormat,
        savedIn: storageFormat,
        body: body.storage.value,
        space: space ?? undefined,
        labels: metadata?.labels,
      }),
    ),
  ),
  userNamePath: (account) => `/rest/api/user?key=${encodeURIComponent(account)}`,
  userPath: "/rest/api/user/current",
  user: v.pipe(
    v.object({ userKey: v.nullish(v.string()) }),
    v.transform(({ userKey }) => userKey?.trim() || undefined),
  ),
  commentPaths: (id) => [
    { path: `/rest/api/content/${id}?expand=body.storage,version,container`, replyPath: "/rest/api/content" },
  ],
  // Atlassian documents `container`. `ancestors` makes it a reply in public clients; without it the comment would stand
  // alone at the page's foot.
  replyBody: ({ id, page }, value) => ({
    type: "comment",
    container: { id: page.id, type: "page", status: "current" },
    ancestors: [{ id }],
    body: { storage: { value, representation: "storage" } },
  }),
  // This path returns any kind of content, so the type is checked.
  comment: v.pipe(
    v.object({
      type: v.string(),
      status: v.string(),
      container: v.nullish(v.object({ id: v.union([v.string(), v.number()]), type: v.nullish(v.string()) })),
      version: v.object({
        number: v.number(),
        when: writtenAt,
        by: v.nullish(v.object({ userKey: v.nullish(v.string()) })),
      }),
      body: v.object({ storage: v.object({ value: v.string() }) }),
    }),
    v.transform(
      ({ type, status, container, version, body }): StoredComment => ({
        page: type === "comment" && container?.type === "page" ? String(container.id) : undefined,
        status,
        author: version.by?.userKey ?? undefined,
        version: version.number,
        at: version.when,
        body: body.storage.value,
      }),
    ),
  ),
};

import * as v from "valibot";
import type { CallOut, OutboundResponse } from "../../host/call-out.ts";
import type { Clock, EpochMillis } from "../../host/clock.ts";
import { Fault } from "../../host/fault.ts";
import type { TraceParent } from "../../host/trace.ts";
import type { CurrentState } from "../../model/approval.ts";
import type { CommentAddress } from "../../store/comment-replies.ts";
import {
  type FinalOutcome,
  failedComment,
  failedPage,
  failedRead,
  failedReply,
  failedSearch,
  failedSpace,
  failedUser,
  failedWrite,
  NO_ACCOUNT,
  NO_COMMENT,
  type PageFailure,
  type ReplyFailure,
  rejectedComment,
  rejectedPage,
  rejectedRead,
  rejectedReply,
  rejectedSearch,
  rejectedSpace,
  rejectedUser,
  rejectedWrite,
  unsentReply,
  type WriteFailure,
  waitOf,
} from "./classify-response.ts";
import type { StoredComment } from "./comment.ts";
import { labels } from "./labels.ts";
import type { OwnAccount } from "./own-account.ts";
import type { PageTitle } from "./page-address.ts";
import type { DocumentFormat } from "./page-document.ts";
import {
  type FoundPages,
  foundPages,
  searchPath,
  type TitledPage,
  titledPages,
  titleSearchPath,
} from "./page-search.ts";
import { NO_COOLDOWN } from "./read-only.ts";
import type { NewRegion } from "./region.ts";
import { storageFormat } from "./storage-document.ts";
import type { TargetCooldown } from "./target-cooldown.ts";

/** A page as read, with all that a write needs. */
export interface StoredPage {
  readonly title: string;
  /** `current`, or a state in which the page must not be written: `archived`, `trashed`, `draft`. */
  readonly status: string;
  /** What it is instead of a page, which must not be written: `live` for a live doc (Cloud), or `blogpost`. */
  readonly subtype: string | undefined;
  readonly version: PageVersion;
  readonly format: DocumentFormat;
  /** In its format. */
  readonly body: string;
  /** Data Center names the key, Cloud the id; undefined if the response names neither. */
  readonly space: SpaceName | undefined;
  /** Names of the labels that everybody sees, in lower case. */
  readonly labels: readonly string[];
}

export type SpaceName = { readonly key: string } | { readonly id: string };

/** A page as one response has it: without its labels if it does not have all of them. */
export type PageResponse = Omit<StoredPage, "labels"> & {
  readonly labels: StoredPage["labels"] | undefined;
  /** The format in which the page was saved, which may not be that of the response. Undefined if that is not known. */
  readonly savedIn: DocumentFormat | undefined;
};

export interface PageVersion {
  readonly number: number;
  /** Empty if the author left none. */
  readonly message: string;
}

/** A write sends the whole page, because there is no patch. `version` is the one that the write creates. */
interface PageWrite {
  readonly title: string;
  readonly format: DocumentFormat;
  readonly body: string;
  readonly version: PageVersion;
}

/** The differences between Cloud and Data Center. Paths are relative to the site's base address. */
export interface Product {
  readonly newRegion: NewRegion;
  /** A region has no expand macro. */
  readonly isFlat: boolean;
  readonly pagePath: (id: string, format: DocumentFormat) => string;
  readonly savedInPath: (id: string) => string;
  readonly savedIn: v.GenericSchema<unknown, DocumentFormat>;
  /** The paths where a version may be. An older release has only the last one. */
  readonly versionPaths: (id: string, version: number) => readonly string[];
  readonly versionAuthor: v.GenericSchema<unknown, VersionAuthor>;
  /** The path and the body of a write. */
  readonly writePath: (id: string) => string;
  readonly writeBody: (id: string, write: PageWrite) => object;
  readonly page: v.GenericSchema<unknown, PageResponse>;
  readonly labelsPath: (id: string) => string;
  /** The space with an id. */
  readonly spacePath: (id: string) => string;
  /** The account with an id of Cloud, or a user key of Data Center. */
  readonly userNamePath: (account: string) => string;
  /** Where the site answers whose credential a call carries. */
  readonly userPath: string;
  /** The user as the site's events name it; undefined if the site takes the call for an anonymous one. */
  readonly user: v.GenericSchema<unknown, string | undefined>;
  /** The paths where a comment may be, each with the path that takes replies to it. At most one of them has it. */
  readonly commentPaths: (id: string) => readonly { readonly path: string; readonly replyPath: string }[];
  readonly comment: v.GenericSchema<unknown, StoredComment>;
  readonly replyBody: (comment: CommentAddress, body: string) => object;
}

/** A comment as read, with the path that takes replies to it. */
interface ReadComment extends StoredComment {
  readonly replyPath: string;
}

export type CallResult<T, S> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: S };

/** A client for the pages of one site. No method throws if Confluence fails: the failure is returned. */
export interface PageClient {
  /** The form of a region that the site's pages get. */
  readonly newRegion: NewRegion;
  /** A region has no expand macro. */
  readonly isFlat: boolean;
  read(id: string): Promise<CallResult<StoredPage, PageFailure>>;
  /** The version that the page has now. A page that is gone has ended; every other failure leaves it unknown. */
  presentVersion(id: string): Promise<CallResult<PresentVersion, Exclude<CurrentState, { readonly state: "found" }>>>;
  /** Who made a version of the page, and when. */
  author(
    id: string,
    version: number,
  ): Promise<CallResult<VersionAuthor, Exclude<CurrentState, { readonly state: "found" }>>>;
  /** Writes the next version, and returns the version that was created. The account that writes is recorded first. */
  write(id: string, write: PageWrite): Promise<CallResult<PageVersion, WriteFailure>>;
  /** The display name of an account; undefined if the site has none for it. A refusal for too many calls delays no write. */
  userName(account: string): Promise<CallResult<string | undefined, FinalOutcome>>;
  /** The key of the space with this id. */
  spaceKey(id: string): Promise<CallResult<string, FinalOutcome>>;
  version(id: string, number: number): Promise<CallResult<PageVersion, FinalOutcome>>;
  /** A batch of the pages with the label, oldest first. `next` comes from the batch before. */
  search(label: string, next?: string): Promise<CallResult<FoundPages, FinalOutcome>>;
  /** Pages with these titles, and perhaps others. */
  searchTitles(titles: readonly PageTitle[]): Promise<CallResult<readonly TitledPage[], FinalOutcome>>;
  comment(id: string): Promise<CallResult<ReadComment, FinalOutcome>>;
  /** Writes a reply to a comment, in storage format. The account that writes is recorded first. */
  reply(to: ReplyTarget, body: string): Promise<CallResult<unknown, ReplyFailure>>;
}

interface VersionAuthor {
  /** As the site's events name it; undefined if the site does not say. */
  readonly account: string | undefined;
  readonly at: EpochMillis;
}

type PresentVersion = Pick<PageResponse, "status" | "version">;

interface ReplyTarget {
  readonly replyPath: string;
  readonly comment: CommentAddress;
}

interface Connection {
  readonly product: Product;
  /** Base address for calls, without a trailing slash. */
  readonly base: string;
  readonly authorization: string;
  /** The account of the credential, which is recorded before a write. */
  readonly ownAccount: Pick<OwnAccount, "recordBeforeWrite">;
  /** Identifies the credential: the header `Authorization`, unless the credential has a new token for each call. */
  readonly credential: string;
  readonly traceparent: TraceParent | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly callOut: CallOut;
  /** Begins when Confluence answers with 429 (too many requests). */
  readonly cooldown: Pick<TargetCooldown, "begin">;
}

/** A client for the calls of one attempt. */
export function pageClient(connection: Connection): PageClient {
  const { product } = connection;
  const space = { rejected: rejectedSpace, failed: failedSpace };
  const write = { rejected: rejectedWrite, failed: failedWrite };
  const search = { rejected: rejectedSearch, failed: failedSearch };
  return {
    newRegion: product.newRegion,
    isFlat: product.isFlat,
    read: (id) => readPage(connection, id),
    author: (id, number) => readVersion(connection, product.versionPaths(id, number), product.versionAuthor, PRESENT),
    presentVersion: (id) =>
      call(connection, { method: "GET", path: product.pagePath(id, storageFormat) }, product.page, PRESENT),
    spaceKey: (id) => call(connection, { method: "GET", path: product.spacePath(id) }, spaceKey, space),
    userName: (account) => readUserName(connection, account),
    version: (id, number) => readVersion(connection, product.versionPaths(id, number), version, READ),
    search: (label, next) => call(connection, { method: "GET", path: searchPath(label, next) }, foundPages, search),
    searchTitles: (titles) => call(connection, { method: "GET", path: titleSearchPath(titles) }, titledPages, search),
    comment: (id) => readComment(connection, id),
    reply: async ({ replyPath: path, comment }, text) => {
      const ending = await connection.ownAccount.recordBeforeWrite(connection.credential, () => readUser(connection));
      if (ending) return { ok: false, failure: unsentReply(ending) };
      const body = JSON.stringify(product.replyBody(comment, text));
      return call(connection, { method: "POST", path, body }, v.unknown(), REPLY);
    },
    write: async (id, next) => {
      const ending = await connection.ownAccount.recordBeforeWrite(connection.credential, () => readUser(connection));
      if (ending) return { ok: false, failure: { kind: "end", ending } };
      const body = JSON.stringify(product.writeBody(id, next));
      return call(connection, { method: "PUT", path: product.writePath(id), body }, written, write);
    },
  };
}

const READ = { rejected: rejectedRead, failed: failedRead };

const PRESENT: Otherwise<Exclude<CurrentState, { readonly state: "found" }>> = {
  rejected: (response, now) =>
    response.status === 404
      ? { state: "ended", why: "Confluence has no such page, or does not show it to the account (404)" }
      : { state: "unknown", why: rejectedRead(response, now).summary, ...waitOf(response, now) },
  failed: (fault) => ({ state: "unknown", why: failedRead(fault).summary }),
};

/**
 * Reads a page in the format in which it was saved. Each page has the storage format, so that is read first.
 *
 * Cloud includes 50 labels, Data Center 200. Of a page with more, the first 250 or 1,000 are read. Those of a comment or
 * another kind are not read: it is not written.
 */
async function readPage(connection: Connection, id: string): Promise<CallResult<StoredPage, PageFailure>> {
  const { product } = connection;
  const otherwise = { rejected: rejectedPage, failed: failedPage };
  const get = <T>(path: string, schema: v.GenericSchema<unknown, T>) =>
    call(connection, { method: "GET", path }, schema, otherwise);
  const stored = await get(product.pagePath(id, storageFormat), product.page);
  if (!stored.ok) return stored;
  const known = stored.value.savedIn;
  const savedIn = known ? { ok: true as const, value: known } : await get(product.savedInPath(id), product.savedIn);
  if (!savedIn.ok) return savedIn;
  const isOther = savedIn.value !== stored.value.format;
  const page = isOther ? await get(product.pagePath(id, savedIn.value), product.page) : stored;
  if (!page.ok) return page;
  const listed = page.value.labels ?? (page.value.subtype === undefined ? undefined : []);
  const read = listed ? { ok: true as const, value: listed } : await get(product.labelsPath(id), labels);
  return read.ok ? { ok: true, value: { ...page.value, labels: read.value } } : read;
}

/** Reads what is at the first of the paths that the site has. */
async function readVersion<T, S>(
  connection: Connection,
  [path = "", ...others]: readonly string[],
  schema: v.GenericSchema<unknown, T>,
  { rejected, failed }: Otherwise<S>,
): Promise<CallResult<T, S>> {
  let isMissing = false;
  const read = await call(connection, { method: "GET", path }, schema, {
    rejected: (response, now) => {
      isMissing = response.status === 404;
      return rejected(response, now);
    },
    failed,
  });
  return isMissing && others.length > 0 ? readVersion(connection, others, schema, { rejected, failed }) : read;
}

const spaceKey: v.GenericSchema<unknown, string> = v.pipe(
  v.object({ key: v.string() }),
  v.transform(({ key }) => key),
);

async function readUser(connection: Connection): Promise<CallResult<string, FinalOutcome>> {
  const { userPath, user } = connection.product;
  const otherwise = { rejected: rejectedUser, failed: failedUser };
  const read = await call(connection, { method: "GET", path: userPath }, user, otherwise);
  if (!read.ok) return read;
  return read.value === undefined ? { ok: false, failure: NO_ACCOUNT } : { ok: true, value: read.value };
}

async function readUserName(
  connection: Connection,
  account: string,
): Promise<CallResult<string | undefined, FinalOutcome>> {
  let isUnknown = false;
  const request = { method: "GET", path: connection.product.userNamePath(account) } as const;
  const read = await call({ ...connection, cooldown: NO_COOLDOWN }, request, displayName, {
    rejected: (response, now) => {
      isUnknown = response.status === 404;
      return rejectedUser(response, now);
    },
    failed: failedUser,
  });
  return isUnknown ? { ok: true, value: undefined } : read;
}

/** Cloud may hide the display name from other accounts than people's, and then has a public one. */
const displayName: v.GenericSchema<unknown, string | undefined> = v.pipe(
  v.object({ displayName: v.nullish(v.string()), publicName: v.nullish(v.string()) }),
  v.transform((user) => user.displayName?.trim() || user.publicName?.trim() || undefined),
);

const REPLY = { rejected: rejectedReply, failed: failedReply };

async function readComment(connection: Connection, id: string): Promise<CallResult<ReadComment, FinalOutcome>> {
  const { commentPaths, comment } = connection.product;
  const rejected = (response: OutboundResponse, now: EpochMillis): FinalOutcome | undefined =>
    response.status === 404 ? undefined : rejectedComment(response, now);
  for (const { path, replyPath } of commentPaths(id)) {
    const read = await call(connection, { method: "GET", path }, comment, { rejected, failed: failedComment });
    if (read.ok) return { ok: true, value: { ...read.value, replyPath } };
    if (read.failure) return { ok: false, failure: read.failure };
  }
  return { ok: false, failure: NO_COMMENT };
}

/** Confluence rejects a page above 5 MB (REST v2 description, `413`). In JSON it may need twice that. */
const MAX_RESPONSE_BYTES = 12_000_000;

interface Request {
  readonly method: "GET" | "PUT" | "POST";
  readonly path: string;
  readonly body?: string;
}

/** Classifies a call that was rejected, or that has no response. */
interface Otherwise<S> {
  readonly rejected: (response: OutboundResponse, now: EpochMillis) => S;
  readonly failed: (fault: Fault) => S;
}

async function call<T, S>(
  connection: Connection,
  request: Request,
  schema: v.GenericSchema<unknown, T>,
  otherwise: Otherwise<S>,
): Promise<CallResult<T, S>> {
  try {
    const response = await send(connection, request);
    if (response.status === 429) connection.cooldown.begin(waitOf(response, connection.clock.now()).afterSeconds);
    const isSuccess = response.status === 200 || (request.method === "POST" && response.status === 201);
    const read = isSuccess ? v.safeParse(schema, strictJsonOf(response.body)) : undefined;
    if (read?.success) return { ok: true, value: read.output };
    return { ok: false, failure: otherwise.rejected(response, connection.clock.now()) };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, failure: otherwise.failed(error) };
    throw error;
  }
}

function send(
  { base, authorization, traceparent, timeoutMs, signal, callOut }: Connection,
  { method, path, body }: Request,
): Promise<OutboundResponse> {
  const headers = { authorization, accept: "application/json" };
  const url = new URL(`${base}${path}`);
  const bounds = { traceparent, timeoutMs, maxResponseBytes: MAX_RESPONSE_BYTES, signal };
  if (body === undefined) return callOut({ method, url, headers, ...bounds });
  return callOut({ method, url, headers: { ...headers, "content-type": "application/json" }, body, ...bounds });
}

/** Undefined if it is not JSON in UTF-8: a page read with replacement characters would be written back with them. */
function strictJsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** Both products have a version in this form. */
export const version: v.GenericSchema<unknown, PageVersion> = v.pipe(
  v.object({ number: v.pipe(v.number(), v.integer(), v.minValue(1)), message: v.nullish(v.string(), "") }),
  v.transform(({ number, message }): PageVersion => ({ number, message })),
);

const written: v.GenericSchema<unknown, PageVersion> = v.pipe(
  v.object({ version }),
  v.transform((page) => page.version),
);

import * as v from "valibot";
import type { CallOut, OutboundResponse } from "../../host/call-out.ts";
import type { Clock, EpochMillis } from "../../host/clock.ts";
import { Fault } from "../../host/fault.ts";
import type { TraceParent } from "../../host/trace.ts";
import {
  type FinalOutcome,
  failedComment,
  failedRead,
  failedSearch,
  failedUser,
  failedWrite,
  NO_ACCOUNT,
  NO_COMMENT,
  refusedComment,
  refusedRead,
  refusedSearch,
  refusedUser,
  refusedWrite,
  type WriteFailure,
  waitOf,
} from "./classify-response.ts";
import type { StoredComment } from "./comment.ts";
import type { OwnAccount } from "./own-account.ts";
import { type FoundPages, foundPages, searchPath } from "./page-search.ts";
import type { TargetCooldown } from "./target-cooldown.ts";

/** A page as read, with what a write needs. */
export interface StoredPage {
  readonly title: string;
  /** `current`, or a state in which the page is not to be written: `archived`, `trashed`, `draft`. */
  readonly status: string;
  /** `live` marks a live doc (Cloud). */
  readonly subtype: string | undefined;
  readonly version: PageVersion;
  /** Storage format. */
  readonly body: string;
}

export interface PageVersion {
  readonly number: number;
  /** Empty when the author left none. */
  readonly message: string;
}

/** The whole page goes back each time: there is no patch. `version` is the one that the write makes. */
interface PageWrite {
  readonly title: string;
  readonly body: string;
  readonly version: PageVersion;
}

/** What differs between Cloud and Data Center. Paths follow the site's base address. */
export interface Product {
  readonly pagePath: (id: string) => string;
  readonly versionPath: (id: string, version: number) => string;
  /** Where a page is written, and what is sent there. */
  readonly writePath: (id: string) => string;
  readonly writeBody: (id: string, write: PageWrite) => object;
  readonly page: v.GenericSchema<unknown, StoredPage>;
  /** Where the site answers whose credential a call carries. */
  readonly userPath: string;
  /** The user as the site's events name it; undefined if the site takes the call for an anonymous one. */
  readonly user: v.GenericSchema<unknown, string | undefined>;
  /** The places where a comment may be, of which one has it. */
  readonly commentPaths: (id: string) => readonly string[];
  readonly comment: v.GenericSchema<unknown, StoredComment>;
}

type Answer<T, S> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly setback: S };

/** Calls about pages of one site. No method throws for what Confluence does or does not do. */
export interface PageClient {
  read(id: string): Promise<Answer<StoredPage, FinalOutcome>>;
  /** Makes the next version, and gives back what was made. The account that writes is recorded before. */
  write(id: string, write: PageWrite): Promise<Answer<PageVersion, WriteFailure>>;
  version(id: string, number: number): Promise<Answer<PageVersion, FinalOutcome>>;
  /** Pages that carry the label, oldest first, some at a time; `next` is what the batch before gave. */
  search(label: string, next?: string): Promise<Answer<FoundPages, FinalOutcome>>;
  comment(id: string): Promise<Answer<StoredComment, FinalOutcome>>;
}

interface Connection {
  readonly product: Product;
  /** Base address for calls, without a trailing slash. */
  readonly base: string;
  readonly authorization: string;
  /** The account of the credential, which is recorded before a write. */
  readonly ownAccount: OwnAccount;
  /** What tells one credential from another: the header `Authorization`, unless each token of the credential is new. */
  readonly credential: string;
  readonly traceparent: TraceParent | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly callOut: CallOut;
  /** Is told when Confluence has had too many calls. */
  readonly rest: TargetCooldown;
}

/** A client for the calls of one attempt. */
export function pageClient(connection: Connection): PageClient {
  const { product } = connection;
  const read = { refused: refusedRead, failed: failedRead };
  const write = { refused: refusedWrite, failed: failedWrite };
  const search = { refused: refusedSearch, failed: failedSearch };
  return {
    read: (id) => call(connection, { method: "GET", path: product.pagePath(id) }, product.page, read),
    version: (id, number) => call(connection, { method: "GET", path: product.versionPath(id, number) }, version, read),
    search: (label, next) => call(connection, { method: "GET", path: searchPath(label, next) }, foundPages, search),
    comment: (id) => readComment(connection, id),
    write: async (id, page) => {
      const ending = await connection.ownAccount.recordBeforeWrite(connection.credential, () => readUser(connection));
      if (ending) return { ok: false, setback: { kind: "end", ending } };
      const body = JSON.stringify(product.writeBody(id, page));
      return call(connection, { method: "PUT", path: product.writePath(id), body }, written, write);
    },
  };
}

async function readUser(connection: Connection): Promise<Answer<string, FinalOutcome>> {
  const { userPath, user } = connection.product;
  const otherwise = { refused: refusedUser, failed: failedUser };
  const read = await call(connection, { method: "GET", path: userPath }, user, otherwise);
  if (!read.ok) return read;
  return read.value === undefined ? { ok: false, setback: NO_ACCOUNT } : { ok: true, value: read.value };
}

async function readComment(connection: Connection, id: string): Promise<Answer<StoredComment, FinalOutcome>> {
  const { commentPaths, comment } = connection.product;
  const refused = (answer: OutboundResponse, now: EpochMillis): FinalOutcome | undefined =>
    answer.status === 404 ? undefined : refusedComment(answer, now);
  for (const path of commentPaths(id)) {
    const read = await call(connection, { method: "GET", path }, comment, { refused, failed: failedComment });
    if (read.ok) return read;
    if (read.setback) return { ok: false, setback: read.setback };
  }
  return { ok: false, setback: NO_COMMENT };
}

/** A page is refused above 5 MB (REST v2 description, `413`); JSON may need twice that to carry it. */
const MAX_ANSWER_BYTES = 12_000_000;

interface Request {
  readonly method: "GET" | "PUT";
  readonly path: string;
  readonly body?: string;
}

/** What a call amounts to that was refused, or not answered. */
interface Otherwise<S> {
  readonly refused: (answer: OutboundResponse, now: EpochMillis) => S;
  readonly failed: (fault: Fault) => S;
}

async function call<T, S>(
  connection: Connection,
  request: Request,
  schema: v.GenericSchema<unknown, T>,
  otherwise: Otherwise<S>,
): Promise<Answer<T, S>> {
  try {
    const answer = await send(connection, request);
    if (answer.status === 429) connection.rest.begin(waitOf(answer, connection.clock.now()).afterSeconds);
    const read = answer.status === 200 ? v.safeParse(schema, strictJsonOf(answer.body)) : undefined;
    if (read?.success) return { ok: true, value: read.output };
    return { ok: false, setback: otherwise.refused(answer, connection.clock.now()) };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, setback: otherwise.failed(error) };
    throw error;
  }
}

function send(
  { base, authorization, traceparent, timeoutMs, signal, callOut }: Connection,
  { method, path, body }: Request,
): Promise<OutboundResponse> {
  const headers = { authorization, accept: "application/json" };
  const url = new URL(`${base}${path}`);
  const bounds = { traceparent, timeoutMs, maxResponseBytes: MAX_ANSWER_BYTES, signal };
  if (body === undefined) return callOut({ method, url, headers, ...bounds });
  return callOut({ method, url, headers: { ...headers, "content-type": "application/json" }, body, ...bounds });
}

/** Nothing where it is not JSON in UTF-8: a page read with replacement characters would be written back with them. */
function strictJsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** Both products write a version in this form. */
export const version: v.GenericSchema<unknown, PageVersion> = v.pipe(
  v.object({ number: v.pipe(v.number(), v.integer(), v.minValue(1)), message: v.nullish(v.string(), "") }),
  v.transform(({ number, message }): PageVersion => ({ number, message })),
);

const written: v.GenericSchema<unknown, PageVersion> = v.pipe(
  v.object({ version }),
  v.transform((page) => page.version),
);

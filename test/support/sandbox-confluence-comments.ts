import { systemClock, toIso } from "../../shared/host/clock.ts";
import { asStored } from "./sandbox-confluence-markup.ts";
import { ROBIN, userOf } from "./sandbox-confluence-users.ts";

export interface SandboxComment {
  readonly id: string;
  /** Id of the page that it is on. */
  readonly page: string;
  /** `inline` is a comment on a part of the page's text. */
  readonly kind: "footer" | "inline";
  readonly status: string;
  /** Id of the comment that it replies to. */
  readonly parent?: string;
  /** The author of the newest version: a user key or an account id. The members below are the newest version's too. */
  readonly author: string;
  readonly body: string;
  readonly number: number;
  readonly at: string;
}

/** The start of a comment. Default: by Robin, at the page's foot, written now. */
export type CommentSeed = Partial<Omit<SandboxComment, "page" | "body" | "number">>;

/** The comments of the sandbox's pages. Throws if a text is not storage format. */
export class SandboxComments {
  readonly #comments = new Map<string, SandboxComment>();

  get(id: string): SandboxComment | undefined {
    return this.#comments.get(id);
  }

  /** Oldest first. */
  on(page: string): readonly SandboxComment[] {
    return [...this.#comments.values()].filter((comment) => comment.page === page);
  }

  /** Oldest first. */
  all(): readonly SandboxComment[] {
    return [...this.#comments.values()];
  }

  add(page: string, body: string, seed: CommentSeed = {}): SandboxComment {
    const id = seed.id ?? String(FIRST_ID + this.#comments.size);
    const rest = { kind: "footer", status: "current", author: ROBIN.userKey, at: toIso(systemClock.now()) } as const;
    return this.#put({ ...rest, ...seed, id, page, body: asStored(body), number: 1 });
  }

  /** Adds a version. */
  edit(id: string, body: string, author = ROBIN.userKey): void {
    const comment = this.#comments.get(id);
    if (!comment) throw new Error(`the sandbox has no comment ${id}`);
    const at = toIso(systemClock.now());
    this.#put({ ...comment, body: asStored(body), number: comment.number + 1, author, at });
  }

  #put(comment: SandboxComment): SandboxComment {
    this.#comments.set(comment.id, comment);
    return comment;
  }
}

const FIRST_ID = 98_400;

/** A comment in the form of Cloud's REST v2. */
export const cloudComment = (
  { id, page, status, author, body, number, at }: SandboxComment,
  asked: URLSearchParams,
) => ({
  id,
  status,
  title: "Re: a page",
  pageId: page,
  version: { number, message: "", minorEdit: false, authorId: userOf(author).accountId, createdAt: at },
  body: asked.get("body-format") === "storage" ? { storage: { representation: "storage", value: body } } : {},
});

/** A comment in the form of Data Center, where it is one kind of content. */
export function dataCenterComment(comment: SandboxComment, asked: URLSearchParams) {
  const { id, page, status, kind, author, body, number, at } = comment;
  const parts = asked.get("expand")?.split(",") ?? [];
  const { username, userKey, displayName } = userOf(author);
  const by = { type: "known", username, userKey, displayName };
  return {
    id,
    status,
    type: "comment",
    title: "Re: a page",
    extensions: { location: kind },
    ...(parts.includes("container") && { container: { id: page, type: "page", status: "current" } }),
    ...(parts.includes("version") && { version: { number, message: "", when: at, minorEdit: false, by } }),
    ...(parts.includes("body.storage") && { body: { storage: { value: body, representation: "storage" } } }),
  };
}

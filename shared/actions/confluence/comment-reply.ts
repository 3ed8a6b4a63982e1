import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { CommentAddress } from "../../store/comment-replies.ts";
import type { ActionDeps } from "../action.ts";
import type { PageClient } from "./client.ts";
import { type ConsentInput, excluded } from "./page-consent.ts";
import { escapeVisible } from "./storage-text.ts";

interface ReplyInput {
  readonly comment: CommentAddress;
  readonly replyPath: string;
  readonly commentReplies: ActionDeps["commentReplies"];
  readonly client: Pick<PageClient, "reply" | "read" | "spaceKey">;
  /** The pages that the target may write. */
  readonly consent: Omit<ConsentInput, "client">;
}

/** Most replies on one page within an hour. It bounds the mails, whatever happens. */
const MAX_REPLIES = 10;

/**
 * Replies to a comment with these sentences, at most once in the comment's life: the comment is taken before the reply is
 * sent, and released only if the site certainly did not write it. Without sentences the comment is taken all the same,
 * so that a repeat of a command that was executed is not answered with its refusal. `summary` begins the summary of the
 * outcome. A page that the target must not write gets no reply.
 */
export async function replyOnce(
  summary: string,
  sentences: readonly string[],
  { comment, replyPath, commentReplies, client, consent }: ReplyInput,
): Promise<ActionOutcome> {
  const done = (more: string): ActionOutcome => ({ outcome: "done", summary: `${summary}; ${more}` });
  const isFirst = await commentReplies.take(comment);
  if (sentences.length === 0) return { outcome: "done", summary };
  if (!isFirst) return done("no reply, because the comment was dealt with before");
  const page = await client.read(comment.page.id);
  const barrier = page.ok ? await excluded(comment.page.id, page.value, { ...consent, client }) : page.failure.ending;
  if (barrier?.outcome === "retry") {
    await commentReplies.release(comment);
    return barrier;
  }
  if (barrier) return done(`no reply: ${barrier.summary}`);
  if (!(await commentReplies.count(comment.page, MAX_REPLIES)))
    return done(`no reply, because ${MAX_REPLIES} replies were written on the page within the hour`);
  const written = await client.reply({ replyPath, comment }, replyBody(sentences));
  if (written.ok) return done("the reply says why");
  const { failure } = written;
  if (failure.kind === "never") return done(`it is not known to have a reply: ${failure.why}`);
  await commentReplies.release(comment);
  return failure.ending;
}

/** Most sentences in a reply; one command can be refused for each approval of a page. */
const MAX_SENTENCES = 5;

/**
 * The reply in storage format. It does not begin with a command, and no line is as short as a wrongly written one, so that
 * the bridge would not take its own reply for a command even if it read it.
 */
export function replyBody(sentences: readonly string[]): string {
  const more = sentences.length - MAX_SENTENCES;
  const all = [...sentences.slice(0, MAX_SENTENCES), ...(more > 0 ? [`And ${more} more.`] : [])];
  const lines = all.map((line) => `<br />${escapeVisible(line)}`).join("");
  return `<p><strong>Drawbridge read this comment and did not do what it asks for.</strong>${lines}</p>`;
}

export const USAGE =
  "The commands are drawbridge approve and drawbridge deny, each with the id of an approval after it or without one, and with because and a reason at the end if you like, drawbridge rollback with the name of a route, drawbridge promote with the name of a route, and drawbridge run with the name of an order and its inputs, each as name=value without blanks. A command has to be the whole comment, with nothing before or after it.";

export const EDITED =
  "A comment counts as it was first written, and this one was edited. Please write the command into a new comment.";

import type { EpochMillis } from "../host/clock.ts";
import type { SEEN_HOW } from "./event.ts";

/**
 * How far the code moved on since a person last looked at a page: the pushes that changed what the page documents, and when
 * the page was edited or reviewed.
 *
 * The value follows from the set of reports alone. A repeated report changes nothing, and every order of reports has the
 * same result, so a retry, a replay and a late report are harmless.
 */
export interface CodeSince {
  /**
   * The newest ones, newest first, at most {@link MAX_PUSHES}. This includes pushes before `seen`, so that a commit that is
   * pushed or reported again later is not a new one.
   */
  readonly pushes: readonly DocumentedPush[];
  /** The newest push with commits that `pushes` does not have: its sender left them out, or newer pushes replaced it. */
  readonly moreAt?: EpochMillis;
  /** When a person last edited or reviewed the page, as far as the bridge knows. */
  readonly seen?: PageSeen;
  /** The last event `page.outdated` of the page. */
  readonly reported?: { readonly at: EpochMillis; readonly since: EpochMillis };
}

/** A push to the default branch of a repository, with its commits that changed what the page documents. */
export interface DocumentedPush {
  readonly at: EpochMillis;
  readonly project: string;
  /** Their ids, cut to {@link COMMIT_ID_LENGTH}. */
  readonly commits: readonly string[];
  /** The documented paths that the commits changed. Empty if the page documents the whole repository. */
  readonly paths: readonly string[];
  /** The first and the last state of the branch, and the address of the page that compares two; undefined if unknown. */
  readonly compare?: { readonly start: string; readonly before: string; readonly commit: string };
}

export interface ReportedPush extends DocumentedPush {
  /** It may have more commits that changed what the page documents: the sender did not report all of them. */
  readonly isPartial: boolean;
}

/** A person's look at a page. */
export interface PageSeen {
  readonly at: EpochMillis;
  readonly how: (typeof SEEN_HOW)[number];
}

/** Bounds the record of a page. */
export const MAX_PUSHES = 50;

/** Unique within a repository, and short. */
export const COMMIT_ID_LENGTH = 12;

export const NO_CODE: CodeSince = { pushes: [] };

/** Adds a push. Returns the same object if the push is known, or changes nothing. */
export function withPush(code: CodeSince, { isPartial, ...push }: ReportedPush): CodeSince {
  const isKnown = push.commits.length === 0 || code.pushes.some((one) => compareNewestFirst(one, push) === 0);
  const all = isKnown ? code.pushes : [...code.pushes, push].sort(compareNewestFirst);
  const replaced = all[MAX_PUSHES];
  const pushes = isKnown || replaced === push ? code.pushes : all.slice(0, MAX_PUSHES);
  const moreAt = latest(code.moreAt, isPartial ? push.at : undefined, replaced?.at);
  if (pushes === code.pushes && moreAt === code.moreAt) return code;
  return { ...code, pushes, ...(moreAt !== undefined && { moreAt }) };
}

/** Records a look at the page. Returns the same object if a later one is known. */
export function withSeen(code: CodeSince, seen: PageSeen): CodeSince {
  const { seen: before } = code;
  const isNewer = !before || before.at < seen.at || (before.at === seen.at && before.how < seen.how);
  return isNewer ? { ...code, seen } : code;
}

/** The commits since the page was seen. */
export interface CommitsSince {
  readonly count: number;
  /** There are more, which are not counted. */
  readonly isMore: boolean;
  /** The pushes that have them, newest first, with only these commits. */
  readonly pushes: readonly DocumentedPush[];
}

/** A commit counts once, for the first push that is known to have it. */
export function commitsSince({ pushes, moreAt, seen }: CodeSince): CommitsSince {
  const since = seen?.at ?? Number.NEGATIVE_INFINITY;
  const known = new Set<string>();
  const counted = pushes.toReversed().flatMap((push) => {
    const added = push.commits.filter((id) => !known.has(`${push.project} ${id}`));
    for (const id of added) known.add(`${push.project} ${id}`);
    return added.length > 0 && push.at > since ? [{ ...push, commits: added }] : [];
  });
  return {
    count: counted.reduce((sum, { commits }) => sum + commits.length, 0),
    isMore: moreAt !== undefined && moreAt > since,
    pushes: counted.reverse(),
  };
}

/** Two reports of one push have the same time, or are two pushes of which the second one adds no commit. */
const compareNewestFirst = (one: DocumentedPush, other: DocumentedPush): number =>
  other.at - one.at || compareTexts(keyOf(one), keyOf(other));

const keyOf = ({ project, commits }: DocumentedPush): string => [project, ...commits].join(" ");
const compareTexts = (one: string, other: string): number => Number(one > other) - Number(one < other);

const latest = (...times: readonly (EpochMillis | undefined)[]): EpochMillis | undefined =>
  times.reduce((one, other) => (other !== undefined && (one === undefined || other > one) ? other : one), undefined);

import type { Identity, ShownRun } from "../model/approval.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { cut } from "../model/event.ts";

/** Commits that an approval names; the newest are the ones to look at. */
const MAX_COMMITS = 5;
const TITLE_LIMIT = 120;
const NAME_LIMIT = 80;
const ADDRESS_LIMIT = 500;

/**
 * Returns what people need to know about a run before they approve it, as the event that caused it reports: the commits,
 * the change request or the page, and the name of the requester, or of
 * the author of what was replayed. An address that is too long is left out.
 */
export function shownRunOf(
  { detail }: BusEvent,
  { requester, authors }: { readonly requester: Identity; readonly authors: readonly Identity[] },
): ShownRun {
  const { id, name } = detail.actor ?? {};
  const shown = name === undefined ? undefined : cut(name, NAME_LIMIT);
  const isRequester = id !== undefined && id === requester.actor;
  const isAuthor = id !== undefined && authors.some(({ actor }) => actor === id);
  return {
    ...(isRequester && shown !== undefined && { requesterName: shown }),
    ...(isAuthor && shown !== undefined && { accountNames: { [id]: shown } }),
    ...shownCauseOf({ detail }),
  };
}

/** The part of it that is about the commits, the change request or the page. */
export const shownCauseOf = ({ detail }: Pick<BusEvent, "detail">): ShownRun => ({
  ...("code" in detail && codeOf(detail.code)),
  ...("change" in detail && changeOf(detail.change)),
  ...("page" in detail && pageOf(detail.page)),
});

/** Parameters that an approval names, and UTF-16 code units of each value. */
const MAX_PARAMS = 20;
const VALUE_LIMIT = 120;

/** The values that the action is given, cut to what people can read. */
export const shownParams = (params: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(params)
      .slice(0, MAX_PARAMS)
      .map(([name, value]) => [name, cut(value, VALUE_LIMIT)]),
  );

type DetailWith<K extends string> = Extract<BusEvent["detail"], Record<K, unknown>>;

function codeOf({ commits, commitCount, commit, before }: DetailWith<"code">["code"]): ShownRun {
  const shown = commits.slice(-MAX_COMMITS).reverse();
  const diffUrl = diffOf(commits.at(-1), before, commit);
  return {
    commits: shown.map(({ id, message, url, author }) => ({
      id,
      title: cut(message.split("\n", 1)[0] ?? "", TITLE_LIMIT),
      ...(isShort(url) && { url }),
      ...(author !== undefined && { author: cut(author, NAME_LIMIT) }),
    })),
    commitCount: Math.max(commitCount, shown.length),
    ...(isShort(diffUrl) && { diffUrl }),
  };
}

function changeOf({ title, url, author }: DetailWith<"change">["change"]): ShownRun {
  return { ...linkOf({ title, url }), ...(author !== undefined && { author: cut(author, NAME_LIMIT) }) };
}

/** Confluence compares two versions of a page at this address; its notifications have it as well. */
function pageOf({ site, id, version = 0, kind, title, url }: DetailWith<"page">["page"]): ShownRun {
  const hasVersions = version > 1 && kind !== "live_doc";
  const versions = [version - 1, version].map((one) => `&selectedPageVersions=${one}`).join("");
  const diffUrl = hasVersions
    ? `${site}/pages/diffpagesbyversion.action?pageId=${encodeURIComponent(id)}${versions}`
    : undefined;
  return { ...linkOf({ title, url }), ...(isShort(diffUrl) && { diffUrl }) };
}

const linkOf = ({
  title,
  url,
}: {
  readonly title?: string | undefined;
  readonly url?: string | undefined;
}): ShownRun => ({
  ...(title !== undefined && { title: cut(title, TITLE_LIMIT) }),
  ...(isShort(url) && { url }),
});

/**
 * The address of all changes of a push. GitLab and GitHub have it beside that of a commit; an address of another form
 * gives none, and neither does a new branch.
 */
function diffOf(
  newest: { readonly url?: string } | undefined,
  before: string | undefined,
  commit: string | undefined,
): string | undefined {
  const start = newest?.url === undefined ? undefined : compareStartOf(newest.url);
  if (start === undefined || before === undefined || commit === undefined) return undefined;
  return HASH.test(before) && HASH.test(commit) ? `${start}${before}...${commit}` : undefined;
}

/** The start of the address that compares two commits of a repository, from the address of one of its commits. */
export function compareStartOf(commitUrl: string): string | undefined {
  const [, start] = /^(https:\/\/.+\/)commit\/[\da-f]{40,64}$/.exec(commitUrl) ?? [];
  return start === undefined ? undefined : `${start}compare/`;
}

/** Not the zeros that stand for no commit. */
export const HASH = /^(?!0+$)[\da-f]{40,64}$/;

const isShort = (url: string | undefined): url is string => url !== undefined && url.length <= ADDRESS_LIMIT;

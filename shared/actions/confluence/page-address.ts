import { idOfTinyLink } from "./tiny-link.ts";

/** Returns whether a text is a page's id: a positive number, handled as text because it may exceed 2^53. */
export const isPageId = (text: string): boolean => PAGE_ID.test(text);

/** At most 19 digits: ids are 64-bit numbers (`int64` in Confluence's REST description). */
const ID = "[1-9]\\d{0,18}";
const PAGE_ID = new RegExp(`^${ID}$`);

/** What an address of the site says. */
export type PageLink =
  | { readonly id: string }
  /** A page that only a search finds. A space has one page with a title. */
  | PageTitle
  /** Of the site, but of no page. Without query and fragment, which may have a credential. */
  | { readonly other: string };

export interface PageTitle {
  /** The space's key. */
  readonly space: string;
  readonly title: string;
}

/**
 * Returns what the addresses of `site` in `text` say, in order, each once. All forms of both products are recognized on
 * both. A text may have the site's address with `http`, its default port or another case of the host, and may enclose an
 * address as Markdown, HTML and wikis do. The path is compared exactly, and an address with user info is not read.
 */
export function pageLinksIn(text: string, site: string): readonly PageLink[] {
  const links = Array.from(text.matchAll(ADDRESS), ([, emphasis = "", written = ""]) => {
    const address = withoutEnding(written, emphasis);
    const path = pathOn(new URL(site), address);
    return path === undefined ? [] : [pageLinkOf(path) ?? { other: cutAt(/[?#]/, address) }];
  }).flat();
  return [...new Map(links.map((link) => [JSON.stringify(link), link])).values()];
}

/** One address of what a link says; undefined if it is of no page. {@link pageLinksIn} reads it back. */
export function addressOf(link: PageLink, site: string): string | undefined {
  if ("other" in link) return undefined;
  // The space is last: a full stop at the end of a title would end the sentence around the address.
  const query = "id" in link ? { pageId: link.id } : { title: link.title, spaceKey: link.space };
  return `${site}/pages/viewpage.action?${new URLSearchParams(query)}`;
}

/**
 * Not inside another address. White space, quotes and brackets end it, and so does the next address of a list. A decoded
 * title may have letters of any alphabet. `&lt;` and the like are brackets in text that was escaped for HTML.
 */
const ADDRESS =
  /(?<![a-z\d/=&?%.-])([_*~]{0,9})(https?:\/\/(?:(?!,https?:\/\/|&(?:lt|gt|quot|apos|#\d+|#x[\da-f]+);)[^\s<>"“”«»`|\\^{}[\]])+)/giu;

/** Without the characters that belong to the sentence, to Markdown's emphasis or to a bracket around the address. */
function withoutEnding(written: string, emphasis: string): string {
  const address = written.replaceAll("&amp;", "&");
  let unopened = address.split(")").length - address.split("(").length;
  let end = address.length;
  for (; end > 0; end--) {
    const last = address[end - 1] ?? "";
    const isBracket = last === ")" && unopened !== 0;
    if (!SENTENCE_END.test(last) && !isBracket && !(last === "_" && emphasis.includes("_"))) break;
    if (isBracket) unopened--;
  }
  return address.slice(0, end);
}

const SENTENCE_END = /[.,;:!?*~'’。，；：！？、）]/;

/** The part after the site's address, which begins with a slash or is empty; undefined if it is another site's. */
function pathOn(site: URL, address: string): string | undefined {
  const [, scheme = "", authority = "", rest = ""] = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(address) ?? [];
  const origin = `${scheme}://${authority}`.toLowerCase();
  if (authority.includes("@") || !URL.canParse(origin)) return undefined;
  const { protocol, host } = new URL(origin);
  // Many sites redirect `http`, so old texts have it.
  if (host !== site.host || (protocol !== site.protocol && site.protocol !== "https:")) return undefined;
  const prefix = site.pathname.replace(/\/$/, "");
  const path = rest.slice(prefix.length);
  return rest.startsWith(prefix) && /^(?:[/?#]|$)/.test(path) ? path : undefined;
}

function pageLinkOf(path: string): PageLink | undefined {
  const id = BY_ID.exec(path)?.slice(1).find(Boolean) ?? tinyIdIn(path) ?? idInQuery(path);
  if (id !== undefined) return { id };
  const title = titleIn(path);
  return title?.title ? title : undefined;
}

/** A personal space's key starts with `~`. */
const SPACE = "~?[\\w%.-]{1,255}";
/** A letter, digit, hyphen or underscore after the number means that it is not an id. */
const BY_ID = new RegExp(`^/spaces/${SPACE}/pages/(?:edit(?:-v2)?/)?(${ID})(?![\\w%-])`);

/** A hyphen or underscore at the end may belong to the text around the address, and would make it another page's. */
const tinyIdIn = (path: string): string | undefined =>
  idOfTinyLink(/^\/x\/([\w-]*[a-z\d])\/?(?:[?#]|$)/i.exec(path)?.[1] ?? "");

/** The pages of Confluence that show one page or its properties, by the parameter that has its id. */
const ACTIONS: readonly (readonly [RegExp, string])[] = [
  [/^\/pages\/(?:view[a-z]*|editpage|diffpages[a-z]*|releaseview)\.action\?/, "pageId"],
  [/^\/pages\/resumedraft\.action\?/, "draftId"],
  [new RegExp(`^/spaces/${SPACE}/overview\\?`), "homepageId"],
];

function idInQuery(path: string): string | undefined {
  const name = ACTIONS.find(([action]) => action.test(path))?.[1];
  const [id, ...more] = name === undefined ? [] : new Set(queryOf(path).getAll(name));
  // Text of another alphabet may follow without a blank.
  const [, digits] = new RegExp(`^(${ID})(?![\\w%-])`).exec(id ?? "") ?? [];
  return more.length === 0 ? digits : undefined;
}

function titleIn(path: string): PageTitle | undefined {
  const [, space, title] = new RegExp(`^/display/(${SPACE})/([^/?#]+)/?(?:[?#]|$)`).exec(path) ?? [];
  if (space !== undefined && title !== undefined) return titleOf(decoded(space), decoded(title.replaceAll("+", " ")));
  if (!/^\/pages\/viewpage\.action\?/.test(path)) return undefined;
  const [spaces, titles] = ["spaceKey", "title"].map((name) => queryOf(path).getAll(name));
  return spaces?.length === 1 && titles?.length === 1 ? titleOf(spaces[0], titles[0]) : undefined;
}

function titleOf(space: string | undefined, title: string | undefined): PageTitle | undefined {
  const isPossible = space && title && title.length <= MAX_TITLE_LENGTH && !/\p{Cc}/u.test(space + title);
  return isPossible ? { space, title } : undefined;
}

/** Confluence has no longer one. */
const MAX_TITLE_LENGTH = 255;

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const queryOf = (path: string): URLSearchParams => new URLSearchParams(cutAt(/#/, path).split("?")[1] ?? "");

const cutAt = (end: RegExp, text: string): string => text.split(end, 1).join();

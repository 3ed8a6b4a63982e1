/** Returns whether a text is a page's id: a positive number, handled as text because it may exceed 2^53. */
export const isPageId = (text: string): boolean => PAGE_ID.test(text);

/**
 * Returns the ids of the pages of `site` that `text` links to, in order, each once. Both products' forms are recognized
 * on both: `/spaces/KEY/pages/ID`, with or without a title, and `/pages/viewpage.action?pageId=ID`.
 */
export function pageLinksIn(text: string, site: string): readonly string[] {
  const literalSite = site.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const link = new RegExp(`${NOT_INSIDE_AN_ADDRESS}${literalSite}/(?:${BY_SPACE}|${BY_ACTION})${ID_ENDS}`, "g");
  const ids = Array.from(text.matchAll(link), ([, bySpace, byAction]) => bySpace ?? byAction ?? "");
  return [...new Set(ids)];
}

/** At most 19 digits: ids are 64-bit numbers (`int64` in Confluence's REST description). */
const ID = "[1-9]\\d{0,18}";
const PAGE_ID = new RegExp(`^${ID}$`);

const NOT_INSIDE_AN_ADDRESS = "(?<![\\w/=&?%.-])";
/** A personal space's key starts with `~`. */
const BY_SPACE = `spaces/~?[\\w%.-]{1,255}/pages/(${ID})`;
const BY_ACTION = `pages/viewpage\\.action\\?(?:[\\w%.=+-]{1,200}&){0,5}pageId=(${ID})`;
/** A full stop may end the sentence. A letter, digit, hyphen or underscore means that the number is not an id. */
const ID_ENDS = "(?![\\w%-])";

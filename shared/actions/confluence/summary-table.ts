import type { SummaryPart } from "../../model/event.ts";
import { cut } from "../../model/event.ts";
import { type LinkHosts, linkTo } from "../link-hosts.ts";
import { URLS } from "../summary-text.ts";
import { contentMarkOf } from "./same-content.ts";
import { escapeText, escapeVisible } from "./storage-text.ts";

/** A summary as it stands on a page. */
interface ShownSummary {
  /** When the bridge received it: ISO 8601. */
  readonly at: string;
  /** A digest of all that the table says except this line. */
  readonly mark: string;
}

/**
 * The table that shows a summary. Its last line has the time and a digest of the rest, so that the page itself proves
 * which text a bridge wrote, and which one is later.
 */
export function renderSummary(
  summary: SummaryPart,
  { at, linkHosts }: { readonly at: string; readonly linkHosts: LinkHosts },
): { readonly content: string; readonly mark: string } {
  const unmarked = (line: string): string =>
    `<table><tbody><tr><th><p>${TITLE}</p></th></tr><tr><td>${blocksOf(summary.text, linkHosts)}</td></tr>` +
    `<tr><td><p><small>${escapeVisible(originOf(summary))}${line}</small></p></td></tr></tbody></table>`;
  const mark = contentMarkOf(unmarked("")) ?? "";
  return { content: unmarked(` As of ${at}, check ${mark}.`), mark };
}

const TITLE = "Summary, written by a machine";

const originOf = ({ by, sources }: SummaryPart): string => {
  const named = sources.map(({ what, subject, version, delivery }) =>
    [what, subject && cut(subject, 120), version && `at ${version}`, `(${delivery})`].filter(Boolean).join(" "),
  );
  return `Written by ${cut(by, 200)} from ${named.join(", ")}. No person has checked it.`;
};

/** Reads the last line of the last summary in a text of storage format; undefined if it has none. */
export function shownSummary(storage: string): ShownSummary | undefined {
  const [, at = "", mark = ""] = [...storage.matchAll(LINE)].at(-1) ?? [];
  return mark === "" ? undefined : { at, mark };
}

/** Whether a bridge wrote a table to show a summary. A person may have changed it since. */
export const isSummary = (table: string): boolean => table.includes(TITLE) && shownSummary(table) !== undefined;

/** Whether nobody has changed a word of a summary since a bridge wrote it. */
export function isUnchangedSummary(table: string): boolean {
  const line = shownSummary(table);
  if (!line) return false;
  const at = table.lastIndexOf(` As of ${line.at}, check ${line.mark}.`);
  const unmarked = table.slice(0, at) + table.slice(at).replace(LINE, "");
  return contentMarkOf(unmarked) === line.mark;
}

const LINE = / As of (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z), check ([\w-]{16})\./g;

/** The only markup of a text: a blank line ends a paragraph, and lines that begin with `- ` are a list. */
const blocksOf = (text: string, hosts: LinkHosts): string =>
  text
    .trim()
    .split(/\n\s*\n/)
    .map((block) => blockOf(block.split("\n"), hosts))
    .join("");

function blockOf(lines: readonly string[], hosts: LinkHosts): string {
  const [line = "", ...rest] = lines;
  if (!isItem(line)) {
    const end = lines.findIndex(isItem);
    const own = end < 0 ? lines : lines.slice(0, end);
    const paragraph = `<p>${own.map((one) => lineOf(one, hosts)).join("<br />")}</p>`;
    return end < 0 ? paragraph : paragraph + blockOf(lines.slice(end), hosts);
  }
  const end = rest.findIndex((one) => !isItem(one));
  const items = end < 0 ? lines : lines.slice(0, end + 1);
  const list = `<ul>${items.map((one) => `<li><p>${lineOf(one.replace(ITEM, ""), hosts)}</p></li>`).join("")}</ul>`;
  return end < 0 ? list : list + blockOf(rest.slice(end), hosts);
}

const ITEM = /^\s*- /;
const isItem = (line: string): boolean => ITEM.test(line);

function lineOf(line: string, hosts: LinkHosts): string {
  let written = "";
  let at = 0;
  for (const { index, 0: url } of line.matchAll(URLS)) {
    const href = linkTo(url, hosts);
    if (href === undefined) continue;
    written += `${escapeText(line.slice(at, index))}<a href="${escapeText(href)}">${escapeText(url)}</a>`;
    at = index + url.length;
  }
  return (written + escapeText(line.slice(at))).trim();
}

import { OWN_COMMENT } from "../../model/own-comment.ts";

/** The sections of the comment, in their order. Each has one writer, which replaces it as a whole. */
const SECTIONS = ["results", "pages"] as const;
export type Section = (typeof SECTIONS)[number];

/**
 * Puts the content of a section between its markers. All other lines stay, so the words of a person outside the sections
 * are kept. If a person removed one of the markers, the section is added anew, and its old lines stay as that person's.
 * Of two copies the first is the section.
 */
export function withSection(body: string, section: Section, content: string): string {
  const lines = body === "" ? [] : body.split(/\r?\n/);
  const found = placeOf(lines, section);
  const block = [openOf(section), ...content.split("\n"), closeOf(section)];
  const isOwn = (line: string) => [openOf(section), closeOf(section)].includes(line.trim());
  const [before, after] = found
    ? [lines.slice(0, found.start), lines.slice(found.end + 1)]
    : divided(lines, SECTIONS.slice(SECTIONS.indexOf(section) + 1));
  const others = [before, after].map((part) => part.filter((line) => !isOwn(line)).map(withoutCommand));
  const [start = [], end = []] = others;
  const all = [...start, ...block, ...end];
  const first = all.findIndex((line) => line.trim() !== "");
  const marked = all[first]?.trim() === OWN_COMMENT ? all.slice(first) : [OWN_COMMENT, ...all];
  return marked.join("\n").trimEnd();
}

/** The lines of a section; none if the comment does not have it. */
export function sectionIn(body: string, section: Section): readonly string[] {
  const lines = body.split(/\r?\n/);
  const found = placeOf(lines, section);
  return found ? lines.slice(found.start + 1, found.end) : [];
}

/**
 * A line of a person as GitLab shows it, without an effect: the bridge's own account would execute a quick action that the
 * line contains. The backslash is not shown.
 */
const withoutCommand = (line: string): string => line.replace(/^(\s*)(?=\/[a-z])/i, "$1\\");

/** Whether a comment has the marker of this bridge's comments. */
export const isMarked = (body: string): boolean =>
  body.trimStart().startsWith(OWN_COMMENT) || SECTIONS.some((section) => body.includes(openOf(section)));

const openOf = (section: Section): string => `<!-- drawbridge:${section} -->`;
const closeOf = (section: Section): string => `<!-- /drawbridge:${section} -->`;

const MARKER = /^<!-- \/?drawbridge:[a-z-]+ -->$/;

/** The lines of the markers of a section, with no other marker between them. */
function placeOf(lines: readonly string[], section: Section) {
  for (const [start, line] of lines.entries()) {
    if (line.trim() !== openOf(section)) continue;
    const end = lines.findIndex((one, at) => at > start && MARKER.test(one.trim()));
    if (lines[end]?.trim() === closeOf(section)) return { start, end };
  }
  return undefined;
}

/** The lines before the first of the later sections, and the lines from there on. */
function divided(lines: readonly string[], later: readonly Section[]): readonly [readonly string[], readonly string[]] {
  const at = lines.findIndex((line) => later.some((section) => line.trim() === openOf(section)));
  return at === -1 ? [lines, []] : [lines.slice(0, at), lines.slice(at)];
}

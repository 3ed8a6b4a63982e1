const cells = (...contents: readonly string[]): string =>
  contents.map((content) => `<ac:layout-cell>${content}</ac:layout-cell>`).join("");
const section = (type: string, ...contents: readonly string[]): string =>
  `<ac:layout-section ac:type="${type}">${cells(...contents)}</ac:layout-section>`;
const layout = (...sections: readonly string[]): string => `<ac:layout>${sections.join("")}</ac:layout>`;

const TEXT = "<h2>Scope</h2><p>Kim &ndash; search</p>";
const PANEL =
  '<ac:structured-macro ac:name="info"><ac:rich-text-body><p>Freeze on Thursday.</p></ac:rich-text-body></ac:structured-macro>';
const TABLE = "<table><tbody><tr><th>Part</th></tr><tr><td>Export</td></tr></tbody></table>";

/**
 * Pages with the sections of Confluence's layouts
 * (https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html, Page layouts).
 */
export const LAYOUT_DOCUMENTS: Readonly<Record<string, string>> = {
  single: layout(section("single", TEXT)),
  "two columns of equal width": layout(section("two_equal", TEXT, PANEL)),
  "a left sidebar": layout(section("two_left_sidebar", "<p>Contents</p>", TEXT + TABLE)),
  "a right sidebar": layout(section("two_right_sidebar", TEXT, PANEL)),
  "three columns of equal width": layout(section("three_equal", TEXT, "<p />", TABLE)),
  "two sidebars": layout(section("three_with_sidebars", "", TEXT, PANEL)),
  "several sections, with a table in a panel in a cell": `\n${layout(
    section("single", "<h1>Release 4</h1>"),
    section("two_equal", PANEL.replace("<p>Freeze on Thursday.</p>", TABLE), TEXT),
    `<ac:layout-section ac:type="fixed-width" ac:breakout-mode="default">${cells(TEXT)}</ac:layout-section>`,
  )}\n`,
};

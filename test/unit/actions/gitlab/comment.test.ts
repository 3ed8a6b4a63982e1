import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withSection } from "../../../../shared/actions/gitlab/comment-body.ts";
import { pagesSection } from "../../../../shared/actions/gitlab/pages-section.ts";
import type { ShownPage } from "../../../../shared/store/change-comments.ts";

const MARKERS = ["<!-- drawbridge:comment -->", "<!-- drawbridge:pages -->", "<!-- /drawbridge:pages -->"];
const isMarker = (line: string) => MARKERS.includes(line.trim());

/** Lines that a person could have made of the comment: words, and markers that were moved, copied or removed. */
const lines = fc.array(fc.oneof(fc.constantFrom(...MARKERS), fc.constantFrom("one", "two", "three", "four", "")), {
  maxLength: 12,
});

describe("a section of the comment", () => {
  it("every line outside of the section stays in its order, and a second write changes nothing", () => {
    fc.assert(
      fc.property(lines, (given) => {
        const start = given.indexOf(MARKERS[1] ?? "");
        const body = withSection(given.join("\n"), "pages", "list\nof pages");
        expect(body.split("\n").filter((line) => line === MARKERS[1])).toHaveLength(1);
        expect(body.split("\n").filter((line) => line === MARKERS[2])).toHaveLength(1);
        expect(withSection(body, "pages", "list\nof pages")).toBe(body);
        expect(withSection(body, "pages", "new")).not.toContain("of pages");
        const isWhole = start >= 0 && given.slice(start + 1).find(isMarker) === MARKERS[2];
        if (isWhole || !given.includes(MARKERS[1] ?? "")) {
          const end = isWhole ? given.indexOf(MARKERS[2] ?? "", start) : -1;
          const others = isWhole ? [...given.slice(0, start), ...given.slice(end + 1)] : given;
          const words = (all: readonly string[]) => all.filter((line) => line !== "" && !isMarker(line));
          const kept = body.replace("\nlist\nof pages", "").split("\n");
          expect(words(kept)).toEqual(words(others));
        }
      }),
    );
  });

  it.each(["/merge", "  /close", "\t/Approve"])(
    "the line %j that a person wrote is shown as it was, and is no quick action of the bridge",
    (line) => {
      const body = withSection(`${line}\nwords`, "pages", "list");
      expect(body.split("\n")[1]).toBe(line.replace("/", "\\/"));
      expect(withSection(body, "pages", "list")).toBe(body);
    },
  );
});

const page = (changes: Partial<ShownPage> = {}): ShownPage => ({
  url: "https://wiki.example.test/pages/viewpage.action?pageId=1",
  title: "Plan",
  pipeline: "platform/docs",
  state: "succeeded",
  at: "2026-11-02T09:01:15.000Z",
  ...changes,
});
const itemsOf = (section: string) => section.split("\n").filter((line) => line.startsWith("- "));

describe("the section of pages", () => {
  it("a title or a pipeline adds no line, and nothing of it stands outside of inline code", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.stringMatching(/^[`\\[\]()<>|*_~@!#$%&/\n\r\u2028 a-z]{0,60}$/),
    );
    fc.assert(
      fc.property(text, text, (title, pipeline) => {
        const [plain, section] = [page(), page({ title, pipeline })].map((one) => pagesSection([one], undefined));
        expect(section?.split("\n")).toHaveLength(plain?.split("\n").length ?? 0);
        const withoutCode = (all = "") => all.replace(/`[^`\n\r]+`/g, "``");
        expect(withoutCode(section)).toBe(withoutCode(plain));
      }),
      { numRuns: 40 },
    );
  });

  it.each(["/merge", "@all", "!1", "<img src=x>", "a\n/close", "``` x", "[x](https://evil.example)"])(
    "the title %j has no effect",
    (title) => {
      const [item = ""] = itemsOf(pagesSection([page({ title })], undefined));
      expect(item).toMatch(
        /^- \*\*succeeded\*\*: \[`[^`\n]+`\]\(<https:\/\/wiki\.example\.test\/[^>]+>\) \(`platform\/docs`/,
      );
    },
  );

  it("failures come first and are never what is left out; the rest is counted", () => {
    const passed = Array.from({ length: 30 }, (_, n) => page({ url: `https://wiki.example.test/${n}` }));
    const failed = page({ state: "timed_out", at: "2026-11-01T09:00:00.000Z" });
    const items = itemsOf(pagesSection([...passed, failed], undefined));
    expect(items[0]).toContain("**timed out**");
    expect(items).toHaveLength(21);
    expect(items.at(-1)).toBe("- and 11 more");
  });

  it("an address with a credential is not a link", () => {
    const [item] = itemsOf(pagesSection([page({ url: "https://a:b@wiki.example.test/1" })], undefined));
    expect(item).toBe("- **succeeded**: `Plan` (`platform/docs`, 2026-11-02 09:01 UTC)");
  });
});

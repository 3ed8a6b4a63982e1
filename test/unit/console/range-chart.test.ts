import { describe, expect, it } from "vitest";
import { rangeChart } from "../../../shared/console/range-chart.ts";

const NONE = { event: 0, ignored: 0, unusable: 0, refused: 0, audit: 0 };
const FROM = Date.parse("2026-11-02T00:00:00Z");
const RANGE = { from: FROM, to: FROM + 3_600_000, only: undefined, scope: undefined };

const chartOf = async (intervals: Parameters<typeof rangeChart>[0]["intervals"], query = ""): Promise<string> =>
  String(
    await rangeChart({ intervalSeconds: 300, intervals }, { ...RANGE, fields: new URLSearchParams(query) }),
  ).replaceAll("&amp;", "&");

describe("the chart of a range", () => {
  const counted = [
    {
      from: "2026-11-02T00:10:00.000Z",
      counts: { ...NONE, event: 5_000, refused: 1 },
      refusedRequests: 31,
      attention: [{ state: "given_up", count: 1 }] as const,
    },
  ];
  /** The heights of the bars of each colour. */
  const heightsIn = (markup: string): readonly (readonly [string, number])[] =>
    Array.from(markup.matchAll(/<path class="(\w+)" d="M\d+ [\d.]+v-([\d.]+)h/g), ([, tone = "", height]) => [
      tone,
      Number(height),
    ]);

  it("a bar leads to its interval and keeps the other filters", async () => {
    const markup = await chartOf(counted, "state=given_up&within=24&cursor=1.d-1");
    expect(markup).toContain('href="?state=given_up&since=2026-11-02T00%3A10&until=2026-11-02T00%3A15"');
    expect(markup).toContain(
      "<title>11-02 00:10–00:15 UTC: 1 route given up, 32 requests refused, 4,999 deliveries received</title>",
    );
  });

  it("what needs a person has a scale of its own, so one failure among thousands is seen", async () => {
    const heights = heightsIn(await chartOf(counted));
    expect(heights.map(([tone]) => tone)).toEqual(["bad", "bad", "busy"]);
    expect(Math.min(...heights.map(([, height]) => height))).toBeGreaterThanOrEqual(3);
  });

  it("the axis has numbers and whole times", async () => {
    const markup = await chartOf(counted);
    const texts = Array.from(markup.matchAll(/<text[^>]*>([^<]*)</g), ([, text]) => text);
    expect(texts).toEqual(
      expect.arrayContaining(["0", "20", "40", "2,500", "5,000", "00:15", "00:30", "00:45", "UTC"]),
    );
  });

  it("the same is there as text: the range with its totals, and a table", async () => {
    expect(await chartOf(counted)).toContain(
      "11-02 00:00 to 11-02 01:00 UTC: 1 route given up, 32 requests refused, 4,999 deliveries received.",
    );
    const table = await chartOf(counted, "view=table");
    expect(table).toMatch(/<th class="number">given up, routes<\/th>\s*,?<th class="number">refused, requests<\/th>/);
    expect(table).toContain(
      '<a href="?since=2026-11-02T00%3A10&until=2026-11-02T00%3A15"><time datetime="2026-11-02T00:10:00.000Z"',
    );
    expect(table).not.toContain("<svg");
  });

  it("links lead to an earlier, a later and a wider range", async () => {
    const markup = await chartOf(counted, "since=2026-11-02T00:00&until=2026-11-02T01:00&source=gitlab");
    expect(markup).toContain('href="?since=2026-11-01T23%3A00&until=2026-11-02T00%3A00&source=gitlab">← Earlier');
    expect(markup).toContain('href="?since=2026-11-02T01%3A00&until=2026-11-02T02%3A00&source=gitlab">Later →');
    expect(markup).toContain('href="?since=2026-11-01T23%3A00&until=2026-11-02T02%3A00&source=gitlab">Zoom out');
    expect(markup).toContain('href="?source=gitlab">Whole week');
  });

  it("a range in which nothing was counted says so, and has its axis", async () => {
    const markup = await chartOf([]);
    expect(markup).toContain("11-02 00:00 to 11-02 01:00 UTC: nothing");
    expect(markup).toContain(">00:15</text>");
  });
});

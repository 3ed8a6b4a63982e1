import { describe, expect, it } from "vitest";
import { rangeChart } from "../../../shared/console/range-chart.ts";
import { epochMillis } from "../../../shared/host/clock.ts";

const NONE = { event: 0, ignored: 0, unusable: 0, refused: 0, audit: 0 };
const FROM = Date.parse("2026-11-02T00:00:00Z");
const RANGE = { from: FROM, to: FROM + 3_600_000, now: epochMillis(FROM + 3_600_000) };

const chartOf = async (intervals: Parameters<typeof rangeChart>[0]["intervals"]): Promise<string> =>
  String(await rangeChart({ intervalSeconds: 300, intervals }, RANGE));

describe("the chart of a range", () => {
  const counted = [
    {
      from: "2026-11-02T00:10:00.000Z",
      counts: { ...NONE, event: 5, refused: 1 },
      refusedRequests: 31,
      attention: [{ state: "given_up", count: 2 }] as const,
    },
  ];

  it("a bar leads to its interval, with what failed on top and the requests that were refused without a delivery", async () => {
    const markup = await chartOf(counted);
    expect(markup).toContain('href="/console/deliveries?since=2026-11-02T00%3A10&amp;until=2026-11-02T00%3A15"');
    expect(markup).toContain("11-02 00:10 to 11-02 00:15: 2 given up, 32 refused, 3 received");
    const tones = [...markup.matchAll(/<rect class="(bad|busy)" x="[\d.]+" y="([\d.]+)"/g)];
    const tops = tones.map(([, tone, y]) => [tone, Number(y)] as const);
    expect(tops.map(([tone]) => tone)).toEqual(["busy", "bad", "bad"]);
    expect(tops.map(([, y]) => y)).toEqual(tops.map(([, y]) => y).toSorted((a, b) => b - a));
  });

  it("the same is there as text: the range with its totals, and a table", async () => {
    const markup = await chartOf(counted);
    expect(markup).toMatch(
      /aria-label="11-02 00:00 to 11-02 01:00 UTC: 2 given up, 32 refused, 3 received\. The table/,
    );
    expect(markup).toMatch(/<th class="number">given up<\/th>\s*,?<th class="number">refused<\/th>/);
  });

  it("a range in which nothing was counted says so, and has its axis", async () => {
    const markup = await chartOf([]);
    expect(markup).toContain("11-02 00:00 to 11-02 01:00 UTC: nothing");
    expect(markup).toContain("<span>11-02 00:15</span>");
  });
});

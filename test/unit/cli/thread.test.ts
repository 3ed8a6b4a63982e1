import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { NO_TERMINAL } from "../../../shared/cli/output.ts";
import { type ShownThread, shownThread } from "../../../shared/cli/responses.ts";
import { threadText } from "../../../shared/cli/thread.ts";
import { type EpochMillis, toIso } from "../../../shared/host/clock.ts";
import type { ThreadDelivery } from "../../../shared/model/thread/span.ts";
import { threadOf } from "../../../shared/model/thread/thread.ts";
import { at, story } from "../../support/thread-story.ts";

const NOW = at(3_600);

/** The thread as the interface answers it. */
function shown(deliveries: readonly ThreadDelivery[] = story()): ShownThread {
  const { spans, totals } = threadOf(deliveries, NOW);
  const withTimes = ({ start, end, ...rest }: { readonly start: EpochMillis; readonly end?: EpochMillis }) => ({
    ...rest,
    start: toIso(start),
    ...(end !== undefined && { end: toIso(end) }),
  });
  return v.parse(shownThread, { now: toIso(NOW), totals: withTimes(totals), spans: spans.map(withTimes) });
}

const textOf = (thread: ShownThread, { isAll = false, columns = undefined as number | undefined } = {}): string =>
  threadText(thread, { ...NO_TERMINAL, columns, isAll });

describe("a thread on the command line", () => {
  it("begins with how long it took, and what took longest", () => {
    const text = textOf(shown());
    expect(text).toContain("took      45 min 10 s, from 2026-11-02T09:00:00.000Z");
    expect(text).toContain("longest   docs-deploy: approval, 40 min 41 s");
    expect(text).toContain("people    Ines Okafor, Olga Petrova");
  });

  it("has a line with a bar for each step, indented below what it is part of", () => {
    const lines = textOf(shown()).split("\n");
    const line = (words: string) => lines.find((one) => one.includes(words)) ?? "";
    expect(line("✓ build, succeeded")).toMatch(/\+39 s +57 s +█+ +✓ build/);
    expect(line("approval, granted by Olga Petrova ◆ longest step")).toMatch(/ ░+ +✓ approval/);
    expect(line("! check-links, failed, run again")).toContain("2 links are broken");
    const indentOf = (words: string): number => line(words).indexOf(words);
    expect(indentOf("✓ build,")).toBeGreaterThan(indentOf("✓ ci/docs-build,"));
  });

  it("leaves brief steps out and says so, unless all are asked for", () => {
    const [brief, all] = [textOf(shown()), textOf(shown(), { isAll: true })];
    expect(brief).toContain("--all shows them");
    expect(brief).not.toContain("job.succeeded reported");
    expect(all).toContain("job.succeeded reported");
  });

  it("is no wider than the terminal, and says nothing that a terminal would obey", () => {
    const thread = shown();
    const wicked = { ...thread, spans: thread.spans.map((span) => ({ ...span, what: `${span.what}\u001b[2J\n` })) };
    const text = textOf(wicked, { columns: 80 });
    expect(text.split("\n").every((line) => line.length <= 80)).toBe(true);
    expect(text).not.toContain("\u001b");
  });

  it("a step without an end goes on", () => {
    const text = textOf(shown(story().slice(0, 3)));
    expect(text).toContain("so far: it goes on");
    expect(text).toMatch(/ … +█+ +… running, running/);
  });
});

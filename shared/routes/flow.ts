import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";
import type { FlowOptions, FlowSettings } from "../model/flow.ts";

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

const msOf = (duration: string): number => Number(duration.slice(0, -1)) * (UNITS_MS[duration.slice(-1)] ?? 0);

const duration = (description: string) =>
  v.pipe(
    v.string(),
    v.regex(/^[1-9]\d{0,4}[smh]$/, "a time such as 90s, 10m or 2h"),
    v.check((text) => msOf(text) <= 86_400_000, "at most 24h"),
    v.description(description),
  );

/** `flow` of a route. The functions in AWS that start for a delivery do not load it. */
export const flow = v.pipe(
  v.strictObject({
    key: v.pipe(
      nonEmptyText,
      v.description(
        "Which events follow each other: those for which this path, such as `$.detail.page.id`, has the same value. An event without a value is not run. A text that is no path: all events of the route.",
      ),
    ),
    quiet: v.optional(
      duration(
        "Time without a newer event until the newest one runs, such as `90s`. The others are `superseded`. Without it, at once.",
      ),
    ),
    most: v.optional(
      duration("Longest time for which newer events can defer this, such as `10m`. Without it, no limit."),
    ),
    running: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(1),
        v.maxValue(20),
        v.description("Runs at once. Their source has to report their ends. Without it, no limit."),
      ),
    ),
    // biome-ignore lint/suspicious/noThenProperty: a key of the configuration, which nobody awaits.
    then: v.optional(
      v.pipe(
        v.picklist(["newest", "queue", "cancel"]),
        v.description(
          "What waits for a run to end: `newest`: only the newest event. `queue`: each event, in the order of receipt. `cancel`: only the newest event, and the run is cancelled for it. Without it, `newest`.",
        ),
      ),
    ),
  }),
  v.check(
    ({ quiet, running }) => quiet !== undefined || running !== undefined,
    '"quiet", "running" or both are missing',
  ),
  v.check(({ quiet, most }) => most === undefined || quiet !== undefined, '"most" limits "quiet", which is missing'),
  v.check(
    ({ quiet, most }) => quiet === undefined || most === undefined || msOf(most) >= msOf(quiet),
    '"most" must not be shorter than "quiet"',
  ),
  v.check(
    (one) => one.then === undefined || one.running !== undefined,
    '"then" says what waits for a run to end, and "running" is missing',
  ),
  v.check(
    (one) => one.then !== "queue" || one.quiet === undefined,
    '"quiet" leaves out all events but the newest, and "then: queue" runs each: remove one of them',
  ),
  v.check(
    (one) => one.then !== "cancel" || one.running === 1,
    '"then: cancel" ends the one run that goes on, so "running" must be 1',
  ),
);

/** The settings in milliseconds. */
export const flowSettings = (one: FlowOptions): FlowSettings => ({
  key: one.key,
  quietMs: one.quiet === undefined ? 0 : msOf(one.quiet),
  ...(one.most !== undefined && { mostMs: msOf(one.most) }),
  ...(one.running !== undefined && { running: one.running }),
  waiting: one.then === "queue" ? "queue" : "newest",
  ...(one.then === "cancel" && { cancels: true }),
});

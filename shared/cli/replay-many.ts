import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import { systemClock } from "../host/clock.ts";
import { get, post } from "./bridge-client.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { printFound } from "./output.ts";
import { type Session, sessionOf } from "./session.ts";
import { shellWord } from "./shell-word.ts";
import { printable, table } from "./terminal-text.ts";

/** `POST /v1/replay-preview`. */
const bulkPreview = v.object({
  deliveries: v.number(),
  total: v.number(),
  routes: v.array(
    v.object({
      route: v.string(),
      state: v.string(),
      runs: v.number(),
      unsafe: v.number(),
      replayed: v.number(),
      unmatched: v.number(),
      forbidden: v.number(),
      needsApproval: v.exactOptional(v.literal(true)),
    }),
  ),
  isCut: v.exactOptional(v.literal(true)),
});
type Preview = v.InferOutput<typeof bulkPreview>;

/** `POST /v1/replays` and `GET /v1/replays/{id}`. */
const bulkReplay = v.object({
  id: v.string(),
  state: v.picklist(["running", "done", "stopped"]),
  total: v.number(),
  handled: v.number(),
  counts: v.object({ accepted: v.number(), duplicate: v.number(), outdated: v.number(), refused: v.number() }),
});
type Order = v.InferOutput<typeof bulkReplay>;

/** How often the progress is read. */
const POLL_MS = 500;
/** How often it is printed. A shorter command prints none. */
const PROGRESS_MS = 2_000;

/**
 * `drawbridge events replay` for several deliveries: the bridge counts them, and runs them again in the background. The
 * command waits for the end of its order, and stops it if it is interrupted.
 */
export async function replayManyCommand(invocation: Invocation): Promise<number> {
  const { options, given, print, warn } = invocation;
  const { reason, rate } = options;
  const isDry = given.has("dry-run");
  if (!isDry && reason === undefined) throw usageFault('say why, for the record: add --reason "…"');
  const session = await sessionOf(invocation);
  const interrupted = invocation.interrupted();
  const ids = idsIn(invocation);
  const selection = {
    ...(ids.length > 0 && { deliveries: ids }),
    query: queryOf(invocation),
    ...(given.has("today") && { today: true }),
    ...(given.has("force") && { force: true }),
  };
  const preview = await post(session, "/v1/replay-preview", bulkPreview, { body: selection });
  const unknown = ids.length - preview.deliveries;
  if (unknown > 0) warn(`${unknown} of these deliveries cannot be read: they have expired, or are not yours to read`);
  if (isDry) {
    printFound(invocation, { whole: preview, records: preview.routes, text: () => previewText(preview) });
    return EXIT.done;
  }
  if (interrupted.aborted) return stopped(invocation, interrupted, "nothing was run again");
  const body = { ...selection, reason, rate: Number(rate) };
  const ordered = await post(session, "/v1/replays", bulkReplay, {
    body,
    headers: { "idempotency-key": randomUUID() },
  });
  const order = await ended(ordered, session, { invocation, interrupted, preview });
  const text = progressText(order, preview);
  if (order.state === "stopped") {
    const code = stopped(invocation, interrupted, text);
    if (preview.isCut) warn("there may be more than was counted: only the newest are in the plan");
    return code;
  }
  print(printable(text));
  if (preview.isCut) warn(`there may be more; the same command goes on: ${commandOf(invocation)}`);
  return EXIT.done;
}

interface Waiting {
  readonly invocation: Invocation;
  readonly interrupted: AbortSignal;
  readonly preview: Preview;
}

/** Waits until an order is done. Stops it if the command is interrupted. */
async function ended(ordered: Order, session: Session, { invocation, interrupted, preview }: Waiting): Promise<Order> {
  const path = `/v1/replays/${encodeURIComponent(ordered.id)}`;
  let order = ordered;
  let printedMs = systemClock.monotonic();
  try {
    while (order.state === "running") {
      if (interrupted.aborted)
        return await afterLastStep(await post(session, `${path}/stop`, bulkReplay, { body: {} }), path, session);
      await wait(POLL_MS, undefined, { signal: interrupted }).catch(() => undefined);
      order = await get(session, path, bulkReplay);
      if (systemClock.monotonic() - printedMs < PROGRESS_MS) continue;
      printedMs = systemClock.monotonic();
      invocation.warn(printable(progressText(order, preview)));
    }
    return order;
  } catch (error) {
    const page = new URL(`/console/replays/${encodeURIComponent(order.id)}`, session.url);
    invocation.warn(printable(`${progressText(order, preview)}; the bridge goes on without this command: ${page}`));
    throw error;
  }
}

/**
 * The bridge ends the step that is under way when an order is stopped, and counts it then. So the order is read until it
 * does not change.
 */
async function afterLastStep(stopped: Order, path: string, session: Session): Promise<Order> {
  let order = stopped;
  for (let unchanged = 0; unchanged < SAME_READS && order.handled < order.total; ) {
    await wait(POLL_MS);
    const known = order;
    order = await get(session, path, bulkReplay).catch(() => known);
    unchanged = order.handled === known.handled ? unchanged + 1 : 0;
  }
  return order;
}

/** A step takes about a second. */
const SAME_READS = 3;

/** The positional and each `--delivery`. */
const idsIn = ({ positionals, lists }: Invocation): readonly string[] => [
  ...new Set([...positionals, ...(lists["delivery"] ?? [])]),
];

/** The filters of the list. What matches only today is found whatever became of its delivery. */
function queryOf(invocation: Invocation): Readonly<Record<string, string>> {
  const { source, route, target, since, until, state } = invocation.options;
  const isSearch = idsIn(invocation).length === 0 && !invocation.given.has("today");
  const filters = { source, route, target, since, until, state: state ?? (isSearch ? "given_up" : undefined) };
  return Object.fromEntries(
    Object.entries(filters).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function progressText({ counts, total, handled }: Order, preview: Preview): string {
  const { accepted, duplicate, outdated, refused } = counts;
  const parts: readonly (readonly [number, string])[] = [
    [outdated, "changed meanwhile and were left alone"],
    [refused, "could not be run again: see the log of the bridge"],
    [sumOf(preview, "unsafe"), "may have run already and need --force"],
    [sumOf(preview, "unmatched"), "match no more"],
    [sumOf(preview, "forbidden"), "cannot be run again by you"],
  ];
  const others = parts.flatMap(([count, words]) => (count === 0 ? [] : [`, ${count} ${words}`]));
  const before = duplicate + sumOf(preview, "replayed");
  return `${accepted} run again, ${before} had been before, ${total - handled} left${others.join("")}`;
}

type Reason = "runs" | "unsafe" | "replayed" | "unmatched" | "forbidden";

const sumOf = ({ routes }: Preview, why: Reason): number => routes.reduce((sum, one) => sum + one[why], 0);

const COLUMNS: readonly (readonly [Reason, string])[] = [
  ["runs", "WOULD RUN"],
  ["unsafe", "NEED --force"],
  ["replayed", "RUN AGAIN BEFORE"],
  ["unmatched", "MATCH NO MORE"],
  ["forbidden", "NOT BY YOU"],
];

function previewText(preview: Preview): string {
  const { routes, total, isCut } = preview;
  if (routes.length === 0) return `no route of a delivery matches; nothing would run${isCut ? MAY_BE_MORE : ""}`;
  const shown = COLUMNS.filter(([why]) => why === "runs" || sumOf(preview, why) > 0);
  const waiting = routes.reduce((sum, { needsApproval, runs }) => sum + (needsApproval ? runs : 0), 0);
  const rows = routes.map(({ route, state, needsApproval, ...counts }) => [
    route,
    state,
    ...shown.map(([why]) => String(counts[why])),
    ...(waiting > 0 ? [needsApproval ? "needs an approval" : "-"] : []),
  ]);
  const heading = ["ROUTE", "STATE", ...shown.map(([, words]) => words), ...(waiting > 0 ? ["APPROVAL"] : [])];
  const approvals = waiting > 0 ? `, ${waiting} of them after an approval` : "";
  return `${table(heading, rows)}\n${total} would run again${approvals}; nothing was sent${isCut ? MAY_BE_MORE : ""}`;
}

const MAY_BE_MORE = ". There may be more: only the newest were counted";

function stopped(invocation: Invocation, interrupted: AbortSignal, state: string): number {
  invocation.warn(printable(`stopped: ${state}; the same command goes on: ${commandOf(invocation)}`));
  // Somebody else may have stopped it.
  return interrupted.aborted ? Number(interrupted.reason) : EXIT.refused;
}

/** The command line, quoted for a shell. Times are absolute, so that the selection stays the same. */
function commandOf({ positionals, options, lists, given, program }: Invocation): string {
  const flags = [...given].flatMap((name) => {
    const values = lists[name] ?? (options[name] === undefined ? undefined : [options[name]]);
    return values === undefined ? [`--${name}`] : values.map((value) => `--${name} ${shellWord(value)}`);
  });
  return [`${program} events replay`, ...positionals.map(shellWord), ...flags].join(" ");
}

import * as v from "valibot";
import type { BusEntry } from "../../bus/entry.ts";
import { Fault } from "../../host/fault.ts";
import type { BoardRow } from "../../store/boards.ts";
import type { Action, ActionContext, ActionOutcome, ActionTools } from "../action.ts";
import { type PageClient, pageClient } from "./client.ts";
import { cloud } from "./cloud.ts";
import { dataCenter } from "./data-center.ts";
import { pagesConcerned } from "./pages.ts";
import { authorizationFor, type RouteOptions, routeOptions, type TargetSettings, targetSettings } from "./settings.ts";
import { updatePage } from "./update-page.ts";

/** Shows the state of builds in one region of a Confluence page, and leaves the rest of the page alone. */
export const confluence: Action = {
  name: "confluence",
  target: targetSettings,
  options: routeOptions,
  maxAttemptMs: 60_000,
  connect(settings, tools) {
    const target = v.parse(targetSettings, settings.target);
    const options = v.parse(routeOptions, settings.options);
    return { run: (context) => run({ ...context, target, options, tools }) };
  },
};

interface Run extends ActionContext {
  readonly target: TargetSettings;
  readonly options: RouteOptions;
  readonly tools: ActionTools;
}

async function run(attempt: Run): Promise<ActionOutcome> {
  const row = rowFor(attempt);
  // Above all no `page.updated`: the bridge's own write raises one.
  if (!row) return { outcome: "give_up", summary: `${attempt.entry.detail.type} is not a build` };
  const { target, options, tools, signal } = attempt;
  const pages = pagesConcerned(attempt, { site: target.site, page: options.page });
  if (pages.length === 0) return { outcome: "done", summary: "no page is concerned" };
  const client = pageClient({
    product: target.product === "cloud" ? cloud : dataCenter,
    base: target.api ?? target.site,
    authorization: await authorizationFor(target.credential, tools.secrets),
    timeoutMs: target.timeoutSeconds * 1000,
    signal,
    clock: tools.clock,
    callOut: tools.callOut,
  });
  return worstOf(await Promise.all(pages.map((page) => show(row, page, client, attempt).catch(retryAfterFault))));
}

async function show(row: BoardRow, id: string, client: PageClient, attempt: Run): Promise<ActionOutcome> {
  const { target, options, tools, signal } = attempt;
  const page = { site: target.site, id };
  if (!(await tools.boards.advance(page, row))) {
    return { outcome: "done", summary: `page ${id}: a newer state is shown already` };
  }
  return updatePage({
    page,
    client,
    boards: tools.boards,
    whenMissing: options.whenMissing,
    pipeline: row.pipeline,
    delivery: row.delivery,
    random: tools.random,
    signal,
  });
}

/** Nothing for an event that tells of no build. The row is kept for long, so texts that it does not show stay out of it. */
function rowFor({ entry, origin }: Run): BoardRow | undefined {
  const { detail } = entry;
  if (!("build" in detail)) return undefined;
  const { message: _, title: __, results: ___, ...build } = detail.build;
  const startedBy = build.startedBy ?? nameOfActor(origin);
  return {
    pipeline: `${build.system} ${build.pipeline}`,
    build: startedBy === undefined ? build : { ...build, startedBy },
    delivery: detail.delivery,
  };
}

const nameOfActor = ({ detail: { actor } }: BusEntry): string | undefined => actor?.name ?? actor?.id;

/** One page that cannot be dealt with now does not keep the others from being written. */
function retryAfterFault(error: unknown): ActionOutcome {
  if (error instanceof Fault && error.retryable) return { outcome: "retry", summary: error.message };
  throw error;
}

/** A retry repeats every page: those that are done are found unchanged. */
function worstOf(outcomes: readonly ActionOutcome[]): ActionOutcome {
  const [only, second] = outcomes;
  if (only && !second) return only;
  const summary = outcomes.map((outcome) => outcome.summary).join("; ");
  const retries = outcomes.filter((outcome) => outcome.outcome === "retry");
  if (retries.length > 0) {
    const waits = retries.flatMap(({ afterSeconds }) => afterSeconds ?? []);
    return {
      outcome: "retry",
      summary,
      ...(waits.length > 0 && { afterSeconds: Math.max(...waits) }),
      ...(retries.some(({ unknownOutcome }) => unknownOutcome) && { unknownOutcome: true }),
    };
  }
  if (outcomes.some(({ outcome }) => outcome === "give_up")) return { outcome: "give_up", summary };
  const facts = outcomes.flatMap((outcome) => (outcome.outcome === "done" ? Object.entries(outcome.facts ?? {}) : []));
  return { outcome: "done", summary, facts: Object.fromEntries(facts) };
}

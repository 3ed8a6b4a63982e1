import * as v from "valibot";
import { Fault } from "../../host/fault.ts";
import type { Action, ActionContext, ActionOutcome, ActionTools } from "../action.ts";
import { rowOf } from "./board-row.ts";
import { pageClient } from "./client.ts";
import { cloud } from "./cloud.ts";
import { dataCenter } from "./data-center.ts";
import { pagesConcerned } from "./pages.ts";
import { authorizationFor, type RouteOptions, routeOptions, type TargetSettings, targetSettings } from "./settings.ts";
import { MAX_ATTEMPT_MS, type Showing, showRow } from "./show-row.ts";
import { togetherOf } from "./together.ts";

/** Shows the state of builds in one region of a Confluence page, and leaves the rest of the page alone. */
export const confluence: Action = {
  name: "confluence",
  target: targetSettings,
  options: routeOptions,
  maxAttemptMs: MAX_ATTEMPT_MS,
  connect(settings, tools) {
    const target = v.parse(targetSettings, settings.target);
    const options = v.parse(routeOptions, settings.options);
    return { run: (context) => run({ ...context, targetName: settings.targetName, target, options, tools }) };
  },
};

interface Run extends ActionContext {
  readonly targetName: string;
  readonly target: TargetSettings;
  readonly options: RouteOptions;
  readonly tools: ActionTools;
}

async function run(attempt: Run): Promise<ActionOutcome> {
  const row = rowOf(attempt);
  // Above all no `page.updated`: the bridge's own write raises one.
  if (!row) return { outcome: "give_up", summary: `${attempt.entry.detail.type} is no build and no deployment` };
  const { target, options } = attempt;
  const pages = pagesConcerned(attempt, { site: target.site, page: options.page });
  if (pages.length === 0) return { outcome: "done", summary: "no page is concerned" };
  const showing = await showingOf(attempt);
  const show = (id: string) => showRow(row, { site: target.site, id }, showing).catch(retryAfterFault);
  return togetherOf(await Promise.all(pages.map(show)));
}

async function showingOf({ origin, targetName, target, options, tools, signal }: Run): Promise<Showing> {
  const client = pageClient({
    product: target.product === "cloud" ? cloud : dataCenter,
    base: target.api ?? target.site,
    authorization: await authorizationFor(target.credential, targetName, tools),
    traceparent: origin.detail.traceparent,
    timeoutMs: target.timeoutSeconds * 1000,
    signal,
    clock: tools.clock,
    callOut: tools.callOut,
  });
  return { client, tools, signal, whenMissing: options.whenMissing, progressSeconds: target.progressSeconds };
}

/** One page that cannot be dealt with now does not keep the others from being written. */
function retryAfterFault(error: unknown): ActionOutcome {
  if (error instanceof Fault && error.retryable) return { outcome: "retry", summary: error.message };
  throw error;
}

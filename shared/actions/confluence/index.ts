import * as v from "valibot";
import { Fault } from "../../host/fault.ts";
import type { Action, ActionContext, ActionOutcome, ActionTools } from "../action.ts";
import { rowOf } from "./board-row.ts";
import type { Ending } from "./classify-response.ts";
import { type PageClient, pageClient } from "./client.ts";
import { cloud } from "./cloud.ts";
import { togetherOf } from "./combine-outcomes.ts";
import { hearComment } from "./comment-command.ts";
import { dataCenter } from "./data-center.ts";
import { DocumentedPages } from "./documented-pages.ts";
import { OwnAccount } from "./own-account.ts";
import { pagesConcerned } from "./pages.ts";
import { MAX_ATTEMPT_MS, type Showing, showRow } from "./publish-row.ts";
import { accessTo, type RouteOptions, routeOptions, type TargetSettings, targetSettings } from "./settings.ts";
import { restOf, type TargetRest } from "./target-cooldown.ts";

/**
 * Shows the state of builds in one region of a Confluence page, and leaves the rest of the page alone. Of a comment it does
 * what that commands.
 */
export const confluence: Action = {
  name: "confluence",
  target: targetSettings,
  options: routeOptions,
  maxAttemptMs: MAX_ATTEMPT_MS,
  commandedBy: ["page.commented"],
  connect(settings, tools) {
    const target = v.parse(targetSettings, settings.target);
    const options = v.parse(routeOptions, settings.options);
    const label = options.documentedBy;
    const documented = label === undefined ? undefined : new DocumentedPages(label, tools.clock);
    const { targetName } = settings;
    const rest = restOf(targetName, tools);
    const ownAccount = new OwnAccount(target.site, tools);
    return { run: (context) => run({ ...context, targetName, target, options, documented, rest, ownAccount, tools }) };
  },
};

interface Run extends ActionContext {
  readonly targetName: string;
  readonly target: TargetSettings;
  readonly options: RouteOptions;
  readonly documented: DocumentedPages | undefined;
  readonly rest: TargetRest;
  readonly ownAccount: OwnAccount;
  readonly tools: ActionTools;
}

async function run(attempt: Run): Promise<ActionOutcome> {
  const { entry, tools } = attempt;
  if (entry.detail.type === "page.commented") {
    const { commands } = tools;
    return hearComment({ entry, site: attempt.target.site, commands, client: () => clientFor(attempt) });
  }
  const row = rowOf(attempt);
  // Another system's approval is of a build, which has its row.
  if (!row && "approval" in entry.detail) return { outcome: "done", summary: "an approval of another system" };
  // Above all no `page.updated`: the bridge's own write raises one.
  if (!row) return { outcome: "give_up", summary: `${entry.detail.type} is no build and no deployment` };
  const { target, options, documented } = attempt;
  const pages = pagesConcerned(attempt, { site: target.site, page: options.page });
  if (pages.length === 0 && !documented) return NO_PAGE;
  const showing = await showingOf(attempt);
  const show = (id: string) => showRow(row, { site: target.site, id }, showing).catch(retryAfterFault);
  const showAll = (ids: readonly string[]) => Promise.all(ids.map(show));
  const [shown, more] = await Promise.all([showAll(pages), documented?.concernedBy(attempt, showing.client)]);
  if (more?.ok === false) return withoutDocumented(shown, more.setback);
  const others = await showAll(more?.ids.filter((id) => !pages.includes(id)) ?? []);
  const outcomes = [...shown, ...others];
  if (outcomes.length === 0) return NO_PAGE;
  return noting(togetherOf(outcomes), more?.leftOut ? `${more.leftOut} more pages document it, and are left out` : "");
}

const NO_PAGE: ActionOutcome = { outcome: "done", summary: "no page is concerned" };

/** The search for pages that document it failed: alone that is how the attempt ends, beside others a note. */
function withoutDocumented(shown: readonly ActionOutcome[], setback: Ending): ActionOutcome {
  const summary = `the pages that document it could not be searched for: ${setback.summary}`;
  return shown.length === 0 ? { ...setback, summary } : noting(togetherOf(shown), summary);
}

const noting = (outcome: ActionOutcome, note: string): ActionOutcome =>
  note === "" ? outcome : { ...outcome, summary: `${outcome.summary}; ${note}` };

async function showingOf(attempt: Run): Promise<Showing> {
  const { target, options, rest, tools, signal } = attempt;
  const { region, progressSeconds } = target;
  const client = await clientFor(attempt);
  return { client, rest, tools, signal, region, progressSeconds, whenMissing: options.whenMissing };
}

async function clientFor({ origin, targetName, target, rest, ownAccount, tools, signal }: Run): Promise<PageClient> {
  const access = await accessTo(target, targetName, tools);
  return pageClient({
    product: target.product === "cloud" ? cloud : dataCenter,
    ...access,
    ownAccount,
    // A Forge app's token is a new one with each event, and always the app's.
    credential: "forge" in target.credential ? target.credential.forge : access.authorization,
    traceparent: origin.detail.traceparent,
    timeoutMs: target.timeoutSeconds * 1000,
    signal,
    rest,
    clock: tools.clock,
    callOut: tools.callOut,
  });
}

/** One page that cannot be dealt with now does not keep the others from being written. */
function retryAfterFault(error: unknown): ActionOutcome {
  if (error instanceof Fault && error.retryable) return { outcome: "retry", summary: error.message };
  throw error;
}

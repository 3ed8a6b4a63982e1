import * as v from "valibot";
import { Fault } from "../../host/fault.ts";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import type { Action, ActionDeps } from "../action.ts";
import { rowOf } from "./board-row.ts";
import type { FinalOutcome } from "./classify-response.ts";
import { type PageClient, pageClient } from "./client.ts";
import { cloud } from "./cloud.ts";
import { combineOutcomes } from "./combine-outcomes.ts";
import { runCommentCommand } from "./comment-command.ts";
import { dataCenter } from "./data-center.ts";
import { DocumentedPages } from "./documented-pages.ts";
import { OwnAccount } from "./own-account.ts";
import { pagesConcerned } from "./pages.ts";
import { MAX_ATTEMPT_MS, type PublishInput, publishRow } from "./publish-row.ts";
import { accessTo, type RouteOptions, routeOptions, type TargetSettings, targetSettings } from "./settings.ts";
import { cooldownOf, type TargetCooldown } from "./target-cooldown.ts";

/**
 * Shows the state of builds in one region of a Confluence page, and leaves the rest of the page alone. Of a comment it does
 * what that commands.
 */
export const confluence: Action = {
  name: "confluence",
  target: targetSettings,
  options: routeOptions,
  maxAttemptMs: MAX_ATTEMPT_MS,
  commandEvents: ["page.commented"],
  connect(settings, deps) {
    const target = v.parse(targetSettings, settings.target);
    const options = v.parse(routeOptions, settings.options);
    const label = options.documentedBy;
    const documented = label === undefined ? undefined : new DocumentedPages(label, deps.clock);
    const { targetName } = settings;
    const rest = cooldownOf(targetName, deps);
    const ownAccount = new OwnAccount(target.site, deps);
    return { run: (context) => run({ ...context, targetName, target, options, documented, rest, ownAccount, deps }) };
  },
};

interface Run extends ActionContext {
  readonly targetName: string;
  readonly target: TargetSettings;
  readonly options: RouteOptions;
  readonly documented: DocumentedPages | undefined;
  readonly rest: TargetCooldown;
  readonly ownAccount: OwnAccount;
  readonly deps: ActionDeps;
}

async function run(attempt: Run): Promise<ActionOutcome> {
  const { busEvent, deps } = attempt;
  if (busEvent.detail.type === "page.commented") {
    const { commands } = deps;
    return runCommentCommand({ busEvent, site: attempt.target.site, commands, client: () => clientFor(attempt) });
  }
  const row = rowOf(attempt);
  // Another system's approval is of a build, which has its row.
  if (!row && "approval" in busEvent.detail) return { outcome: "done", summary: "an approval of another system" };
  // Above all no `page.updated`: the bridge's own write raises one.
  if (!row) return { outcome: "give_up", summary: `${busEvent.detail.type} is no build and no deployment` };
  const { target, options, documented } = attempt;
  const pages = pagesConcerned(attempt, { site: target.site, page: options.page });
  if (pages.length === 0 && !documented) return NO_PAGE;
  const showing = await showingOf(attempt);
  const show = (id: string) => publishRow(row, { site: target.site, id }, showing).catch(retryAfterFault);
  const showAll = (ids: readonly string[]) => Promise.all(ids.map(show));
  const [shown, more] = await Promise.all([showAll(pages), documented?.concernedBy(attempt, showing.client)]);
  if (more?.ok === false) return withoutDocumented(shown, more.setback);
  const others = await showAll(more?.ids.filter((id) => !pages.includes(id)) ?? []);
  const outcomes = [...shown, ...others];
  if (outcomes.length === 0) return NO_PAGE;
  return noting(
    combineOutcomes(outcomes),
    more?.leftOut ? `${more.leftOut} more pages document it, and are left out` : "",
  );
}

const NO_PAGE: ActionOutcome = { outcome: "done", summary: "no page is concerned" };

/** The search for pages that document it failed: alone that is how the attempt ends, beside others a note. */
function withoutDocumented(shown: readonly ActionOutcome[], setback: FinalOutcome): ActionOutcome {
  const summary = `the pages that document it could not be searched for: ${setback.summary}`;
  return shown.length === 0 ? { ...setback, summary } : noting(combineOutcomes(shown), summary);
}

const noting = (outcome: ActionOutcome, note: string): ActionOutcome =>
  note === "" ? outcome : { ...outcome, summary: `${outcome.summary}; ${note}` };

async function showingOf(attempt: Run): Promise<PublishInput> {
  const { target, options, rest, deps, signal } = attempt;
  const { region, progressSeconds } = target;
  const client = await clientFor(attempt);
  return { client, rest, deps, signal, region, progressSeconds, whenMissing: options.whenMissing };
}

async function clientFor({ origin, targetName, target, rest, ownAccount, deps, signal }: Run): Promise<PageClient> {
  const access = await accessTo(target, targetName, deps);
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
    clock: deps.clock,
    callOut: deps.callOut,
  });
}

/** One page that cannot be dealt with now does not keep the others from being written. */
function retryAfterFault(error: unknown): ActionOutcome {
  if (error instanceof Fault && error.retryable) return { outcome: "retry", summary: error.message };
  throw error;
}

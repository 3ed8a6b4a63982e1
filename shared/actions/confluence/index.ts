import * as v from "valibot";
import { Fault } from "../../host/fault.ts";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import type { SummaryPart } from "../../model/event.ts";
import type { Action, ActionDeps } from "../action.ts";
import { type ReportedRow, rowOf } from "./board-row.ts";
import { linksOfChange, recordChangeLinks } from "./change-links.ts";
import type { FinalOutcome } from "./classify-response.ts";
import { type PageClient, pageClient } from "./client.ts";
import { cloud } from "./cloud.ts";
import { combineOutcomes } from "./combine-outcomes.ts";
import { runCommentCommand } from "./comment-command.ts";
import { dataCenter } from "./data-center.ts";
import { DocumentedPages } from "./documented-pages.ts";
import { LinkedPages } from "./linked-pages.ts";
import { OwnAccount } from "./own-account.ts";
import { expectedOfADay, paceOf } from "./pace.ts";
import { pagesConcerned } from "./pages.ts";
import { previewPage } from "./preview-page.ts";
import { MAX_ATTEMPT_MS, type PublishInput, publishRow } from "./publish-row.ts";
import { accessTo, type RouteOptions, routeOptions, type TargetSettings, targetSettings } from "./settings.ts";
import { SpaceKeys } from "./space-keys.ts";
import { cooldownOf, type TargetCooldown } from "./target-cooldown.ts";
import { writeSummary } from "./write-summary.ts";

/**
 * Shows the state of builds in one region of a Confluence page, and leaves the rest of the page unchanged. Executes the
 * command of a comment. Leads to no event: what the bridge's own account does is not published.
 */
export const confluence: Action = {
  name: "confluence",
  target: targetSettings,
  options: routeOptions,
  maxAttemptMs: MAX_ATTEMPT_MS,
  commandEvents: ["page.commented"],
  showsSummaries: true,
  expects: (target) => expectedOfADay(v.parse(targetSettings, target)),
  preview: previewPage,
  connect(settings, deps) {
    const target = v.parse(targetSettings, settings.target);
    const options = v.parse(routeOptions, settings.options);
    const label = options.documentedBy;
    const documented = label === undefined ? undefined : new DocumentedPages(label, target, deps.clock);
    const linked = new LinkedPages(deps.clock);
    const { targetName } = settings;
    const cooldown = cooldownOf(targetName, deps);
    const ownAccount = new OwnAccount(target.site, deps);
    const spaceKeys = new SpaceKeys(deps.clock);
    return {
      run: (context) =>
        run({ ...context, targetName, target, options, documented, linked, cooldown, ownAccount, spaceKeys, deps }),
    };
  },
};

interface Run extends ActionContext {
  readonly targetName: string;
  readonly target: TargetSettings;
  readonly options: RouteOptions;
  readonly documented: DocumentedPages | undefined;
  readonly linked: LinkedPages;
  readonly cooldown: TargetCooldown;
  readonly ownAccount: OwnAccount;
  readonly spaceKeys: SpaceKeys;
  readonly deps: ActionDeps;
}

async function run(attempt: Run): Promise<ActionOutcome> {
  const { busEvent, deps } = attempt;
  if (busEvent.detail.type === "page.commented") {
    const { commands, commentReplies } = deps;
    const { site, region, spaces, pages } = attempt.target;
    const consent = { region, allowed: { spaces, pages }, spaceKeys: attempt.spaceKeys };
    return runCommentCommand({ busEvent, site, commands, commentReplies, consent, client: () => clientFor(attempt) });
  }
  if ("change" in busEvent.detail) {
    const { change } = busEvent.detail;
    return recordChangeLinks({ change, busEvent, site: attempt.target.site, changeLinks: deps.changeLinks });
  }
  if ("summary" in busEvent.detail) return showSummary(busEvent.detail.summary, attempt);
  const row = rowOf(attempt);
  // An approval of another system belongs to a build, which has a row already.
  if (!row && "approval" in busEvent.detail) return { outcome: "done", summary: "an approval of another system" };
  // This includes `page.updated`, which the bridge's own write causes.
  if (!row) return { outcome: "give_up", summary: `${busEvent.detail.type} is neither a build nor a deployment` };
  return showOnPages(row, attempt);
}

/** The route's own options do not matter: the request names the page, and a person has set the region. */
async function showSummary(summary: SummaryPart, attempt: Run): Promise<ActionOutcome> {
  const { targetName, target, spaceKeys, busEvent, deps, signal } = attempt;
  if (summary.target !== targetName)
    return { outcome: "done", summary: `the summary is for the target ${summary.target}` };
  const { site, region, linkHosts = [], spaces, pages } = target;
  return writeSummary({
    summary,
    at: busEvent.detail.time,
    delivery: busEvent.detail.delivery,
    page: { site, id: summary.page },
    region,
    linkHosts,
    allowed: { spaces, pages },
    spaceKeys,
    client: await clientFor(attempt),
    random: deps.random,
    signal,
  });
}

async function showOnPages(row: ReportedRow, attempt: Run): Promise<ActionOutcome> {
  const { busEvent, documented, linked, options, deps } = attempt;
  const { site } = attempt.target;
  const { page } = options;
  const ofChange = page === undefined ? await linksOfChange(busEvent, { site, changeLinks: deps.changeLinks }) : "";
  const { links, areLinked } = pagesConcerned(attempt, { site, page, ofChange });
  const { ids: pages, failure, remark } = await linked.of(links, () => clientFor(attempt));
  if (pages.length === 0 && !documented) return withRemark(failure ?? NO_PAGE, remark);
  const client = await clientFor(attempt);
  const showAll = (ids: readonly string[], { ifMissing }: { readonly ifMissing: "append" | "skip" }) => {
    const input = publishInputOf(attempt, { client, whenMissing: options.whenMissing ?? ifMissing });
    return Promise.all(ids.map((id) => publishRow(row, { site, id }, input).catch(retryAfterFault(id))));
  };
  const named = areLinked ? [] : pages;
  const search = documented?.concernedBy(attempt, client);
  const [shown, more] = await Promise.all([showAll(named, { ifMissing: "append" }), search]);
  // A page that documents the subject asks for the status itself, also if a text links to it.
  const documenting = more?.ok ? more.ids.filter((id) => !named.includes(id)) : [];
  const onlyLinked = areLinked ? pages.filter((id) => !documenting.includes(id)) : [];
  const others = await Promise.all([
    showAll(onlyLinked, { ifMissing: "skip" }),
    showAll(documenting, { ifMissing: "append" }),
  ]);
  const outcomes = [...shown, ...others.flat(), ...(failure ? [failure] : [])];
  if (more?.ok === false) return withRemark(withoutDocumented(outcomes, more.failure), remark);
  const outcome = outcomes.length === 0 ? NO_PAGE : combineOutcomes(outcomes);
  const leftOut = more?.leftOut ? `${more.leftOut} more pages document it, and are left out` : "";
  return withRemark(withRemark(outcome, leftOut), remark);
}

const NO_PAGE: ActionOutcome = { outcome: "done", summary: "no page is concerned" };

/** The outcome if the search for documenting pages failed. If other pages were shown, the failure is only a remark. */
function withoutDocumented(shown: readonly ActionOutcome[], failure: FinalOutcome): ActionOutcome {
  const summary = `the pages that document it could not be searched for: ${failure.summary}`;
  return shown.length === 0 ? { ...failure, summary } : withRemark(combineOutcomes(shown), summary);
}

const withRemark = (outcome: ActionOutcome, remark: string): ActionOutcome =>
  remark === "" ? outcome : { ...outcome, summary: `${outcome.summary}; ${remark}` };

function publishInputOf(
  { busEvent, origin, targetName, target, cooldown, spaceKeys, deps, signal }: Run,
  own: Pick<PublishInput, "client" | "whenMissing">,
): PublishInput {
  const { region, linkHosts, spaces, pages } = target;
  const { subject, replay } = busEvent.detail;
  return {
    ...own,
    target: targetName,
    isReplay: replay !== undefined,
    origin,
    cooldown,
    deps,
    signal,
    region,
    pace: paceOf(target),
    linkHosts,
    subject,
    spaceKeys,
    allowed: { spaces, pages },
  };
}

async function clientFor({ origin, targetName, target, cooldown, ownAccount, deps, signal }: Run): Promise<PageClient> {
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
    cooldown,
    clock: deps.clock,
    callOut: deps.callOut,
  });
}

/** A retryable fault of one page does not prevent the others from being written. */
const retryAfterFault =
  (page: string) =>
  (error: unknown): ActionOutcome => {
    if (error instanceof Fault && error.retryable)
      return { outcome: "retry", summary: `page ${page}: ${error.message}` };
    throw error;
  };

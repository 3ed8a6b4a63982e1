import * as v from "valibot";
import { Fault } from "../../host/fault.ts";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import type { ReportedRow } from "../../model/board.ts";
import type { SummaryPart } from "../../model/event.ts";
import type { Action, ActionDeps } from "../action.ts";
import { rowOf } from "./board-row.ts";
import { linksOfChange, recordChangeLinks } from "./change-links.ts";
import { recordForChange } from "./change-pages.ts";
import type { FinalOutcome } from "./classify-response.ts";
import { type PageClient, pageClient } from "./client.ts";
import { cloud } from "./cloud.ts";
import { combineOutcomes } from "./combine-outcomes.ts";
import { countCode } from "./count-code.ts";
import { dataCenter } from "./data-center.ts";
import { DocumentedPages } from "./documented-pages.ts";
import { LinkedPages } from "./linked-pages.ts";
import { OwnAccount } from "./own-account.ts";
import { expectedOfADay, paceOf } from "./pace.ts";
import { pagesConcerned } from "./pages.ts";
import { PersonNames, withNames } from "./person-names.ts";
import { MAX_ATTEMPT_MS, type PublishInput, publishChange, publishRow } from "./publish-row.ts";
import { releaseRowOf } from "./release-row.ts";
import { type PlaceReport, placesIn } from "./row-place.ts";
import { accessTo, type RouteOptions, routeOptions, type TargetSettings, targetSettings } from "./settings.ts";
import { SpaceKeys } from "./space-keys.ts";
import { cooldownOf, type TargetCooldown } from "./target-cooldown.ts";
import { writeSummary } from "./write-summary.ts";

/**
 * Shows the state of builds in one region of a Confluence page, and leaves the rest of the page unchanged. Executes the
 * command of a comment. Counts the commits of pushes.
 *
 * What the bridge's own account does is not published, so it leads to no event. A push can lead to `page.outdated`, which
 * no event of a run leads to: at most once a day for each page.
 */
export const confluence: Action = {
  name: "confluence",
  target: targetSettings,
  options: routeOptions,
  maxAttemptMs: MAX_ATTEMPT_MS,
  commandEvents: ["page.commented"],
  showsSummaries: true,
  expects: (target) => expectedOfADay(v.parse(targetSettings, target)),
  // Only `check --live` asks.
  preview: async (...asked) => (await import("./preview-page.ts")).previewPage(...asked),
  // Loaded with the first approval that is verified.
  lookUp: async (...asked) => (await import("./look-up.ts")).lookUp(...asked),
  // Loaded with the first decision of a person who is known by groups.
  groupsOf: async (...asked) => (await import("./groups.ts")).groupsOf(...asked),
  knownGroups: async (...asked) => (await import("./groups.ts")).knownGroups(...asked),
  // Loaded with the first decision on a route with `canEdit`.
  mayEdit: async (...asked) => (await import("./edit-rights.ts")).mayEdit(...asked),
  whyNoEditRights: (settings) =>
    v.parse(targetSettings, settings).product === "cloud"
      ? undefined
      : "Data Center has no call that says what another person may do with a page, and the bridge cannot call as that person",
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
    const personNames = new PersonNames(deps.clock);
    return {
      run: (context) =>
        run({
          ...context,
          targetName,
          target,
          options,
          documented,
          linked,
          cooldown,
          ownAccount,
          spaceKeys,
          personNames,
          deps,
        }),
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
  readonly personNames: PersonNames;
  readonly deps: ActionDeps;
}

async function run(attempt: Run): Promise<ActionOutcome> {
  const { busEvent, deps } = attempt;
  if (busEvent.detail.type === "page.commented") {
    const { commands, commentReplies } = deps;
    const { site, region, spaces, pages } = attempt.target;
    const consent = { region, allowed: { spaces, pages }, spaceKeys: attempt.spaceKeys };
    const { runCommentCommand } = await import("./comment-command.ts");
    return runCommentCommand({ busEvent, site, commands, commentReplies, consent, client: () => clientFor(attempt) });
  }
  const counted = await countCommits(attempt);
  if (counted) return counted;
  const places = placesIn(busEvent);
  if ("change" in busEvent.detail) {
    const { change } = busEvent.detail;
    const links = await recordChangeLinks({
      change,
      busEvent,
      site: attempt.target.site,
      changeLinks: deps.changeLinks,
    });
    const shown = places && (await showPlaces(places, attempt));
    return shown ? combineOutcomes([links, shown]) : links;
  }
  if (places) {
    const nowhere = { outcome: "done", summary: `${places.what} has no row on a page` } as const;
    return (await showPlaces(places, attempt)) ?? nowhere;
  }
  if ("job" in busEvent.detail) return { outcome: "done", summary: "a job that stops no environment" };
  if ("summary" in busEvent.detail) return showSummary(busEvent.detail.summary, attempt);
  if (attempt.target.layout === "releases") {
    const release = releaseRowOf(attempt);
    const shows = "the layout releases shows deployments, and who approved them";
    return release ? showOnPages(release, attempt) : { outcome: "done", summary: `no deployment: ${shows}` };
  }
  if (busEvent.detail.type === "approval.reminded") return { outcome: "done", summary: "the page shows what waits" };
  const row = rowOf(attempt);
  // An approval of another system belongs to a build, which has a row already.
  if (!row && "approval" in busEvent.detail) return { outcome: "done", summary: "an approval of another system" };
  // This includes `page.updated`, which the bridge's own write causes.
  if (!row) return { outcome: "give_up", summary: `${busEvent.detail.type} is neither a build nor a deployment` };
  return showOnPages(row, attempt);
}

/** Undefined if the target counts none, or if the event does not change the count. */
async function countCommits(attempt: Run): Promise<ActionOutcome | undefined> {
  const { busEvent, target, documented, deps } = attempt;
  const { outdated, site, spaces, pages } = target;
  if (outdated === undefined) return undefined;
  const allowed = { spaces, pages };
  return countCode({
    busEvent,
    site,
    allowed,
    documented,
    deps,
    after: outdated.after,
    client: () => clientFor(attempt),
  });
}

/**
 * Rows go from all pages of the site when what they are for is gone, whatever route wrote them. Undefined if there are
 * none.
 */
async function showPlaces(
  { what, isBack, places, times }: PlaceReport,
  attempt: Run,
): Promise<ActionOutcome | undefined> {
  const { busEvent, target, deps } = attempt;
  const { site } = target;
  const { principal, delivery } = busEvent.detail;
  if (principal.unproved)
    return { outcome: "done", summary: `${what}: its rows stay, because the sender is not proved` };
  const found = await Promise.all(places.map((place) => deps.boards.end({ site, place }, times)));
  const ids = [...new Set(found.flat())];
  if (ids.length === 0) return undefined;
  const input = publishInputOf(attempt, { client: await clientFor(attempt), whenMissing: "skip" });
  const outcomes = await Promise.all(
    ids
      .slice(0, MAX_CHANGED_PAGES)
      .map((id) => publishChange(delivery, { site, id }, input).catch(retryAfterFault(id))),
  );
  const outcome = combineOutcomes(outcomes);
  const more = ids.length - outcomes.length;
  const later = more > 0 ? `; ${more} more pages show it with their next version` : "";
  return { ...outcome, summary: `${what} is ${isBack ? "there again" : "gone"}: ${outcome.summary}${later}` };
}

/** Of one event. */
const MAX_CHANGED_PAGES = 20;

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

async function showOnPages(reported: ReportedRow, attempt: Run): Promise<ActionOutcome> {
  const { busEvent, origin, originProof, documented, linked, options, deps } = attempt;
  const { site } = attempt.target;
  const { page } = options;
  const ofChange = page === undefined ? await linksOfChange(busEvent, { site, changeLinks: deps.changeLinks }) : "";
  const { links, areLinked } = pagesConcerned(attempt, { site, page, ofChange });
  const { ids: pages, failure, remark } = await linked.of(links, () => clientFor(attempt));
  if (pages.length === 0 && !documented) return withRemark(failure ?? NO_PAGE, remark);
  const client = await clientFor(attempt);
  const row = await withNames({ row: reported, origin, site }, (account) => attempt.personNames.of(account, client));
  const about = { busEvent, origin, originProof, deps };
  const showAll = (ids: readonly string[], { ifMissing }: { readonly ifMissing: PublishInput["whenMissing"] }) => {
    const input = publishInputOf(attempt, { client, whenMissing: options.whenMissing ?? ifMissing });
    const show = async (id: string) => {
      const page = { site, id };
      return recordForChange(await publishRow(row, page, input), { row, page, ...about });
    };
    return Promise.all(ids.map((id) => show(id).catch(retryAfterFault(id))));
  };
  const named = areLinked ? [] : pages;
  const search = documented?.concernedBy(attempt, client);
  const [shown, more] = await Promise.all([showAll(named, { ifMissing: "append" }), search]);
  // A page that documents the subject asks for the status itself, also if a text links to it.
  const documenting = more?.ok ? more.ids.filter((id) => !named.includes(id)) : [];
  const onlyLinked = areLinked ? pages.filter((id) => !documenting.includes(id)) : [];
  const isSearchRetried = more?.ok === false && more.failure.outcome === "retry";
  const others = await Promise.all([
    showAll(onlyLinked, { ifMissing: isSearchRetried ? "unknown" : "skip" }),
    showAll(documenting, { ifMissing: "append" }),
  ]);
  const outcomes = [...shown, ...others.flat(), ...(failure ? [failure] : [])];
  if (more?.ok === false) return withRemark(withoutDocumented(outcomes, more.failure), remark);
  const outcome = outcomes.length === 0 ? NO_PAGE : combineOutcomes(outcomes);
  const leftOut = more?.leftOut ? `${more.leftOut} more pages document it, and are left out` : "";
  return withRemark(withRemark(outcome, leftOut), remark);
}

const NO_PAGE: ActionOutcome = { outcome: "done", summary: "no page is concerned", endedAs: "nothing_to_do" };

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
  const { region, layout, linkHosts, spaces, pages, outdated } = target;
  const { subject, replay } = busEvent.detail;
  return {
    ...own,
    target: targetName,
    isReplay: replay !== undefined && replay.lastReport === undefined,
    origin,
    cooldown,
    deps,
    signal,
    region,
    pace: paceOf(target),
    layout,
    showsCode: outdated !== undefined,
    linkHosts,
    subject,
    spaceKeys,
    allowed: { spaces, pages },
  };
}

async function clientFor({ origin, target, cooldown, ownAccount, deps, signal }: Run): Promise<PageClient> {
  const access = await accessTo(target, deps);
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

import type { ReportedRow, ShownBuild, Starter } from "../../model/board.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import { type BuildState, type ChangeRef, cut, type GatePart } from "../../model/event.ts";
import { boundedKey } from "./bounded-key.ts";
import { type EventAndOrigin, placeOfRow } from "./row-place.ts";

/**
 * Returns the row that shows a build, a deployment, an approval of the bridge or what a route holds back on a page;
 * undefined for other events.
 */
export function rowOf(context: EventAndOrigin): ReportedRow | undefined {
  const reported = buildOf(context.busEvent) ?? gateOf(context) ?? heldBackOf(context);
  if (!reported) return undefined;
  const { time, replay: { lastReport } = {} } = context.busEvent.detail;
  const build = {
    ...reported,
    ...sourceOf(reported, context),
    reportedAt: time,
    ...(lastReport && { lastReport }),
    starter: starterOf(context),
  };
  const { source, delivery } = context.busEvent.detail;
  const place = placeOfRow(build, context);
  return { key: boundedKey(`${source}${keyOf(build)}`), build, delivery, ...(place !== undefined && { place }) };
}

/**
 * Follows the source's name, which has no blank or colon, so a row has exactly one reporter. Two rows never have one key:
 * the pipeline ends before the first word that says what the run is for.
 */
function keyOf(build: ShownBuild): string {
  const reporter = build.trustEntry === undefined ? "" : `:${withoutBlanks(build.trustEntry)}`;
  const pipeline = (build.pipelineId ?? build.pipeline).replace(BEFORE_PLACE, encodeURIComponent);
  return `${reporter} ${build.system} ${pipeline}${placeOf(build)}`;
}

/**
 * A blank in a name, before a word that {@link placeOf} uses. The percent sign is encoded too, so that two names stay two.
 */
const BEFORE_PLACE = /%| (?=(?:on|tag|ref|change|change-from|to)(?: |$))/g;

const withoutBlanks = (text: string): string => text.replace(/[% ]/g, encodeURIComponent);

/**
 * A change request is never the branch that it comes from, and its number is unique only in its target project. Nor is a
 * name that may be that of a tag.
 */
export function placeOf({ environment, branch, tag, refName, change, gate }: ShownBuild): string {
  if (environment !== undefined) return ` to ${environment}`;
  // The subject of an approval names the change request.
  if (change !== undefined) return gate ? "" : changeKey(change);
  if (tag !== undefined) return ` tag ${tag}`;
  if (refName !== undefined) return ` ref ${refName}`;
  return branch === undefined ? "" : ` on ${branch}`;
}

function changeKey({ id, targetProject, sourceProject = "", sourceBranch = "" }: Partial<ChangeRef>): string {
  if (id === undefined) return ` change-from ${withoutBlanks(sourceProject)} ${sourceBranch}`;
  const number = ` change ${withoutBlanks(id)}`;
  return targetProject === undefined ? number : `${number} of ${targetProject}`;
}

/** The row is stored for long, so it does not contain the texts that it does not show. */
function buildOf({ source, detail }: BusEvent): ShownBuild | undefined {
  if ("build" in detail) {
    const {
      message: _message,
      title,
      results: _results,
      reason,
      startedBy: _startedBy,
      source: _source,
      protected: _protected,
      defaultBranch: _defaultBranch,
      parent: _parent,
      rebuiltFrom: _rebuiltFrom,
      ...build
    } = detail.build;
    // The reason of a success, or of a run under way, says nothing that the state does not.
    const says = reason !== undefined && !NEEDS_NO_REASON.has(build.state);
    return {
      ...build,
      ...(title !== undefined && { title: cut(title, 100) }),
      ...(says && { reason: cut(reason, 200) }),
    };
  }
  if (!("deployment" in detail)) return undefined;
  const { id, project, environment, state, commit, url, title } = detail.deployment;
  return {
    system: source.replace(/^drawbridge\./, ""),
    id,
    pipeline: project,
    environment,
    state,
    ...(commit !== undefined && { commit }),
    ...(url !== undefined && { url }),
    ...(title !== undefined && { title: cut(title, 100) }),
    // GitLab numbers deployments in ascending order and reports no start time, so only the number orders them.
    ...(/^\d{1,12}$/.test(id) && { number: Number(id) }),
    finishedAt: detail.time,
  };
}

/**
 * An approval is shown like a build: a decision ends it, and the run that it fires has a row of its own. The subject
 * and the branch or tag identify what waits, so two merge requests are two rows.
 */
function gateOf({ busEvent: { detail }, origin }: EventAndOrigin): ShownBuild | undefined {
  const { gate, system, build: id } = "approval" in detail ? detail.approval : NO_GATE;
  if (gate === undefined) return undefined;
  const { requestedAt, requester: _, ...shownGate } = gate;
  const state = GATE_STATES[gate.state];
  return {
    system,
    id,
    pipeline: detail.subject,
    state,
    createdAt: requestedAt,
    ...refIn(origin.detail),
    ...(gate.state !== "requested" && { finishedAt: detail.time }),
    gate: { ...shownGate, labels: "page" in origin.detail },
  };
}

/**
 * What a route holds back has a row until the event that ends it takes the place of the row away. A run that waits has a
 * row of its own, so that several of one route are shown. What it waits for may change: each reason is a newer build.
 */
function heldBackOf({ busEvent: { detail }, origin }: EventAndOrigin): ShownBuild | undefined {
  if (detail.type !== "flow.waiting" && detail.type !== "flow.behind") return undefined;
  const { route, of, text } = detail.flow;
  const isBehind = detail.type === "flow.behind";
  return {
    system: "drawbridge",
    id: detail.delivery,
    pipeline: isBehind ? route : detail.subject,
    pipelineId: `${route} ${of}`,
    state: isBehind ? "queued" : "waiting",
    createdAt: detail.time,
    ...(isBehind ? { environment: of, isBehind } : refIn(origin.detail)),
    ...(text !== undefined && { reason: cut(text, 200) }),
  };
}

function refIn(detail: BusEvent["detail"]): Pick<ShownBuild, "branch" | "tag" | "change"> {
  if ("code" in detail) {
    const { ref, name } = detail.code;
    return ref.startsWith("refs/tags/") ? { tag: name } : { branch: name };
  }
  if (!("change" in detail)) return {};
  const { number, fork } = detail.change;
  return { change: { id: String(number), ...(fork !== undefined && { fork }) } };
}

const NEEDS_NO_REASON: ReadonlySet<BuildState> = new Set(["queued", "running", "succeeded"]);

/**
 * Where people find what a run is for, as the event that caused it reports: the page of the commit, its title and its
 * author, and the page of the change request.
 */
function sourceOf(
  { commit, change, title }: ShownBuild,
  { origin: { detail } }: EventAndOrigin,
): Pick<ShownBuild, "commit" | "commitUrl" | "title" | "author" | "changeUrl"> {
  if ("change" in detail) {
    const { id, number, url } = detail.change;
    const isThis = change?.id !== undefined && [id, String(number)].includes(change.id);
    return isThis && url !== undefined ? { changeUrl: url } : {};
  }
  if (!("code" in detail)) return {};
  const found = detail.code.commits.find(({ id }) => id === (commit ?? detail.code.commit));
  if (!found) return {};
  const { id, message, url, author } = found;
  const [firstLine = ""] = message.split("\n");
  return {
    commit: commit ?? id,
    title: title ?? cut(firstLine, 100),
    ...(url !== undefined && { commitUrl: url }),
    ...(author !== undefined && { author }),
  };
}

const NO_GATE = { gate: undefined, system: "", build: "" } as const;
const GATE_STATES = {
  requested: "waiting",
  granted: "succeeded",
  denied: "failed",
  withdrawn: "cancelled",
  expired: "timed_out",
  superseded: "cancelled",
  void: "failed",
} as const satisfies Record<GatePart["state"], BuildState>;

/**
 * A name is shown only with the identity that reported it: that of the delivery that started the run, if it is known. No
 * person's name is on a row whose run could prove its origin, and does not.
 */
export function starterOf({ busEvent, origin, originProof }: EventAndOrigin): Starter {
  const isTraced = origin.detail.delivery !== busEvent.detail.delivery;
  const { actor, principal, replay } = origin.detail;
  // A replay is started by the person who asked for it, not by the first cause. Nobody asked for a copy of a report.
  const isAskedFor = replay !== undefined && replay.lastReport === undefined;
  const name = isAskedFor ? replay.actor : ((isTraced ? undefined : ownNameOf(busEvent)) ?? actor?.name ?? actor?.id);
  // If the event itself is unproved, so is its claim that the origin caused this run.
  const unproved = principal.unproved || busEvent.detail.principal.unproved;
  return {
    identity: identityOf(principal),
    ...(unproved && { unproved: true }),
    ...(originProof !== "proved" && { claimedBy: identityOf(busEvent.detail.principal) }),
    ...(name !== undefined && originProof !== "claimed" && { name }),
  };
}

/** The name that a run's own system reports. That of a run which claims an origin belongs to the claim. */
function ownNameOf({ detail }: BusEvent): string | undefined {
  if (!("build" in detail) || detail.origin?.delivery !== undefined) return undefined;
  return detail.build.startedBy;
}

/** An issuer without a host stands for one source, which the subject names. */
function identityOf({ issuer, subject }: BusEvent["detail"]["principal"]): string {
  const host = URL.canParse(issuer) ? new URL(issuer).host : "";
  return host === "" ? subject : `${subject} at ${host}`;
}

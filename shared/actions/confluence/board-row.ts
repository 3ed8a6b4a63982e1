import type { BoardRow, ShownBuild, Starter } from "../../model/board.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import { type BuildState, cut, type GatePart } from "../../model/event.ts";

/** A row as an event tells it. */
export type ReportedRow = Omit<BoardRow, "ended">;

/** What an attempt knows of what happened. */
interface EventAndOrigin {
  readonly busEvent: BusEvent;
  /** The delivery that caused it all, else the event's own. */
  readonly origin: BusEvent;
}

/** The row that a build, a deployment or an approval of the bridge's own has on a page; nothing for other events. */
export function rowOf(happening: EventAndOrigin): ReportedRow | undefined {
  const told = buildOf(happening.busEvent) ?? gateOf(happening);
  if (!told) return undefined;
  const build = { ...told, reportedAt: happening.busEvent.detail.time, starter: starterOf(happening) };
  const { source, delivery } = happening.busEvent.detail;
  return { key: cut(`${source}${keyOf(build)}`, MAX_KEY_LENGTH), build, delivery };
}

/** UTF-16 code units: three bytes each at most, and a sort key has 1,024. */
const MAX_KEY_LENGTH = 300;

/** Behind the source, whose name has no blank or colon: who may tell of a row is never another row's teller. */
function keyOf({ trustEntry, system, pipeline, branch, environment }: ShownBuild): string {
  const teller = trustEntry === undefined ? "" : `:${trustEntry}`;
  const place = environment === undefined ? branch && ` on ${branch}` : ` to ${environment}`;
  return `${teller} ${system} ${pipeline}${place ?? ""}`;
}

/** The row is kept for long, so texts that it does not show stay out of it. */
function buildOf({ source, detail }: BusEvent): ShownBuild | undefined {
  if ("build" in detail) {
    const { message: _, title: __, results: ___, reason: ____, startedBy: _____, ...build } = detail.build;
    return build;
  }
  if (!("deployment" in detail)) return undefined;
  const { id, project, environment, state, commit, url } = detail.deployment;
  return {
    system: source.replace(/^drawbridge\./, ""),
    id,
    pipeline: project,
    environment,
    state,
    ...(commit !== undefined && { commit }),
    ...(url !== undefined && { url }),
    // GitLab counts deployments up, and tells no time of their beginning: the number alone orders them.
    ...(/^\d{1,12}$/.test(id) && { number: Number(id) }),
    finishedAt: detail.time,
  };
}

/**
 * A route waits like a build of its own: decided, it has ended, and the run that it fires has its own row. The subject and
 * the branch say what waits: two merge requests are two rows.
 */
function gateOf({ busEvent: { detail }, origin }: EventAndOrigin): ShownBuild | undefined {
  const { gate, system, build: id } = "approval" in detail ? detail.approval : NO_GATE;
  if (gate === undefined) return undefined;
  const { requestedAt, ...told } = gate;
  const state = GATE_STATES[gate.state];
  return {
    ...{ system, id, pipeline: detail.subject, state, createdAt: requestedAt },
    ...("code" in origin.detail && { branch: origin.detail.code.name }),
    ...(gate.state !== "requested" && { finishedAt: detail.time }),
    gate: { ...told, labels: "page" in origin.detail },
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
} as const satisfies Record<GatePart["state"], BuildState>;

/** A name counts only with the identity that told it: that of the delivery which started the run, where one is known. */
function starterOf({ busEvent, origin }: EventAndOrigin): Starter {
  const isTraced = origin.detail.delivery !== busEvent.detail.delivery;
  // What is run again is started by whoever wanted that, not by who caused it first.
  const { replay } = origin.detail;
  const ownName = !isTraced && "build" in busEvent.detail ? busEvent.detail.build.startedBy : undefined;
  const { actor, principal } = origin.detail;
  const name = replay ? replay.actor : (ownName ?? actor?.name ?? actor?.id);
  // Nor is it proved that this run is the origin's where the word that says so is not.
  const unproved = (principal.unproved || busEvent.detail.principal.unproved) && { unproved: true as const };
  return { identity: identityOf(principal), ...unproved, ...(name !== undefined && { name }) };
}

/** An issuer without a host stands for one source: the subject says which. */
function identityOf({ issuer, subject }: BusEvent["detail"]["principal"]): string {
  const host = URL.canParse(issuer) ? new URL(issuer).host : "";
  return host === "" ? subject : `${subject} at ${host}`;
}

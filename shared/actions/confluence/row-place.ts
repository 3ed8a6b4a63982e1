import type { PlaceTimes, ShownBuild } from "../../model/board.ts";
import { type BusEvent, providerOf } from "../../model/bus-event.ts";
import type { ChangeRef, OriginProof } from "../../model/event.ts";
import { boundedKey } from "./bounded-key.ts";

/** The event of an attempt, and its origin. */
export interface EventAndOrigin {
  readonly busEvent: BusEvent;
  /** The first cause of the event; the event itself if it has none. */
  readonly origin: BusEvent;
  readonly originProof: OriginProof;
}

/** What a run or an approval is for, within its project. */
type Place = Pick<ShownBuild, "environment" | "branch" | "tag" | "refName" | "change">;

/** A project as one source names it. Only that source can report the end of its branches and change requests. */
interface Project {
  readonly source: string;
  readonly name: string;
}

/**
 * The place of a row, as the events of its source name it that report the end of a branch, a tag, a change request or an
 * environment. A system that does not have the code itself reports no such end: the place of its row is that of the push
 * or the change request that started the run. Undefined if that is not known.
 */
export function placeOfRow(build: ShownBuild, { busEvent, origin }: EventAndOrigin): string | undefined {
  const { detail } = origin;
  if ("flow" in busEvent.detail) return placeOfFlow(busEvent.detail);
  const hasCode = providerOf(origin) === build.system;
  if (build.environment !== undefined) return keyOf({ source: busEvent.detail.source, name: build.pipeline }, build);
  if (!hasCode && "code" in detail) {
    const { ref, name, project } = detail.code;
    const isThis = ref.startsWith("refs/tags/") ? build.tag === name : [build.branch, build.refName].includes(name);
    return isThis ? keyOf({ source: detail.source, name: project }, build) : undefined;
  }
  if (!hasCode && "change" in detail) {
    const { id, number, targetProject, project } = detail.change;
    const isThis = build.change?.id !== undefined && [id, String(number)].includes(build.change.id);
    const name = targetProject ?? project;
    return isThis ? keyOf({ source: detail.source, name }, { change: { id, targetProject: name } }) : undefined;
  }
  if (build.gate || build.trustEntry !== undefined) return undefined;
  return keyOf({ source: busEvent.detail.source, name: repositoryOf(build.pipeline) }, build);
}

/** A source of code names a pipeline after its repository: alone, or followed by a name in brackets. */
const repositoryOf = (pipeline: string): string => pipeline.replace(/ \(.*$/s, "");

function keyOf({ source, name }: Project, place: Place): string | undefined {
  const { environment, branch, tag, refName, change } = place;
  if (environment !== undefined) return textOf(source, name, `to ${environment}`);
  if (change) return changeKey(source, name, change);
  if (tag !== undefined) return textOf(source, name, `tag ${tag}`);
  if (refName !== undefined) return textOf(source, name, `ref ${refName}`);
  return branch === undefined ? undefined : textOf(source, name, `on ${branch}`);
}

/** A change request without a number is known by the branch that it comes from. */
function changeKey(source: string, project: string, change: Partial<ChangeRef>): string | undefined {
  const { id, targetProject, sourceProject, sourceBranch } = change;
  if (id !== undefined) return textOf(source, targetProject ?? project, `change ${id}`);
  if (sourceProject === undefined || sourceBranch === undefined) return undefined;
  return textOf(source, sourceProject, `change-from ${sourceBranch}`);
}

/** No project has a blank in its name, so two places never have one key. */
const textOf = (source: string, project: string, place: string): string =>
  boundedKey(`${source} ${project.replaceAll(" ", "%20")} ${place}`);

/** The end or the return of something that rows are for. */
export interface PlaceReport {
  /** Names for people. */
  readonly what: string;
  readonly isBack: boolean;
  readonly places: readonly string[];
  readonly times: PlaceTimes;
}

/** What an event reports of places; undefined if it reports the end and the return of none. */
export function placesIn({ detail }: BusEvent): PlaceReport | undefined {
  const { source, subject, time } = detail;
  const gone = { isBack: false, times: { goneAt: time } };
  if (detail.type === "code.deleted") {
    const { project, ref, name } = detail.code;
    const kinds = ref.startsWith("refs/tags/") ? ["tag", "ref"] : ["on", "ref", "change-from"];
    return {
      what: `${name} of ${project}`,
      ...gone,
      places: kinds.map((kind) => textOf(source, project, `${kind} ${name}`)),
    };
  }
  if (detail.type === "flow.ended" || detail.type === "flow.level")
    return { what: subject, ...gone, places: [placeOfFlow(detail)] };
  if (detail.type === "change.merged" || detail.type === "change.closed" || detail.type === "change.opened") {
    const { id, project, targetProject, sourceProject, sourceBranch } = detail.change;
    const isBack = detail.type === "change.opened";
    const changes = [
      { id, ...(targetProject !== undefined && { targetProject }) },
      present(sourceProject, sourceBranch),
    ];
    const places = changes.flatMap((change) => (change && changeKey(source, project, change)) ?? []);
    return { what: subject, isBack, places, times: isBack ? { backAt: time } : { goneAt: time } };
  }
  if (detail.type === "job.succeeded" && detail.job.stopsEnvironment && detail.job.environment !== undefined) {
    const { pipeline, environment } = detail.job;
    const project = repositoryOf(pipeline);
    return {
      what: `${environment} of ${project}`,
      ...gone,
      places: [textOf(source, project, `to ${environment}`)],
    };
  }
  return undefined;
}

/** What a route holds back: one row for each thing that it is about. */
const placeOfFlow = ({ source, flow }: Extract<BusEvent["detail"], { readonly flow: object }>): string =>
  textOf(source, flow.route, `for ${flow.of}`);

const present = (sourceProject: string | undefined, sourceBranch: string | undefined) =>
  sourceProject === undefined || sourceBranch === undefined ? undefined : { sourceProject, sourceBranch };

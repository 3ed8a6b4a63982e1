import type { BusEvent } from "../../model/bus-event.ts";

/** A build as Buildkite's API takes it. */
export interface Build {
  /** The pipeline's slug. */
  readonly pipeline: string;
  readonly number: number;
}

/** The build that a run was caused by, or why there is none to report to. */
export function buildOf(origin: BusEvent, busEvent: BusEvent, organization: string): Build | { readonly none: string } {
  const { source, detail } = origin;
  if (source !== "drawbridge.buildkite") return { none: "Buildkite did not cause this run" };
  if (detail.delivery === busEvent.detail.delivery)
    return { none: "Buildkite shows the state of its own builds itself" };
  const told = placeIn(detail);
  const [, ofOrganization, pipeline] = /^(?:([\w.-]+)\/)?([\w.-]+)$/.exec(told?.pipeline ?? "") ?? [];
  if (told?.number === undefined || pipeline === undefined) return { none: "what caused this run names no build" };
  if ((ofOrganization ?? organization) !== organization) {
    return { none: "another organization than the target's caused this run" };
  }
  return { pipeline, number: told.number };
}

interface Place {
  /** `organization/pipeline`, or the pipeline alone where a webhook told no more. */
  readonly pipeline: string;
  readonly number: number | undefined;
}

function placeIn(detail: BusEvent["detail"]): Place | undefined {
  if ("build" in detail) return { pipeline: detail.build.pipeline, number: detail.build.number };
  if ("job" in detail) return { pipeline: detail.job.pipeline, number: numberIn(detail.job.url) };
  if (!("approval" in detail)) return undefined;
  return { pipeline: detail.approval.pipeline, number: numberIn(detail.approval.url) };
}

/** What happened to a part of a build names it by its address alone: `…/builds/<number>`, or that and `#<job>`. */
function numberIn(url: string | undefined): number | undefined {
  const [, digits] = /\/builds\/(\d{1,12})(?:[/?#]|$)/.exec(url ?? "") ?? [];
  return digits === undefined ? undefined : Number(digits);
}

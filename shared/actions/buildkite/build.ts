import type { BusEvent } from "../../model/bus-event.ts";

/** A build as Buildkite's API identifies it. */
export interface Build {
  /** The pipeline's slug. */
  readonly pipeline: string;
  readonly number: number;
}

/** The build that caused a run, or the reason why there is no build to annotate. */
export function buildOf(
  origin: BusEvent,
  busEvent: BusEvent,
  organization: string,
): Build | { readonly reason: string } {
  const { source, detail } = origin;
  if (source !== "drawbridge.buildkite") return { reason: "Buildkite did not cause this run" };
  if (detail.delivery === busEvent.detail.delivery)
    return { reason: "Buildkite shows the state of its own builds itself" };
  const place = placeIn(detail);
  const [, ofOrganization, pipeline] = /^(?:([\w.-]+)\/)?([\w.-]+)$/.exec(place?.pipeline ?? "") ?? [];
  if (place?.number === undefined || pipeline === undefined) return { reason: "the cause of this run names no build" };
  if (ofOrganization === undefined) return { reason: "the cause of this run names no organization" };
  if (ofOrganization !== organization) return { reason: "another organization than the target's caused this run" };
  return { pipeline, number: place.number };
}

interface Place {
  /** `organization/pipeline`, or the pipeline alone if the webhook did not report the organization. */
  readonly pipeline: string;
  readonly number: number | undefined;
}

function placeIn(detail: BusEvent["detail"]): Place | undefined {
  if ("build" in detail) return { pipeline: detail.build.pipeline, number: detail.build.number };
  if ("job" in detail) return { pipeline: detail.job.pipeline, number: numberIn(detail.job.url) };
  if (!("approval" in detail)) return undefined;
  return { pipeline: detail.approval.pipeline, number: numberIn(detail.approval.url) };
}

/**
 * Events about a part of a build identify the build only by its address: `…/builds/<number>`, with or without `#<job>`.
 */
function numberIn(url: string | undefined): number | undefined {
  const [, digits] = /\/builds\/(\d{1,12})(?:[/?#]|$)/.exec(url ?? "") ?? [];
  return digits === undefined ? undefined : Number(digits);
}

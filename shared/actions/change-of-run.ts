import { buildOrder } from "../model/build-order.ts";
import { type BusEvent, providerOf } from "../model/bus-event.ts";
import type { BuildEvent } from "../model/event.ts";
import { sha256Hex } from "../model/idempotency-keys.ts";
import type { ChangeAddress } from "../store/change-comments.ts";

/** The change request that a run is for. */
export interface ChangeOfRun extends ChangeAddress {
  /** The provider that reported it. */
  readonly provider: string;
  /** An address of the change or of its run, at the system that has the change. */
  readonly url: string;
}

interface EventAndOrigin {
  readonly busEvent: BusEvent;
  /** The first cause of the event; the event itself if it has none. */
  readonly origin: BusEvent;
}

/**
 * The change request whose event caused a run, else the one that the run itself reports. Undefined if the run is for none,
 * or if its number, its target project or the address of its system is not known.
 */
export function changeOfRun({ busEvent, origin }: EventAndOrigin): ChangeOfRun | undefined {
  if ("change" in origin.detail) {
    const { number, project, targetProject = project, url } = origin.detail.change;
    return addressed(origin, { project: targetProject, id: String(number), url });
  }
  if (!("build" in busEvent.detail)) return undefined;
  const { change, url } = busEvent.detail.build;
  return addressed(busEvent, { project: change?.targetProject, id: change?.id, url });
}

interface Reported {
  readonly project: string | undefined;
  readonly id: string | undefined;
  readonly url: string | undefined;
}

function addressed(reporting: BusEvent, { project, id, url }: Reported): ChangeOfRun | undefined {
  if (project === undefined || id === undefined || url === undefined || !URL.canParse(url)) return undefined;
  return { provider: providerOf(reporting), system: new URL(url).origin, project, id, url };
}

/**
 * A key of a reported state of a run. It is the same for the action that writes pages and for the action that writes the
 * comment, whichever delivery of the state each of them runs for.
 */
export const runKeyOf = ({ build, time }: Pick<BuildEvent, "build" | "time">): string =>
  sha256Hex(Buffer.from(JSON.stringify([build.system, build.id, buildOrder({ ...build, reportedAt: time })]), "utf8"));

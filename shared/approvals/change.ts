import { toIso } from "../host/clock.ts";
import type { Change } from "../model/approval.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ApprovalStore } from "../store/approvals.ts";

/** Events that report a new version of the page, branch or change that an approval is about. */
const CHANGES: readonly BusEvent["detail-type"][] = [
  "page.updated",
  "page.rewritten",
  "page.published",
  "blogpost.updated",
  "blogpost.rewritten",
  "code.pushed",
  "change.updated",
];
/** Events that report its end. They have a key of their own, so that a later change event does not undo the end. */
const ENDS: readonly BusEvent["detail-type"][] = [
  "page.archived",
  "page.trashed",
  "page.deleted",
  "blogpost.trashed",
  "blogpost.deleted",
  "code.deleted",
  "change.merged",
  "change.closed",
];

/**
 * Records the change that an event reports, so that an approval of the earlier version becomes outdated. Without gates
 * nothing is written: no approval can become outdated, and the relay in AWS is not permitted to write changes.
 */
export async function recordReportedChange(
  busEvent: BusEvent,
  { approvals, hasGates }: { readonly approvals: Pick<ApprovalStore, "recordChange">; readonly hasGates: boolean },
): Promise<void> {
  const change = hasGates ? changeIn(busEvent) : undefined;
  if (change) await approvals.recordChange(change);
}

/**
 * The change that an event reports; undefined if it reports none. A replay reports none: it repeats an earlier event.
 */
export function changeIn(busEvent: BusEvent): Change | undefined {
  const isChange = [...CHANGES, ...ENDS].includes(busEvent["detail-type"]) && busEvent.detail.replay === undefined;
  return isChange ? stateOf(busEvent) : undefined;
}

/**
 * The version that a run is about if this event fires it. A replay is about the page or branch as it is when the replay
 * is requested, so any later change makes its approval outdated.
 */
export function aboutOf(busEvent: BusEvent, { replay, receivedAt }: RecordedDelivery): Change | undefined {
  const state = stateOf(busEvent);
  return state && replay ? { key: state.key, at: toIso(receivedAt) } : state;
}

/** Returns whether the page, branch or change that a run is about is known to have changed or ended since. */
export async function isOutdated(
  about: Change | undefined,
  approvals: Pick<ApprovalStore, "latestChange">,
): Promise<boolean> {
  if (about === undefined) return false;
  const lookups = [about.key, endOf(about.key)].map((key) => approvals.latestChange(key));
  return (await Promise.all(lookups)).some((latest) => latest !== undefined && hasChanged(about, latest));
}

/**
 * Returns whether `latest` is a different version and not an earlier one. The same version or commit reported twice is
 * no change. A different one at the same time is a change, because some senders report times in whole seconds.
 */
export function hasChanged(about: Change, latest: Change): boolean {
  if (latest.at < about.at) return false;
  if (latest.at === about.at) return about.mark !== undefined && latest.mark !== about.mark;
  return latest.mark === undefined || latest.mark !== about.mark;
}

const endOf = (key: string): string => `${key}#end`;

function stateOf(busEvent: BusEvent): Change | undefined {
  const state = currentStateOf(busEvent);
  return state && ENDS.includes(busEvent["detail-type"]) ? { key: endOf(state.key), at: state.at } : state;
}

function currentStateOf({ detail }: BusEvent): Change | undefined {
  const { source, time: at } = detail;
  if ("page" in detail) {
    const { site, id, version } = detail.page;
    return { key: `page#${id}#${site}`, at, ...(version !== undefined && { mark: String(version) }) };
  }
  if ("code" in detail) {
    const { project, ref, commit } = detail.code;
    return { key: `code#${source}#${project}#${ref}`, at, ...(commit !== undefined && { mark: commit }) };
  }
  if (!("change" in detail)) return undefined;
  const { project, number, commit } = detail.change;
  return { key: `change#${source}#${project}#${number}`, at, ...(commit !== undefined && { mark: commit }) };
}

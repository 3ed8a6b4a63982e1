import { toIso } from "../host/clock.ts";
import type { Change } from "../model/approval.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ApprovalStore } from "../store/approvals.ts";

/** Events by which what an approval is about becomes something else. */
const CHANGES: readonly BusEvent["detail-type"][] = ["page.updated", "code.pushed", "change.updated"];
/** Events by which it ends. They are kept apart: what is told of it afterwards does not undo its end. */
const ENDS: readonly BusEvent["detail-type"][] = ["page.trashed", "change.merged", "change.closed"];

/**
 * Records the change that an event reports, so that an approval of what it was before becomes outdated. Without gates
 * nothing is written: no approval can become outdated, and the relay in AWS has no right to write changes.
 */
export async function recordReportedChange(
  busEvent: BusEvent,
  { approvals, hasGates }: { readonly approvals: Pick<ApprovalStore, "recordChange">; readonly hasGates: boolean },
): Promise<void> {
  const change = hasGates ? changeIn(busEvent) : undefined;
  if (change) await approvals.recordChange(change);
}

/** The change that an event reports, if any. A replay reports none: it repeats an earlier event. */
export function changeIn(busEvent: BusEvent): Change | undefined {
  const isChange = [...CHANGES, ...ENDS].includes(busEvent["detail-type"]) && busEvent.detail.replay === undefined;
  return isChange ? stateOf(busEvent) : undefined;
}

/**
 * What a run that an event fires is about. A replay is about the page or branch as it is when it is asked for: whatever
 * comes later makes it another.
 */
export function aboutOf(busEvent: BusEvent, { replay, receivedAt }: RecordedDelivery): Change | undefined {
  const state = stateOf(busEvent);
  return state && replay ? { key: state.key, at: toIso(receivedAt) } : state;
}

/** Whether what a run is about is known to have changed or ended since. */
export async function isOutdated(
  about: Change | undefined,
  approvals: Pick<ApprovalStore, "latestChange">,
): Promise<boolean> {
  if (about === undefined) return false;
  const latest = [about.key, endOf(about.key)].map((key) => approvals.latestChange(key));
  return (await Promise.all(latest)).some((one) => one !== undefined && hasChanged(about, one));
}

/**
 * Whether `latest` is something else and not earlier. A version or commit that is told twice is the same; another at the
 * same time is another, since senders tell whole seconds too.
 */
export function hasChanged(about: Change, latest: Change): boolean {
  if (latest.at < about.at) return false;
  if (latest.at === about.at) return about.mark !== undefined && latest.mark !== about.mark;
  return latest.mark === undefined || latest.mark !== about.mark;
}

const endOf = (key: string): string => `${key}#end`;

function stateOf(busEvent: BusEvent): Change | undefined {
  const state = livingStateOf(busEvent);
  return state && ENDS.includes(busEvent["detail-type"]) ? { key: endOf(state.key), at: state.at } : state;
}

function livingStateOf({ detail }: BusEvent): Change | undefined {
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

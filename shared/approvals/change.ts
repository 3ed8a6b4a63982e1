import type { BusEntry } from "../bus/entry.ts";
import { toIso } from "../host/clock.ts";
import type { Change } from "../store/approvals.ts";
import type { RecordedDelivery } from "../store/deliveries.ts";

/** Events by which what an approval is about becomes something else. */
const CHANGES: readonly BusEntry["detail-type"][] = ["page.updated", "page.trashed", "code.pushed", "change.updated"];

/** The change that an event tells of, if it does. A replay tells of none: it is an earlier one. */
export function changeIn(entry: BusEntry): Change | undefined {
  const isChange = CHANGES.includes(entry["detail-type"]) && entry.detail.replay === undefined;
  return isChange ? stateOf(entry) : undefined;
}

/**
 * What a run that an event fires is about. A replay is about the page or branch as it is when it is asked for: whatever
 * comes later makes it another.
 */
export function aboutOf(entry: BusEntry, { replay, receivedAt }: RecordedDelivery): Change | undefined {
  const state = stateOf(entry);
  return state && replay ? { key: state.key, at: toIso(receivedAt) } : state;
}

/** Whether `latest` is later and something else. A version or commit that is told twice is the same. */
export function hasChanged(about: Change | undefined, latest: Change | undefined): boolean {
  if (about === undefined || latest === undefined || latest.at <= about.at) return false;
  return latest.mark === undefined || latest.mark !== about.mark;
}

function stateOf({ detail }: BusEntry): Change | undefined {
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

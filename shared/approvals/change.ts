import { toIso } from "../host/clock.ts";
import type { Change, KnownChange, RequestedApproval } from "../model/approval.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { isTagged, thingIn } from "../model/subject.ts";
import type { ApprovalStore } from "../store/approvals.ts";

/** Events that report a change even if their sender names no new version or commit. */
const CHANGES: readonly BusEvent["detail-type"][] = [
  "page.updated",
  "page.rewritten",
  "page.published",
  "blogpost.updated",
  "blogpost.rewritten",
  "code.pushed",
  "code.tagged",
  "change.updated",
];
/**
 * Events that report the end of something, or of what an approval depends on. They have a key of their own, so that a
 * later change event does not undo the end.
 */
export const ENDS: readonly BusEvent["detail-type"][] = [
  "page.archived",
  "page.trashed",
  "page.deleted",
  "blogpost.trashed",
  "blogpost.deleted",
  "code.deleted",
  "change.unapproved",
  "change.merged",
  "change.closed",
  "release.deleted",
  // Only of a task inside a run: somebody decided it in the cluster, or it ended there.
  "approval.granted",
  "approval.denied",
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
 * The change that an event reports; undefined if it reports none. Every event that names a version or a commit reports
 * one: if it is the known one, nothing has changed. A replay reports none: it repeats an earlier event.
 */
export function changeIn(busEvent: BusEvent): Change | undefined {
  const { "detail-type": type, detail } = busEvent;
  const change = detail.replay === undefined ? stateOf(busEvent) : undefined;
  const isChange = change?.mark !== undefined || CHANGES.includes(type) || ENDS.includes(type);
  return isChange ? change : undefined;
}

/**
 * The version that a run is about if this event fires it. A replay is about the page or branch as it is when the replay
 * is requested, so any later change makes its approval outdated.
 */
export function aboutOf(
  busEvent: BusEvent,
  { replay, receivedAt }: RecordedDelivery,
): Pick<RequestedApproval, "about" | "alsoAbout"> {
  const state = stateOf(busEvent);
  if (state === undefined) return {};
  const about = replay ? { key: state.key, at: toIso(receivedAt) } : state;
  const alsoAbout = thingIn(busEvent)?.parts;
  return { about, ...(alsoAbout && { alsoAbout }) };
}

/** The same for a run that waits inside: its approval is void too when the task that waits there has ended. */
export function withTask(
  about: Pick<RequestedApproval, "about" | "alsoAbout">,
  busEvent: BusEvent,
): Pick<RequestedApproval, "about" | "alsoAbout"> {
  const task = "approval" in busEvent.detail ? thingIn(busEvent)?.key : undefined;
  if (task === undefined || task === about.about?.key) return about;
  return about.about === undefined
    ? { about: { key: task, at: busEvent.detail.time } }
    : { ...about, alsoAbout: [...(about.alsoAbout ?? []), task] };
}

/** The same for a promotion. What has the name of a tag must still be the promoted commit. No other name counts. */
export function promotedAbout(busEvent: BusEvent): Pick<RequestedApproval, "about" | "alsoAbout"> {
  const state = isTagged(busEvent) ? stateOf(busEvent) : undefined;
  const alsoAbout = thingIn(busEvent)?.parts;
  return state === undefined ? {} : { about: state, ...(alsoAbout && { alsoAbout }) };
}

/** Returns whether the page, branch or change that a run is about is known to have changed or ended since. */
export const isOutdated = async (
  approval: Pick<RequestedApproval, "about" | "alsoAbout">,
  approvals: Pick<ApprovalStore, "latestChange">,
): Promise<boolean> => (await changeSince(approval, approvals)) !== undefined;

/** How the page, branch or change that a run is about is known to have changed or ended since, as a clause. */
export async function changeSince(
  { about, alsoAbout = [] }: Pick<RequestedApproval, "about" | "alsoAbout">,
  approvals: Pick<ApprovalStore, "latestChange">,
): Promise<string | undefined> {
  if (about === undefined) return undefined;
  const found = await Promise.all(
    [about.key, ...alsoAbout].map(async (key) => {
      const [latest, end] = await Promise.all([approvals.latestChange(key), approvals.latestChange(endOf(key))]);
      if (end !== undefined && end.at >= about.at)
        return end.mark ?? `what it is about was closed or removed at ${end.at}`;
      if (latest === undefined) return undefined;
      // Of a part whose commit the event does not report, the first report is no change.
      const isChanged =
        key === about.key || about.mark !== undefined ? hasChanged(about, latest) : cameBack(about, latest);
      return isChanged ? `what it is about ${changeText(latest)}` : undefined;
    }),
  );
  return found.find((change) => change !== undefined);
}

const changeText = ({ mark, at, key }: KnownChange): string => {
  if (mark === undefined) return `changed at ${at}`;
  return `is ${key.startsWith("page#") ? `version ${mark}` : `commit ${mark.slice(0, 12)}`} since ${at}`;
};

/**
 * Returns whether `latest` is a different version and not an earlier one. The same version or commit reported twice is
 * no change, but one that came back after another is. A different one at the same time is a change, because some senders
 * report times in whole seconds.
 */
export function hasChanged(about: Change, latest: KnownChange): boolean {
  if (cameBack(about, latest)) return true;
  if (latest.at < about.at) return false;
  if (latest.at === about.at) return about.mark !== undefined && latest.mark !== about.mark;
  return latest.mark === undefined || latest.mark !== about.mark;
}

/** Whether the newest version is known to have replaced another one since. */
const cameBack = (about: Change, { replacedAt }: KnownChange): boolean =>
  replacedAt !== undefined && replacedAt > about.at;

const endOf = (key: string): string => `${key}#end`;

/**
 * An end has no version: a second end of the same thing is another one. The end of a task inside a run is final, and has a
 * clause that says what ended it.
 */
function stateOf(busEvent: BusEvent): Change | undefined {
  const { detail } = busEvent;
  const { time: at } = detail;
  const thing = thingIn(busEvent);
  if (thing === undefined) return undefined;
  const { key, mark } = thing;
  if ("approval" in detail && ENDS.includes(detail.type)) {
    const how = detail.type === "approval.granted" ? "approved" : "rejected";
    return {
      key: endOf(key),
      at,
      mark: `the task was ${how} in the cluster by ${detail.approval.decidedBy ?? "somebody"}`,
    };
  }
  if (ENDS.includes(busEvent["detail-type"])) return { key: endOf(key), at };
  return { key, at, ...(mark !== undefined && { mark }) };
}

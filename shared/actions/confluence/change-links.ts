import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import type { ChangeEvent } from "../../model/event.ts";
import type { ChangeLinkStore } from "../../store/change-links.ts";
import { remarkOn } from "./linked-pages.ts";
import { addressOf, pageLinksIn } from "./page-address.ts";

interface ChangeInput {
  readonly change: ChangeEvent["change"];
  readonly busEvent: BusEvent;
  readonly site: string;
  readonly changeLinks: Pick<ChangeLinkStore, "record">;
}

/** Links of one description that are stored. */
const MAX_LINKS = 20;

/**
 * Records the pages that a change request links to. GitLab reports a pipeline with the title of its merge request, but not
 * with the description, so the description counts for a pipeline by way of the merge request's own events.
 */
export async function recordChangeLinks({ change, busEvent, site, changeLinks }: ChangeInput): Promise<ActionOutcome> {
  const { source, time, subject } = busEvent.detail;
  const links = pageLinksIn(`${change.title ?? ""}\n${change.description ?? ""}`, site);
  const addresses = links.flatMap((link) => addressOf(link, site) ?? []).slice(0, MAX_LINKS);
  const project = change.targetProject ?? change.project;
  await changeLinks.record({ site, source, project, id: change.id }, addresses.join(" "), time);
  const count = addresses.length;
  const pages = count === 0 ? "no page" : `${count === 1 ? "a page" : `${count} pages`}, which show its runs`;
  const remark = remarkOn(links, []);
  return { outcome: "done", summary: `${subject} links to ${pages}${remark === "" ? "" : `; ${remark}`}` };
}

/** The recorded links of the change that a run is for; empty if it is for none, or if nothing is recorded. */
export async function linksOfChange(
  { detail }: BusEvent,
  { site, changeLinks }: { readonly site: string; readonly changeLinks: Pick<ChangeLinkStore, "find"> },
): Promise<string> {
  const { id, targetProject: project } = ("build" in detail && detail.build.change) || {};
  if (id === undefined || project === undefined) return "";
  return changeLinks.find({ site, source: detail.source, project, id });
}

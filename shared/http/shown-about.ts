import { type BridgeEvent, cut } from "../model/event.ts";
import type { DeliverySummary, RecordedDelivery } from "../model/recorded-delivery.ts";

/** What a delivery is about, in the words of its sender, so that two deliveries of one project differ. */
export interface ShownAbout {
  /** First line of the commit's message, or the title of the change, page or release, or the name of the job. */
  readonly title?: string;
  /** The project, pipeline, space or environment. */
  readonly place?: string;
  /** Branch, tag or version. */
  readonly ref?: string;
  readonly commit?: string;
  readonly person?: string;
}

/** What the first event of a delivery is about. Undefined if it has no event, or one without any of these. */
export function shownAbout(delivery: DeliverySummary | RecordedDelivery): ShownAbout | undefined {
  const [event] = ("events" in delivery && delivery.events) || [];
  if (event === undefined) return undefined;
  const { actor } = event;
  const { title, person = actor?.name ?? actor?.username ?? actor?.id, ...rest } = aboutOf(event);
  const known = Object.entries({ ...rest, person }).filter(([, value]) => value !== undefined && value !== "");
  const about = { ...(title ? { title: cut(firstLine(title), MAX_TITLE) } : {}), ...Object.fromEntries(known) };
  return Object.keys(about).length === 0 ? undefined : about;
}

const MAX_TITLE = 120;

type About = { readonly [Name in keyof ShownAbout]?: string | undefined };

function aboutOf(event: BridgeEvent): About {
  if ("code" in event) {
    const { project, name, commit, commits, message } = event.code;
    return { title: commits.at(-1)?.message ?? message, place: project, ref: name, commit };
  }
  if ("change" in event) {
    const { title, project, number, sourceBranch, commit, author } = event.change;
    return {
      title,
      place: `${project}!${number}`,
      ref: sourceBranch,
      commit,
      ...(event.actor === undefined && { person: author }),
    };
  }
  if ("build" in event) {
    const { title, pipeline, branch, tag, refName, commit, startedBy } = event.build;
    return { title, place: pipeline, ref: branch ?? tag ?? refName, commit, ...(startedBy && { person: startedBy }) };
  }
  if ("job" in event) {
    const { name, pipeline, branch, tag, refName, commit } = event.job;
    return { title: name, place: pipeline, ref: branch ?? tag ?? refName, commit };
  }
  if ("page" in event) {
    const { title, space, version } = event.page;
    return { title, place: space, ref: version === undefined ? undefined : `version ${version}` };
  }
  if ("deployment" in event) {
    const { title, project, environment, commit } = event.deployment;
    return { title, place: project, ref: environment, commit };
  }
  if ("release" in event) {
    const { name, project, tag, commit } = event.release;
    return { title: name, place: project, ref: tag, commit };
  }
  if ("approval" in event) return { title: event.approval.step, place: event.approval.pipeline };
  if ("attachment" in event) return { title: event.attachment.name, place: event.attachment.space };
  return {};
}

const firstLine = (text: string): string => text.trim().split("\n", 1)[0] ?? "";

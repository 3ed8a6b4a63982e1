import type { Reference, Subject } from "./approval.ts";
import type { BusEvent, EventDetail } from "./bus-event.ts";
import type { Promotion } from "./recorded-delivery.ts";

/** The thing that an event is about and that can change. */
interface Thing {
  /** Identifies it within the bridge: the names of two sources do not mix. */
  readonly key: string;
  /** Its version or commit; undefined if the sender reports none. */
  readonly mark: string | undefined;
  /** Keys of things that it consists of. */
  readonly parts?: readonly string[];
}

/** The thing that an event is about and that can change; undefined for a build and other events about one occurrence. */
export function thingIn({ detail }: BusEvent): Thing | undefined {
  const { source } = detail;
  if ("page" in detail) {
    const { site, id, version } = detail.page;
    return { key: `page#${id}#${site}`, mark: version === undefined ? undefined : String(version) };
  }
  if ("code" in detail) {
    const { project, ref, commit } = detail.code;
    return { key: codeKey(source, project, ref), mark: commit };
  }
  if ("change" in detail) {
    const { project, number, commit } = detail.change;
    return { key: `change#${source}#${project}#${number}`, mark: commit };
  }
  if ("release" in detail) {
    const { project, tag, commit } = detail.release;
    return {
      key: `release#${source}#${project}#${tag}`,
      mark: commit,
      parts: [codeKey(source, project, `${TAGS}${tag}`)],
    };
  }
  if ("approval" in detail) {
    const { task } = detail.approval;
    return task === undefined ? undefined : { key: `task#${source}#${task}`, mark: undefined };
  }
  if (!("deployment" in detail)) return undefined;
  const { project, environment, commit, id } = detail.deployment;
  return { key: `deployment#${source}#${project}#${environment}`, mark: commit ?? id };
}

const codeKey = (source: string, project: string, ref: string): string => `code#${source}#${project}#${ref}`;
const TAGS = "refs/tags/";

/**
 * The reference that an approval of a promotion is bound to: what the good run was fired for. A branch, a page or a merge
 * request moves on meanwhile, and that changes nothing. A tag must not: it has to be the promoted commit still.
 */
export function promotedReference(busEvent: BusEvent, { reference: value }: Promotion): Reference {
  const subject = isTagged(busEvent) ? referenceOf(busEvent).subject : undefined;
  return { subject, value, ...(value !== undefined && { mark: value }) };
}

/** Whether an event names its commit by a tag. */
export const isTagged = ({ detail }: BusEvent): boolean =>
  "release" in detail || ("code" in detail && detail.code.ref.startsWith(TAGS));

/** The immutable reference that an approval of this event is bound to, as far as the event reports it. */
export function referenceOf({ "detail-type": type, detail }: BusEvent): Reference {
  const thing = thingOf(detail, type);
  if (thing) return thing;
  if ("build" in detail) return runReference(detail.build);
  return "job" in detail ? runReference(detail.job) : { subject: undefined, value: undefined };
}

function thingOf(detail: EventDetail, type: BusEvent["detail-type"]): Reference | undefined {
  if ("page" in detail) {
    const { site, id, version, kind } = detail.page;
    const isBlogPost = kind === "blogpost" || type.startsWith("blogpost.");
    return {
      subject: { kind: "page", site, id, ...(isBlogPost && { isBlogPost }) },
      value: version === undefined ? undefined : String(version),
    };
  }
  if ("code" in detail) {
    const { project, projectUrl: url, ref, commit: value } = detail.code;
    return { subject: { kind: "code", project, url, ref }, value };
  }
  if ("change" in detail) {
    const { project, url, number, commit, mergeCommit } = detail.change;
    const must = CONDITIONS[type] ?? "be_open";
    const value = must === "be_merged" ? (mergeCommit ?? commit) : commit;
    return { subject: { kind: "change", project, url, number, must }, value };
  }
  if ("release" in detail) {
    const { project, url, tag, commit: value } = detail.release;
    return { subject: { kind: "release", project, url, tag }, value };
  }
  if (!("deployment" in detail)) return undefined;
  const { project, url, environment, commit: value } = detail.deployment;
  return { subject: { kind: "deployment", project, url, environment }, value };
}

const CONDITIONS: Readonly<Record<string, Extract<Subject, { kind: "change" }>["must"]>> = {
  "change.approved": "be_approved",
  "change.merged": "be_merged",
};

/** A run is of one commit and never changes. A target can still be asked whether its branch or tag has that commit. */
function runReference(run: {
  readonly pipeline: string;
  readonly url?: string;
  readonly commit?: string;
  readonly branch?: string;
  readonly tag?: string;
}): Reference {
  const { pipeline: project, url, commit: value, branch, tag } = run;
  const ref = tag === undefined ? branch && `refs/heads/${branch}` : `${TAGS}${tag}`;
  return { subject: ref === undefined ? undefined : { kind: "code", project, url, ref }, value };
}

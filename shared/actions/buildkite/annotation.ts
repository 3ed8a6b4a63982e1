import { withoutHidden } from "../../host/hidden-characters.ts";
import { isTerminal } from "../../model/build-order.ts";
import { type BuildPart, type BuildState, cut } from "../../model/event.ts";
import { type LinkHosts, linkTo } from "../link-hosts.ts";

/**
 * The request to create an annotation:
 * https://buildkite.com/docs/apis/rest-api/annotations#create-an-annotation-on-a-build.
 */
export interface Annotation {
  /** A build has one annotation of each context. A second one with the same context replaces the first. */
  readonly context: string;
  readonly style: "info" | "success" | "warning" | "error";
  readonly body: string;
}

/**
 * Returns the annotation that shows the state of a run. The start and the end of a run have contexts of their own. A
 * start that is reported late therefore never replaces the end, and no annotation has to be read before.
 */
export function annotationOf(build: BuildPart, name: string, linkHosts: LinkHosts): Annotation {
  const phase = isTerminal(build.state) ? "ended" : "started";
  const { text, style } = SHOWN[build.state];
  const shownName = `<strong>${escaped(cut(name, MAX_NAME_LENGTH))}</strong>`;
  const address = linkTo(build.url, linkHosts);
  const linked = address === undefined ? shownName : `<a href="${escaped(address)}">${shownName}</a>`;
  const reason = build.reason === undefined ? "" : `: ${escaped(build.reason)}`;
  return {
    context: `drawbridge ${cut(build.id, MAX_NAME_LENGTH)} ${phase}`,
    style,
    // HTML on one line: Buildkite does not interpret Markdown inside it.
    body: `<p>${linked} ${text}${phase === "ended" ? reason : ""}</p>`,
  };
}

/** UTF-16 code units. */
const MAX_NAME_LENGTH = 200;

const STARTED = { text: "was started", style: "info" } as const;

const SHOWN: Readonly<Record<BuildState, { readonly text: string; readonly style: Annotation["style"] }>> = {
  queued: STARTED,
  running: STARTED,
  waiting: STARTED,
  succeeded: { text: "has succeeded", style: "success" },
  failed: { text: "has failed", style: "error" },
  timed_out: { text: "ran out of time", style: "error" },
  cancelled: { text: "was cancelled", style: "warning" },
  skipped: { text: "was skipped", style: "info" },
};

const escaped = (text: string): string =>
  withoutHidden(text)
    .replace(/\s+/g, " ")
    .replace(/[&<>"'`]/g, (character) => `&#${character.codePointAt(0)};`);

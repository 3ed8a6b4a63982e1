import { namedPrincipal } from "../model/principal.ts";
import type { TimelineEvent } from "../model/timeline.ts";

/** The name of a timeline event in its sort key. An event with the same name replaces the earlier one. */
export function timelineName(timelineEvent: TimelineEvent): string {
  const name = nameOf(timelineEvent);
  return "event" in timelineEvent ? `${name}#${timelineEvent.event}` : name;
}

/** Each grant of several, each emergency grant, and each rule in shadow mode has a line of its own. */
function grantNumber({ state, progress, emergency, rule, at }: Extract<TimelineEvent, { kind: "approval" }>): string {
  if (emergency) return `#emergency#${at}`;
  if (rule) return `#rule#${rule.id}`;
  return state === "partly_granted" ? `#${progress?.grantedBy.length}` : "";
}

function nameOf(timelineEvent: TimelineEvent): string {
  switch (timelineEvent.kind) {
    case "scheduled":
    case "already_scheduled":
      return `scheduled#${timelineEvent.route}`;
    case "waiting":
      return `waiting#${timelineEvent.route}`;
    case "attempt":
      return `attempt#${timelineEvent.route}#${String(timelineEvent.attempt).padStart(4, "0")}`;
    case "run":
      return `run#${timelineEvent.route}#${timelineEvent.state}`;
    case "cancel":
      return `cancel#${timelineEvent.route}#${timelineEvent.state}`;
    case "cut":
      return `cut#${timelineEvent.route}`;
    case "denied":
      return `denied#${timelineEvent.route}`;
    case "approval":
      return `approval#${timelineEvent.route}#${timelineEvent.state}${grantNumber(timelineEvent)}`;
    case "decided":
      return `decided#${timelineEvent.about}`;
    case "replayed":
      return `replayed#${timelineEvent.delivery}`;
    case "ignored":
      return `ignored#${timelineEvent.reason}`;
    case "token_exchanged":
      return `token_exchanged#${timelineEvent.upstream}#${timelineEvent.scope}#${namedPrincipal(timelineEvent.by).id}`;
    case "followed_by":
      return `followed_by#${timelineEvent.delivery}`;
  }
}

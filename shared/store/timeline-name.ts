import type { TimelineEvent } from "../model/timeline.ts";

/** The name of a timeline event in its sort key. An event with the same name replaces the earlier one. */
export function timelineName(timelineEvent: TimelineEvent): string {
  const name = nameOf(timelineEvent);
  return "event" in timelineEvent ? `${name}#${timelineEvent.event}` : name;
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
    case "cut":
      return `cut#${timelineEvent.route}`;
    case "denied":
      return `denied#${timelineEvent.route}`;
    case "approval":
      return `approval#${timelineEvent.route}#${timelineEvent.state}`;
    case "decided":
      return `decided#${timelineEvent.about}`;
    case "replayed":
      return `replayed#${timelineEvent.delivery}`;
    case "ignored":
      return `ignored#${timelineEvent.reason}`;
    case "followed_by":
      return `followed_by#${timelineEvent.delivery}`;
  }
}

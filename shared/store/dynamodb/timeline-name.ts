import type { TimelineEntry } from "../../model/timeline.ts";

/** What makes a timeline entry the same entry. */
export function timelineName(entry: TimelineEntry): string {
  switch (entry.kind) {
    case "scheduled":
    case "already_scheduled":
      return `scheduled#${entry.route}`;
    case "waiting":
      return `waiting#${entry.route}`;
    case "attempt":
      return `attempt#${entry.route}#${String(entry.attempt).padStart(4, "0")}`;
    case "denied":
      return `denied#${entry.route}`;
    case "approval":
      return `approval#${entry.route}#${entry.state}`;
    case "decided":
      return `decided#${entry.about}`;
    case "replayed":
      return `replayed#${entry.delivery}`;
    case "ignored":
      return `ignored#${entry.reason}`;
    case "followed_by":
      return `followed_by#${entry.delivery}`;
  }
}

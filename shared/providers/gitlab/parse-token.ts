import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, line, optional, present, readerOf, wholeNumber } from "../payload.ts";
import { isoTime } from "../time.ts";

const tokenBody = v.object({
  event_name: optional(identifier),
  object_attributes: v.object({
    id: wholeNumber,
    name: optional(line),
    /** A deploy token has a time. An access token has a day, at whose beginning in UTC it becomes invalid. */
    expires_at: v.pipe(
      v.string(),
      v.transform((text) => isoTime(text) ?? isoTime(`${text}T00:00:00Z`)),
      v.string(),
    ),
  }),
  project: optional(v.object({ id: wholeNumber, path_with_namespace: identifier })),
  group: optional(
    v.object({ group_id: wholeNumber, full_path: optional(identifier), group_path: optional(identifier) }),
  ),
});

/** A token of a project or group that expires soon. GitLab reports it several times, weeks and days before. */
export const token = readerOf(tokenBody, (body, { kind, receivedAt }): Reading => {
  const { event_name, project, group } = body;
  if (!event_name?.startsWith("expiring_")) return { outcome: "ignored", kind: `${kind}.${event_name ?? "unknown"}` };
  const { id, name, expires_at: expiresAt } = body.object_attributes;
  // Before 17.4, only the last part of a group's path is reported.
  const owner = project?.path_with_namespace ?? group?.full_path ?? group?.group_path ?? undefined;
  return {
    outcome: "event",
    events: [
      {
        type: "token.expiring",
        keyParts: [kind, project ? "project" : "group", project?.id ?? group?.group_id ?? "", id, expiresAt].map(
          String,
        ),
        time: toIso(receivedAt),
        undated: true,
        subject: `${owner ?? "gitlab"} token ${name || id}`,
        token: present({ system: "gitlab", id: String(id), name, owner, expiresAt }),
      },
    ],
  };
});

import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import { identifier, line, link, moment, optional, present, readerOf } from "../payload.ts";
import { tags } from "./parts.ts";

/**
 * https://buildkite.com/docs/apis/webhooks/pipelines/agent-events. Not read: the agent's host name and address, and
 * its `creator`, who made the token and did not cause the event.
 */
const agentBody = v.object({
  agent: v.object({
    id: identifier,
    name: optional(line),
    web_url: optional(link),
    meta_data: tags,
    lost_at: optional(moment),
  }),
});

/**
 * An agent stopped answering. It may come back with its id and be lost again. Only partner events have `lost_at`, so the
 * webhook's event has no instant.
 */
export const agentLost = readerOf(agentBody, ({ agent }, { kind, receivedAt }) => {
  const { id, name, web_url, meta_data, lost_at } = agent;
  return {
    outcome: "event",
    events: [
      present({
        type: "agent.lost",
        keyParts: [kind, id, lost_at ?? ""],
        time: lost_at ?? toIso(receivedAt),
        undated: lost_at ? undefined : true,
        subject: name ?? id,
        agent: present({ system: "buildkite", id, name, tags: meta_data, url: web_url }),
      }),
    ],
  };
});

import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import { isTerminal } from "../../model/build-order.ts";
import { type BuildEvent, type BuildState, cut, EVENT_LIMITS } from "../../model/event.ts";
import { present, type Reader, readerOf } from "../payload.ts";
import { actorOf, type Build, build, commitOf, pipeline, pipelineName } from "./parts.ts";

const buildBody = v.object({ build, pipeline });

export const scheduled = buildReader(({ scheduled_at, created_at }) => ({
  state: "queued",
  time: scheduled_at ?? created_at,
}));

export const running = buildReader(({ started_at }) => ({ state: "running", time: started_at }));

/** The first hard failure; the build goes on. */
export const failing = buildReader(({ failing_at }) => ({ state: "running", time: failing_at, reason: "failing" }));

export const skipped = buildReader(({ finished_at }) => ({ state: "skipped", time: finished_at }));

/**
 * Buildkite reports a build that waits at a block step as finished, in the state that it would end in. `blocked` means
 * that it has not ended (https://buildkite.com/docs/pipelines/configure/step-types/block-step).
 */
export const finished = buildReader((reported) => {
  const state = reported.blocked ? "waiting" : ENDS.get(reported.state);
  return state && { state, time: reported.finished_at };
});

/**
 * Build states that a body may have by the time it is sent. A build in any other state runs again and has not ended.
 */
const ENDS: ReadonlyMap<string, BuildState> = new Map([
  ["passed", "succeeded"],
  ["failed", "failed"],
  ["failing", "failed"],
  ["waiting_failed", "failed"],
  ["blocked", "waiting"],
  ["canceled", "cancelled"],
  ["canceling", "cancelled"],
  ["skipped", "skipped"],
  ["not_run", "skipped"],
]);

interface StateChange {
  readonly state: BuildState;
  readonly time: string | null | undefined;
  readonly reason?: string;
}

function buildReader(changeOf: (reported: Build) => StateChange | undefined): Reader {
  return readerOf(buildBody, (body, { kind, receivedAt }) => {
    const reported = body.build;
    const change = changeOf(reported);
    if (!change) return { outcome: "ignored", kind: `${kind} in state ${reported.state}` };
    const { state, time, reason } = change;
    const name = pipelineName(body);
    const event: BuildEvent = present({
      type: `build.${state}`,
      // A build finishes and runs again after every block step and every retry.
      keyParts: [
        kind,
        reported.id,
        reported.state,
        String(reported.blocked),
        reported.finished_at ?? reported.started_at ?? "",
      ],
      time: time ?? toIso(receivedAt),
      subject: `${name}#${reported.number}`,
      actor: actorOf(reported.creator),
      build: present({
        system: "buildkite",
        id: reported.id,
        number: reported.number,
        pipeline: name,
        state,
        url: reported.web_url,
        commit: commitOf(reported),
        title: reported.message && cut(reported.message.split("\n", 1).join(), EVENT_LIMITS.title),
        message: reported.message && cut(reported.message, EVENT_LIMITS.text),
        branch: reported.branch,
        createdAt: reported.created_at,
        startedAt: reported.started_at,
        finishedAt: isTerminal(state) ? reported.finished_at : undefined,
        startedBy: reported.creator?.name,
        reason,
      }),
    });
    return { outcome: "event", events: [event] };
  });
}

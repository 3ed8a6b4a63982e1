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
 * A build that waits at a block step is told as finished, in the state it would end in: `blocked` says that it is not over
 * (https://buildkite.com/docs/pipelines/configure/step-types/block-step).
 */
export const finished = buildReader((told) => {
  const state = told.blocked ? "waiting" : ENDS.get(told.state);
  return state && { state, time: told.finished_at };
});

/** Build states that a body may show by the time it is sent; those of a build that runs again are no end. */
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

interface Happened {
  readonly state: BuildState;
  readonly time: string | null | undefined;
  readonly reason?: string;
}

function buildReader(happened: (told: Build) => Happened | undefined): Reader {
  return readerOf(buildBody, (body, { kind, receivedAt }) => {
    const told = body.build;
    const now = happened(told);
    if (!now) return { outcome: "ignored", kind: `${kind} in state ${told.state}` };
    const { state, time, reason } = now;
    const name = pipelineName(body);
    const event: BuildEvent = present({
      type: `build.${state}`,
      // A build finishes and runs again after every block step and every retry.
      keyParts: [kind, told.id, told.state, String(told.blocked), told.finished_at ?? told.started_at ?? ""],
      time: time ?? toIso(receivedAt),
      subject: `${name}#${told.number}`,
      actor: actorOf(told.creator),
      build: present({
        system: "buildkite",
        id: told.id,
        number: told.number,
        pipeline: name,
        state,
        url: told.web_url,
        commit: commitOf(told),
        title: told.message && cut(told.message.split("\n", 1).join(), EVENT_LIMITS.title),
        message: told.message && cut(told.message, EVENT_LIMITS.text),
        branch: told.branch,
        createdAt: told.created_at,
        startedAt: told.started_at,
        finishedAt: isTerminal(state) ? told.finished_at : undefined,
        startedBy: told.creator?.name,
        reason,
      }),
    });
    return { outcome: "event", event };
  });
}

import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import { isTerminal } from "../../model/build-order.ts";
import type { BuildEvent, BuildLink, BuildState } from "../../model/event.ts";
import { present, type Reader, readerOf, textsOf } from "../payload.ts";
import { actorOf, type Build, type BuildBody, build, commitOf, pipeline, pipelineName, refOf } from "./parts.ts";

const buildBody = v.object({ build, pipeline });

export const scheduled = buildReader(({ scheduled_at, created_at }) => ({
  state: "queued",
  time: scheduled_at ?? created_at,
}));

/** A build that continues has the times of its first start and of its last stop. */
export const running = buildReader(({ started_at, finished_at }) => ({
  state: "running",
  time: finished_at ? undefined : started_at,
}));

/** The first hard failure; the build goes on. */
export const failing = buildReader(({ failing_at }) => ({ state: "running", time: failing_at, reason: "failing" }));

export const skipped = buildReader(({ finished_at }) => ({ state: "skipped", time: finished_at }));

/**
 * Buildkite reports a build that waits at a block step as finished, in the state that it would end in. `blocked` means
 * that it has not ended (https://buildkite.com/docs/pipelines/configure/step-types/block-step).
 */
export const finished = buildReader((reported) => {
  const end = ENDS.get(reported.state);
  // A build that was cancelled at its block step still has the mark.
  const state = reported.blocked && end !== "cancelled" && end !== "skipped" ? "waiting" : end;
  return (
    state && { state, time: reported.finished_at, reason: end === "cancelled" ? reported.cancel_reason : undefined }
  );
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
  readonly reason?: string | null | undefined;
}

function buildReader(changeOf: (reported: Build) => StateChange | undefined): Reader {
  return readerOf(buildBody, (sent, { kind, receivedAt }) => {
    const body = kind === "build.finished" || kind === "build.skipped" ? sent : withoutLaterStop(sent);
    const reported = body.build;
    const change = changeOf(reported);
    if (!change) return { outcome: "ignored", kind: `${kind} in state ${reported.state}` };
    const { finished_at } = reported;
    const keyParts =
      kind === "build.running" && finished_at
        ? continuedKey(reported, finished_at)
        : [kind, reported.id, reported.state, String(reported.blocked), roundOf(change.state, reported)];
    return {
      outcome: "event",
      events: [buildEventOf(body, { ...change, time: change.time ?? toIso(receivedAt) }, keyParts)],
    };
  });
}

/** A build that has stopped by the time that an earlier state of it is sent has the time of the later stop. */
function withoutLaterStop(body: BuildBody): BuildBody {
  const { state, blocked, finished_at, ...rest } = body.build;
  return blocked || STOPPED.has(state) ? { ...body, build: { ...rest, state, blocked } } : body;
}

const STOPPED: ReadonlySet<string> = new Set([
  "passed",
  "failed",
  "waiting_failed",
  "blocked",
  "canceled",
  "skipped",
  "not_run",
]);

/** The event of a build that continues at `time`, as a job reports it: an unblocked step, or a retried job that starts. */
export function continuedBuild(body: BuildBody, time: string): BuildEvent {
  const { build } = body;
  const keyParts = continuedKey(build, build.finished_at ?? time);
  return buildEventOf({ ...body, build: { ...build, finished_at: time } }, { state: "running", time }, keyParts);
}

/** A build continues once after each stop, however many jobs and steps report it. */
const continuedKey = ({ id }: Build, stoppedAt: string): readonly string[] => ["build.running", id, "after", stoppedAt];

function buildEventOf(
  body: BuildBody,
  { state, time, reason }: StateChange & { readonly time: string },
  keyParts: readonly string[],
): BuildEvent {
  const reported = body.build;
  const name = pipelineName(body);
  return present({
    type: `build.${state}`,
    keyParts,
    time,
    subject: `${name}#${reported.number}`,
    actor: actorOf(reported.creator),
    build: present({
      system: "buildkite",
      id: reported.id,
      number: reported.number,
      pipeline: name,
      pipelineId: body.pipeline.id,
      state,
      round: roundOf(state, reported),
      url: reported.web_url,
      commit: commitOf(reported),
      ...textsOf(reported.message),
      ...refOf(body),
      createdAt: reported.created_at,
      startedAt: reported.started_at,
      finishedAt: isTerminal(state) ? reported.finished_at : undefined,
      startedBy: starterOf(reported),
      reason,
      parent: parentOf(body),
      rebuiltFrom: linkOf({ id: reported.rebuilt_from?.id, number: reported.rebuilt_from?.number }),
    }),
  });
}

/** The author of the commit stands for a creator whom the build does not have, not for one without a readable name. */
function starterOf({ creator, author }: Build): string | null | undefined {
  return creator?.name ?? (creator?.id ? undefined : (author?.name ?? author?.username));
}

/** The build whose trigger step started this one. It is a build of the same organization. */
function parentOf(body: BuildBody): BuildLink | undefined {
  const { build_id: id, build_number: number, build_pipeline_slug: slug } = body.build.triggered_from ?? {};
  return linkOf({ id, number, pipeline: slug && pipelineName(body, slug) });
}

function linkOf(members: Parameters<typeof present>[0]): BuildLink | undefined {
  const link = present(members);
  return Object.keys(link).length === 0 ? undefined : link;
}

/**
 * The position of a report among all reports of its build. A build finishes, in Buildkite's words, at each block step and
 * at each end, and `finished_at` is then the time of that. A build that has this time and goes on is past it. The other
 * times of a build are earlier than its next stop.
 */
function roundOf(state: BuildState, { created_at, scheduled_at, started_at, failing_at, finished_at }: Build): string {
  if (finished_at && (state === "waiting" || isTerminal(state))) return `${finished_at}.0`;
  const times = [created_at, scheduled_at, started_at, failing_at, finished_at];
  return `${times
    .flatMap((time) => time ?? [])
    .sort()
    .at(-1)}.1`;
}

import { type EpochMillis, epochMillis, laterBy, toIso } from "../../shared/host/clock.ts";
import type { DeliveryOutcome, RouteOutcome } from "../../shared/model/delivery-state.ts";
import type { BridgeEvent, BuildState } from "../../shared/model/event.ts";
import { deliveryIdOf, eventKeyOf } from "../../shared/model/idempotency-keys.ts";
import { type Principal, sourcePrincipal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { AcceptedRun, ThreadDelivery } from "../../shared/model/thread/span.ts";
import type { TimelineEvent } from "../../shared/model/timeline.ts";

const STORY_START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
/** Seconds after the page edit. */
export const at = (seconds: number): EpochMillis => laterBy(STORY_START, seconds * 1_000);

const deliveryId = (name: string): string => deliveryIdOf("story", [name]);
export const EDIT = deliveryId("edit");

const olga: Principal = {
  issuer: "https://login.example.test",
  subject: "olga@example.test",
  method: "oidc",
  credential: "k1",
  trustEntry: "people",
  roles: ["approver"],
  claims: { name: "Olga Petrova" },
};

interface Told {
  readonly name: string;
  readonly source: string;
  readonly seconds: number;
  readonly event: BridgeEvent;
  readonly lines?: readonly TimelineEvent[];
  readonly routes?: readonly RouteOutcome[];
  readonly runs?: readonly AcceptedRun[];
  readonly cause?: string;
  readonly changes?: Partial<RecordedDelivery>;
}

/** A delivery of an event that was received this many seconds after the page edit. */
export function told(one: Told): ThreadDelivery {
  const { name, source, seconds, event, lines = [], routes = [], runs = [], cause, changes = {} } = one;
  const receivedAt = at(seconds);
  const [worst] = routes;
  const outcome: DeliveryOutcome = { state: worst?.state ?? "no_route", since: worst?.since ?? receivedAt, routes };
  return {
    delivery: {
      id: deliveryId(name),
      source,
      provider: source,
      principal: sourcePrincipal(source, source === "wiki" ? "hub-signature" : "basic", "current"),
      receivedAt,
      requestId: "00000000-0000-4000-8000-000000000001",
      bodyDigest: "0".repeat(64),
      bodyBytes: 400,
      outcome: "event",
      what: event.type,
      subject: event.subject,
      events: [event],
      relayedAt: laterBy(receivedAt, 12),
      ...changes,
    },
    timeline: lines,
    outcome,
    runs,
    ...(cause !== undefined && { cause: { delivery: deliveryId(cause), proof: "proved" as const } }),
  };
}

const about = (route: string, action: string) => ({ route, action });

/** The lines of a status route that wrote one version of the page. */
function pageWrite(seconds: number, version: number, failures = 0) {
  const route = about("status", "confluence");
  const tries = Array.from(
    { length: failures },
    (_, index): TimelineEvent => ({
      ...route,
      kind: "attempt",
      at: at(seconds + 1 + index * 4),
      attempt: index + 1,
      outcome: "retry",
      summary: "the site answered 503",
      durationMs: 310,
      nextAt: at(seconds + 4 + index * 4),
    }),
  );
  const end = at(seconds + 1.4 + failures * 4);
  const lines: TimelineEvent[] = [
    { ...route, kind: "scheduled", at: at(seconds + 0.02) },
    ...tries,
    {
      ...route,
      kind: "attempt",
      at: end,
      attempt: failures + 1,
      outcome: "done",
      summary: "the page shows the state",
      durationMs: 420,
      facts: { "page 98310": `version ${version}` },
    },
  ];
  return { lines, routes: [{ route: "status", target: "pages", state: "ran" as const, since: end }] };
}

export interface RunStory {
  readonly route: string;
  readonly pipeline: string;
  readonly created: number;
  readonly started: number;
  readonly finished: number;
  readonly cause: string;
  readonly source?: string;
  /** By how many seconds the sender's clock is ahead. */
  readonly ahead?: number;
}

const runSubject = ({ route, pipeline, cause }: RunStory): string =>
  `${pipeline.split("/")[0]}/${route}-${eventKeyOf("story", route, [cause])}`;

/** A state of a run, as the cluster reports it. */
export function report(run: RunStory, state: BuildState, more: Partial<Told> = {}): ThreadDelivery {
  const { pipeline, created, started, finished, cause, source = "cluster", ahead = 0 } = run;
  const isEnd = state !== "queued" && state !== "running";
  const times: Partial<Record<BuildState, number>> = { queued: created, running: started };
  const seconds = times[state] ?? finished;
  const iso = (time: number): string => toIso(at(time + ahead));
  return told({
    name: `${pipeline} ${state}`,
    source,
    seconds: seconds + 0.3,
    cause,
    event: {
      type: `build.${state}`,
      keyParts: [pipeline, state],
      time: iso(seconds),
      subject: runSubject(run),
      build: {
        system: "tekton",
        id: `uid-${pipeline}`,
        pipeline,
        state,
        createdAt: iso(created),
        ...(state !== "queued" && { startedAt: iso(started) }),
        ...(isEnd && { finishedAt: iso(finished) }),
        url: `https://tekton.example.test/#/runs/${pipeline}`,
      },
      origin: { delivery: deliveryId(cause) },
    },
    ...more,
  });
}

/** The end of a task of a run. */
export function task(
  run: RunStory,
  name: string,
  { from, to, state = "succeeded", again = false }: { from: number; to: number; state?: BuildState; again?: boolean },
): ThreadDelivery {
  const { pipeline, ahead = 0, source = "cluster" } = run;
  const iso = (time: number): string => toIso(at(time + ahead));
  return told({
    name: `${pipeline} ${name} ${from}`,
    source,
    seconds: to + 0.4,
    event: {
      type: `job.${state}`,
      keyParts: [pipeline, name, String(from)],
      time: iso(to),
      subject: `${pipeline}/${name}`,
      job: {
        system: "tekton",
        id: `uid-${pipeline}-${name}-${from}`,
        name,
        state,
        build: `uid-${pipeline}`,
        pipeline,
        startedAt: iso(from),
        finishedAt: iso(to),
        ...(state === "failed" && { reason: "exit code 1: 2 links are broken" }),
        ...(again && { retried: true }),
      },
    },
  });
}

const BUILD: RunStory = {
  route: "page-build",
  pipeline: "ci/docs-build",
  created: 21.2,
  started: 33,
  finished: 214,
  cause: "edit",
};
const DEPLOY: RunStory = {
  route: "docs-deploy",
  pipeline: "prod/docs-deploy",
  created: 2_659,
  started: 2_661,
  finished: 2_705,
  cause: "ci/docs-build succeeded",
};
const APPROVAL = "p-story";

/**
 * A page edit, a build with tasks of which one failed and was run again, an approval that took 40 minutes, a deployment, and
 * the versions of the page that show all of it.
 */
export function story(): readonly ThreadDelivery[] {
  const fire = about("page-build", "tekton");
  const deploy = about("docs-deploy", "tekton");
  const asked = 216;
  const granted = 2_657;
  const edit = told({
    name: "edit",
    source: "wiki",
    seconds: 0,
    event: {
      type: "page.updated",
      keyParts: ["98310", "12"],
      time: toIso(at(-0.4)),
      subject: "98310",
      actor: { id: "ff80aa01", name: "Ines Okafor" },
      page: {
        site: "https://wiki.example.test",
        id: "98310",
        version: 12,
        title: "Install guide",
        url: "https://wiki.example.test/pages/viewpage.action?pageId=98310",
      },
    },
    lines: [
      { ...fire, kind: "scheduled", at: at(0.02) },
      {
        ...fire,
        kind: "attempt",
        at: at(0.06),
        attempt: 1,
        outcome: "retry",
        summary: "target_unreachable: connection refused",
        durationMs: 30,
        nextAt: at(20),
      },
      {
        ...fire,
        kind: "attempt",
        at: at(20.1),
        attempt: 2,
        outcome: "accepted",
        summary: "accepted by the listener",
        durationMs: 85,
        facts: { eventID: "0f9c" },
      },
    ],
    routes: [{ route: "page-build", target: "ci-cluster", state: "ran", since: at(21) }],
    runs: [
      {
        route: "page-build",
        acceptedAt: at(20.1),
        reportedAt: at(21.5),
        reportedBy: deliveryId("ci/docs-build queued"),
      },
    ],
  });
  const done = pageWrite(214.4, 15);
  const succeeded = report(BUILD, "succeeded", {
    lines: [
      ...done.lines,
      { ...deploy, kind: "scheduled", at: at(214.4) },
      { ...deploy, kind: "approval", at: at(asked), approval: APPROVAL, state: "requested" },
      {
        ...deploy,
        kind: "waiting",
        at: at(asked),
        summary: `needs approval ${APPROVAL} by approver`,
        waitsFor: "approver",
      },
      {
        ...deploy,
        kind: "approval",
        at: at(granted),
        approval: APPROVAL,
        state: "granted",
        by: olga,
        comment: "checked the links by hand",
      },
      { ...deploy, kind: "approval", at: at(granted + 0.5), approval: APPROVAL, state: "fired", by: olga },
      {
        ...deploy,
        kind: "attempt",
        at: at(granted + 0.6),
        attempt: 1,
        outcome: "accepted",
        summary: "accepted by the listener",
        durationMs: 90,
      },
    ],
    routes: [{ route: "docs-deploy", target: "prod-cluster", state: "ran", since: at(2_660) }, ...done.routes],
    runs: [{ route: "docs-deploy", acceptedAt: at(granted + 0.6), reportedAt: at(2_659.3) }],
  });
  return [
    edit,
    report(BUILD, "queued", pageWrite(21.5, 13)),
    report(BUILD, "running", pageWrite(33.3, 14)),
    task(BUILD, "clone", { from: 33, to: 39 }),
    task(BUILD, "build", { from: 39, to: 96 }),
    task(BUILD, "check-links", { from: 96, to: 140, state: "failed", again: true }),
    task(BUILD, "check-links", { from: 142, to: 190 }),
    task(BUILD, "publish", { from: 190, to: 213 }),
    succeeded,
    report(DEPLOY, "queued"),
    report(DEPLOY, "running", pageWrite(2_661.3, 16)),
    task(DEPLOY, "deploy", { from: 2_661, to: 2_703 }),
    report(DEPLOY, "succeeded", pageWrite(2_705.3, 17, 1)),
  ];
}

import type { BuildState } from "../../shared/model/event.ts";

/** One report that a sender makes of a run, as the body of its webhook. */
export interface Report {
  readonly kind: string;
  readonly body: object;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What the sender's own page shows of a run. */
export interface OwnPage {
  readonly state: BuildState;
  /** The last end, if the run goes on after it. */
  readonly lastEnd: BuildState | undefined;
}

export interface Life {
  readonly reports: readonly Report[];
  readonly ownPage: OwnPage;
}

const START = Date.UTC(2026, 10, 2, 9);
const MINUTE_MS = 60_000;
const iso = (at: number): string => new Date(at).toISOString();

/** `limited`: the job waits until its resource group is free. */
export type JobKind = "automatic" | "manual" | "limited";

interface Job {
  readonly id: number;
  readonly kind: JobKind;
  readonly status:
    | "created"
    | "manual"
    | "waiting_for_resource"
    | "pending"
    | "running"
    | "success"
    | "failed"
    | "canceled";
  readonly startedAt?: string | undefined;
}

/**
 * The life of a GitLab pipeline with one job of each kind after the other. Each number of `steps` chooses one of
 * the things that can happen next.
 */
export function gitlabLife(run: number, kinds: readonly JobKind[], steps: readonly number[]): Life {
  const id = 500 + run;
  const createdAt = START + run * 1_000;
  let nextJob = run * 1_000;
  let jobs: readonly Job[] = kinds.map((kind) => ({ id: nextJob++, kind, status: "created" }));
  let finishedAt: number | undefined;
  let lastEnd: BuildState | undefined;
  let at = createdAt;
  let status = "";
  const reports: Report[] = [];

  const report = (): void => {
    const next = statusOf(jobs);
    if (next === status) return;
    status = next;
    if (next in GITLAB_ENDS) {
      finishedAt = at;
      lastEnd = GITLAB_ENDS[next];
    }
    reports.push({
      kind: "pipeline",
      at,
      body: {
        object_attributes: {
          id,
          iid: run,
          ref: "main",
          status,
          created_at: iso(createdAt),
          finished_at: finishedAt === undefined ? null : iso(finishedAt),
        },
        project: { id: 15, path_with_namespace: "platform/docs" },
        builds: jobs.map((job) => ({
          id: job.id,
          status: job.status,
          manual: job.kind === "manual",
          when: job.kind === "manual" ? "manual" : "on_success",
          started_at: job.startedAt ?? null,
        })),
      },
    });
  };
  const change = (job: Job, changes: Partial<Job>): void => {
    jobs = jobs.map((one) => (one === job ? { ...one, ...changes } : one));
  };

  report();
  for (const step of steps) {
    at += MINUTE_MS;
    jobs = queued(jobs);
    const choices = jobs.flatMap((job): readonly (() => void)[] => {
      switch (job.status) {
        case "manual":
        case "waiting_for_resource":
          return [() => change(job, { status: "pending" }), () => cancel()];
        case "pending":
          return [() => change(job, { status: "running", startedAt: iso(at) })];
        case "running":
          return [
            () => change(job, { status: "success" }),
            () => change(job, { status: "failed" }),
            () => change(job, { status: "success" }),
            () => cancel(),
          ];
        case "failed":
        case "canceled":
          return [() => change(job, { id: nextJob++, kind: "automatic", status: "pending", startedAt: undefined })];
        default:
          return [];
      }
    });
    const cancel = (): void => {
      for (const job of jobs) if (!["success", "failed"].includes(job.status)) change(job, { status: "canceled" });
    };
    choices[step % Math.max(1, choices.length)]?.();
    jobs = queued(jobs);
    report();
  }
  const state = GITLAB_STATES[status] ?? "queued";
  return { reports, ownPage: { state, lastEnd: status in GITLAB_ENDS ? undefined : lastEnd } };
}

const STARTS = { automatic: "pending", manual: "manual", limited: "waiting_for_resource" } as const;

/** A job is queued, or waits, once all before it have succeeded. */
function queued(jobs: readonly Job[]): readonly Job[] {
  const at = jobs.findIndex(({ status }) => status !== "success");
  return jobs.map((job, index) =>
    index === at && job.status === "created" ? { ...job, status: STARTS[job.kind] } : job,
  );
}

function statusOf(jobs: readonly Job[]): string {
  const has = (...statuses: readonly Job["status"][]) => jobs.some(({ status }) => statuses.includes(status));
  if (has("running")) return "running";
  if (has("pending")) return has("success", "failed", "canceled") ? "running" : "pending";
  if (has("waiting_for_resource")) return "waiting_for_resource";
  if (has("canceled")) return "canceled";
  if (has("failed")) return "failed";
  if (has("manual")) return "manual";
  return has("created") ? "created" : "success";
}

const GITLAB_ENDS: Readonly<Record<string, BuildState>> = {
  success: "succeeded",
  failed: "failed",
  canceled: "cancelled",
};
const GITLAB_STATES: Readonly<Record<string, BuildState>> = {
  ...GITLAB_ENDS,
  created: "queued",
  waiting_for_resource: "queued",
  pending: "queued",
  running: "running",
  manual: "waiting",
};

/**
 * The life of a Buildkite build. `keepsEnd`: a build that runs again is reported with the time of its last stop. If not,
 * the report equals that of its first start.
 */
export function buildkiteLife(run: number, keepsEnd: boolean, steps: readonly number[]): Life {
  const id = `0193b7a9-0000-4000-8000-${String(run).padStart(12, "0")}`;
  const createdAt = START + run * 1_000;
  let at = createdAt;
  let startedAt: number | undefined;
  let stoppedAt: number | undefined;
  let state: BuildState = "queued";
  let lastEnd: BuildState | undefined;
  const reports: Report[] = [];
  const time = (value: number | undefined) => (value === undefined ? null : iso(value));
  const address = "https://api.buildkite.com/v2/organizations/harbour/pipelines/docs";
  const report = (kind: string, changes: object, job?: object): void => {
    const build = {
      id,
      number: run,
      url: `${address}/builds/${run}`,
      branch: "main",
      blocked: false,
      created_at: iso(createdAt),
      scheduled_at: iso(createdAt),
      started_at: time(startedAt),
      finished_at: time(stoppedAt),
      ...changes,
    };
    reports.push({ kind, at, body: { build, pipeline: { slug: "docs" }, ...(job && { job }) } });
  };
  const runsAgain = (): void => report("build.running", { state: "running", ...(!keepsEnd && { finished_at: null }) });
  const stops = (next: BuildState, changes: object): void => {
    stoppedAt = at;
    state = next;
    if (next !== "waiting") lastEnd = next;
    report("build.finished", changes);
  };
  report("build.scheduled", { state: "scheduled" });
  for (const step of steps) {
    at += MINUTE_MS;
    if (state === "queued") {
      startedAt = at;
      state = "running";
      report("build.running", { state: "running" });
    } else if (state === "running") {
      const choices = [
        () => stops("waiting", { state: "passed", blocked: true }),
        () => stops("succeeded", { state: "passed" }),
        () => stops("failed", { state: "failed" }),
        () => stops("cancelled", { state: "canceled" }),
      ];
      choices[step % choices.length]?.();
    } else if (state === "waiting" && step % 3 === 0) {
      stops("cancelled", { state: "canceled", blocked: true });
    } else if (state === "waiting") {
      state = "running";
      report(
        "job.activated",
        { state: "passed" },
        { id: `gate-${at}`, type: "manual", state: "unblocked", unblocked_at: iso(at) },
      );
      at += 1_000;
      runsAgain();
    } else {
      state = "running";
      const job = {
        id: `job-${at}`,
        type: "script",
        state: "running",
        retry_type: "manual",
        retries_count: 1,
        started_at: iso(at),
      };
      report("job.started", { state: "running", ...(!keepsEnd && { finished_at: null }) }, job);
      at += 1_000;
      runsAgain();
    }
  }
  const hasEnded = !["queued", "running", "waiting"].includes(state);
  return { reports, ownPage: { state, lastEnd: hasEnded ? undefined : lastEnd } };
}

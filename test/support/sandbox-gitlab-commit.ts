/** A status as GitLab stores it: a job of kind `GenericCommitStatus`. */
export interface SandboxStatus {
  readonly id: number;
  readonly name: string;
  readonly ref: string;
  readonly sha: string;
  readonly state: string;
  readonly description: string;
  readonly targetUrl: string | undefined;
  /** The pipeline that it is part of. */
  readonly pipeline: number;
}

export interface SandboxHook {
  readonly event: "Pipeline Hook" | "Job Hook";
  readonly body: object;
}

export interface Rejection {
  readonly message: string | Readonly<Record<string, readonly string[]>>;
  /** Default: 400. */
  readonly status?: 404;
}

/** What GitLab runs a pipeline for. */
export interface PipelineSeed {
  readonly source: string;
  readonly ref: string;
  /** Default: the commit that the ref has. */
  readonly sha?: string;
}

interface Pipeline {
  readonly id: number;
  readonly source: string;
  readonly ref: string;
  readonly sha: string;
  status: string;
}

interface NewStatus {
  readonly state: string;
  readonly name: string;
  readonly ref?: string | undefined;
  readonly pipeline_id?: number | undefined;
  readonly description?: string | undefined;
  readonly target_url?: string | undefined;
}

/** `dangling_sources` of GitLab's `Enums::Ci::Pipeline`, as far as the tests need them. */
const DANGLING: readonly string[] = ["parent_pipeline", "webide"];

export interface SandboxProjectOptions {
  readonly id: number;
  readonly project: string;
  readonly rejectsRepeats: boolean;
}

/**
 * A project with branches, tags, pipelines and statuses; all statuses are set by one user. It follows GitLab's
 * `app/services/ci/commit_statuses`: the newest pipeline of the commit, of the ref and with the id if they are given;
 * without one, a new pipeline with source `external` on the ref, or on the first branch in the alphabet that contains the
 * commit.
 */
export class SandboxProject {
  readonly id: number;
  /** Somebody may rename it. */
  project: string;
  readonly hooks: SandboxHook[] = [];
  /** The commits that each branch or tag contains, newest first. */
  readonly branches = new Map<string, readonly string[]>();
  readonly tags = new Map<string, readonly string[]>();
  /** Commits that only a hidden reference keeps: heads of merge requests and trial merges. */
  readonly hidden = new Set<string>();
  readonly pipelines: Pipeline[] = [];
  /** Whether GitLab refuses the address of a link. */
  refusesLink: (url: string) => boolean = () => false;
  readonly #rejectsRepeats: boolean;
  #statuses: readonly SandboxStatus[] = [];
  #lastId = 500;

  constructor({ id, project, rejectsRepeats }: SandboxProjectOptions) {
    this.id = id;
    this.project = project;
    this.#rejectsRepeats = rejectsRepeats;
  }

  has(sha: string): boolean {
    return this.hidden.has(sha) || [...this.branches.values(), ...this.tags.values()].some((all) => all.includes(sha));
  }

  startPipeline({ source, ref, sha = this.#headOf(ref) }: PipelineSeed): Pipeline {
    const status = source === "external" ? "created" : "success";
    const pipeline = { id: ++this.#lastId, source, ref, sha, status };
    this.pipelines.push(pipeline);
    return pipeline;
  }

  #headOf(ref: string): string {
    return (this.branches.get(ref) ?? this.tags.get(ref))?.[0] ?? "";
  }

  /** Newest first. A newer status of a pipeline hides the older ones of its name, unless `all` is set. */
  statuses({ all }: { readonly all: boolean }): readonly SandboxStatus[] {
    const newestFirst = [...this.#statuses].sort((one, other) => other.id - one.id);
    const isNewest = ({ name, pipeline }: SandboxStatus, index: number) =>
      newestFirst.findIndex((one) => one.name === name && one.pipeline === pipeline) === index;
    return all ? newestFirst : newestFirst.filter(isNewest);
  }

  /** Updates the status of that name while it is open, otherwise creates one. A text: what GitLab does not find. */
  set(
    sha: string,
    { state, name, ref, pipeline_id, description = "", target_url }: NewStatus,
  ): SandboxStatus | Rejection {
    const tooLong = Object.entries({ name, description, target_url: target_url ?? "" }).filter(
      ([, text]) => text.length > 255,
    );
    if (tooLong.length > 0) {
      return {
        message: Object.fromEntries(tooLong.map(([field]) => [field, ["is too long (maximum is 255 characters)"]])),
      };
    }
    if (target_url !== undefined && this.refusesLink(target_url))
      return { message: { target_url: ["is blocked: URI is invalid"] } };
    const found = this.pipelines.findLast(
      (one) =>
        one.sha === sha &&
        !DANGLING.includes(one.source) &&
        (ref === undefined || one.ref === ref) &&
        (pipeline_id === undefined || one.id === pipeline_id),
    );
    if (!found && pipeline_id !== undefined)
      return { message: "404 Pipeline for pipeline_id, sha and ref Not Found", status: 404 };
    const [first] = [...this.branches].flatMap(([branch, all]) => (all.includes(sha) ? [branch] : [])).sort();
    const chosen = ref ?? found?.ref ?? first;
    if (chosen === undefined) return { message: "404 References for commit Not Found", status: 404 };
    const pipeline = found ?? this.startPipeline({ source: "external", ref: chosen, sha });
    const open = this.#statuses.find(
      (one) => one.name === name && one.pipeline === pipeline.id && ["pending", "running"].includes(one.state),
    );
    const rejection = open && this.#rejection(open.state, state);
    if (rejection) return rejection;
    const content = { name, ref: chosen, sha, state, description, targetUrl: target_url, pipeline: pipeline.id };
    const status = { ...content, id: open?.id ?? ++this.#lastId };
    this.#statuses = [...this.#statuses.filter(({ id }) => id !== status.id), status];
    this.#raise(pipeline, status);
    return status;
  }

  #rejection(from: string, to: string): Rejection | undefined {
    const event = EVENTS[to] ?? to;
    const isRepeat = from === to;
    const isAllowed = isRepeat ? !this.#rejectsRepeats : !(FORBIDDEN[from] ?? []).includes(to);
    if (isAllowed) return undefined;
    return {
      message: `Cannot transition status via :${event} from :${from} (Reason(s): Status cannot transition via "${event}")`,
    };
  }

  #raise(pipeline: Pipeline, status: SandboxStatus): void {
    pipeline.status = status.state;
    const { project: path, id: projectId } = this;
    const project = {
      id: projectId,
      name: "Docs",
      web_url: `https://gitlab.example.com/${path}`,
      path_with_namespace: path,
    };
    const user = { id: 7, name: "Bridge" };
    const at = "2026-11-02 09:00:00 UTC";
    const { id, source, sha } = pipeline;
    const object_attributes = { id, ref: status.ref, tag: false, sha, source, status: status.state, created_at: at };
    this.hooks.push({
      event: "Job Hook",
      body: {
        object_kind: "build",
        user,
        project,
        project_id: project.id,
        project_name: "Docs",
        pipeline_id: id,
        build_id: status.id,
        build_name: status.name,
        build_stage: "external",
        build_status: status.state,
        sha,
        build_created_at: at,
        ref: status.ref,
        tag: false,
        retries_count: 0,
      },
    });
    this.hooks.push({ event: "Pipeline Hook", body: { object_kind: "pipeline", user, project, object_attributes } });
  }
}

/** GitLab's names of the transitions into a state. */
const EVENTS: Readonly<Record<string, string>> = {
  pending: "enqueue",
  running: "run",
  failed: "drop",
  canceled: "cancel",
  skipped: "skip",
};

/** For open states only: after an end a new status is created. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = { running: ["pending", "skipped"] };

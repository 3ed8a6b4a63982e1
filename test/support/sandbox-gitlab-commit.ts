/** A status as GitLab stores it: a job of kind `GenericCommitStatus`. */
export interface SandboxStatus {
  readonly id: number;
  readonly name: string;
  readonly ref: string;
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
}

interface Pipeline {
  readonly id: number;
  readonly source: string;
  status: string;
}

interface NewStatus {
  readonly state: string;
  readonly name: string;
  readonly ref?: string | undefined;
  readonly description?: string | undefined;
  readonly target_url?: string | undefined;
}

/** One commit on `main` with its pipelines and statuses; all statuses are set by one user. */
export class SandboxCommit {
  readonly hooks: SandboxHook[] = [];
  readonly #options: { readonly project: string; readonly sha: string; readonly rejectsRepeats: boolean };
  readonly #pipelines: Pipeline[] = [];
  #statuses: readonly SandboxStatus[] = [];
  #lastId = 500;

  constructor(options: { readonly project: string; readonly sha: string; readonly rejectsRepeats: boolean }) {
    this.#options = options;
  }

  startPipeline(source: "push" | "external"): Pipeline {
    const pipeline = { id: ++this.#lastId, source, status: source === "push" ? "success" : "created" };
    this.#pipelines.push(pipeline);
    return pipeline;
  }

  /** Newest first. A newer status hides the older ones of its name, unless `all` is set. */
  statuses({ all }: { readonly all: boolean }): readonly SandboxStatus[] {
    const newestFirst = [...this.#statuses].sort((one, other) => other.id - one.id);
    const isNewest = ({ name }: SandboxStatus, index: number) =>
      newestFirst.findIndex((one) => one.name === name) === index;
    return all ? newestFirst : newestFirst.filter(isNewest);
  }

  /** Finds or creates the pipeline. Updates the status of that name while it is open, otherwise creates one. */
  set({ state, name, ref = "main", description = "", target_url }: NewStatus): SandboxStatus | Rejection {
    const tooLong = Object.entries({ name, description, target_url: target_url ?? "" }).filter(
      ([, text]) => text.length > 255,
    );
    if (tooLong.length > 0) {
      return {
        message: Object.fromEntries(tooLong.map(([field]) => [field, ["is too long (maximum is 255 characters)"]])),
      };
    }
    const pipeline = this.#pipelines.at(-1) ?? this.startPipeline("external");
    const open = this.#statuses.find(
      (one) => one.name === name && one.pipeline === pipeline.id && ["pending", "running"].includes(one.state),
    );
    const rejection = open && this.#rejection(open.state, state);
    if (rejection) return rejection;
    const content = { name, ref, state, description, targetUrl: target_url, pipeline: pipeline.id };
    const status = { ...content, id: open?.id ?? ++this.#lastId };
    this.#statuses = [...this.#statuses.filter(({ id }) => id !== status.id), status];
    this.#raise(pipeline, status);
    return status;
  }

  #rejection(from: string, to: string): Rejection | undefined {
    const event = EVENTS[to] ?? to;
    const isRepeat = from === to;
    const isAllowed = isRepeat ? !this.#options.rejectsRepeats : !(FORBIDDEN[from] ?? []).includes(to);
    if (isAllowed) return undefined;
    return {
      message: `Cannot transition status via :${event} from :${from} (Reason(s): Status cannot transition via "${event}")`,
    };
  }

  #raise(pipeline: Pipeline, status: SandboxStatus): void {
    pipeline.status = status.state;
    const { project: path, sha } = this.#options;
    const project = {
      id: 4117,
      name: "Docs",
      web_url: `https://gitlab.example.com/${path}`,
      path_with_namespace: path,
    };
    const user = { id: 7, name: "Bridge" };
    const at = "2026-11-02 09:00:00 UTC";
    const { id, source } = pipeline;
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

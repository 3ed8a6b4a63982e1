import { Fault } from "../host/fault.ts";
import { type CommitRun, withCommitRun } from "../model/commit-run.ts";
import { expiryOf, number, type StoreOptions, text } from "./fields.ts";
import { absentOr, type Table } from "./table.ts";

/** A commit, as a source reports it. Commits of two sources do not mix. */
export interface SourceCommit {
  readonly source: string;
  readonly commit: string;
}

/** The runs of each commit, of the pipelines that rules ask about. Every method throws `store_unavailable`. */
export class CommitRunStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /** Adds a report with `withCommitRun`; atomic and idempotent. */
  async record(of: SourceCommit, run: CommitRun): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { runs, revision } = await this.#read(of);
      const merged = withCommitRun(runs, run);
      if (merged === runs || (await this.#write(of, merged, revision))) return;
    }
    throw new Fault("store_unavailable", "too many concurrent writes of the runs of one commit", { retryable: true });
  }

  async of(of: SourceCommit): Promise<readonly CommitRun[]> {
    return (await this.#read(of)).runs;
  }

  async #read(of: SourceCommit): Promise<{ readonly runs: readonly CommitRun[]; readonly revision: number }> {
    const item = await this.#table.get(keyOf(of));
    if (item === undefined) return { runs: [], revision: 0 };
    // Written by this class from the same type.
    return { runs: JSON.parse(text(item, "runs")) as readonly CommitRun[], revision: number(item, "revision") };
  }

  async #write(of: SourceCommit, runs: readonly CommitRun[], revision: number): Promise<boolean> {
    const before = await this.#table.change(keyOf(of), {
      condition: absentOr({ field: "revision", is: "=", value: revision }),
      set: {
        runs: JSON.stringify(runs),
        revision: revision + 1,
        expiresAt: expiryOf(this.#options.clock.now(), this.#options),
      },
    });
    return before !== undefined;
  }
}

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;

/** The name of a source contains no `#`. */
const keyOf = ({ source, commit }: SourceCommit) => ({ pk: `commit-runs#${source}#${commit}`, sk: "runs" });

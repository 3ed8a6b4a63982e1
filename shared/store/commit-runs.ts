import { type CommitRun, withCommitRun } from "../model/commit-run.ts";
import type { StoreOptions } from "./fields.ts";
import { RevisedValues } from "./revised-values.ts";
import type { Table } from "./table.ts";

/** A commit, as a source reports it. Commits of two sources do not mix. */
export interface SourceCommit {
  readonly source: string;
  readonly commit: string;
}

/** The runs of each commit, of the pipelines that rules ask about. Every method throws `store_unavailable`. */
export class CommitRunStore {
  readonly #runs: RevisedValues<readonly CommitRun[]>;

  constructor(table: Table, options: StoreOptions) {
    this.#runs = new RevisedValues({ table, options }, { attribute: "runs", empty: [] });
  }

  /** Adds a report with `withCommitRun`; atomic and idempotent. */
  async record(of: SourceCommit, run: CommitRun): Promise<void> {
    await this.#runs.change(keyOf(of), (runs) => withCommitRun(runs, run));
  }

  async of(of: SourceCommit): Promise<readonly CommitRun[]> {
    return (await this.#runs.get(keyOf(of))).value;
  }
}

/** The name of a source contains no `#`. */
const keyOf = ({ source, commit }: SourceCommit) => ({ pk: `commit-runs#${source}#${commit}`, sk: "runs" });

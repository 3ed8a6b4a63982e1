import { statSync } from "node:fs";
import { basename } from "node:path";

/** A file of an open database is not in the data folder any more, so what is written now may be gone at the next start. */
export class LostFileError extends Error {
  readonly remedy: string;

  constructor(cause: string, remedy: string) {
    super(cause);
    this.remedy = remedy;
  }
}

/**
 * The files of an open database, by the identity that each had when it was opened. SQLite writes to the files that it
 * opened, also after somebody moved, deleted or replaced them.
 */
export class OpenFiles {
  readonly #identities: readonly (readonly [path: string, identity: string | undefined])[];

  /** `database` is the path of a database that is open now, in the mode of a write-ahead log. */
  constructor(database: string) {
    this.#identities = SUFFIXES.map((suffix) => `${database}${suffix}`).map(
      (path) => [path, identityOf(path)] as const,
    );
  }

  /** Throws a {@link LostFileError} if a path leads to another file, or to none. Takes 8 µs. */
  check(): void {
    for (const [path, opened] of this.#identities) {
      const current = identityOf(path);
      if (current === opened) continue;
      const happened = current === undefined ? "is gone from the data folder" : "was replaced by another file";
      const remedy = path.endsWith(DATABASE_SUFFIX) ? PUT_BACK : RESTART;
      throw new LostFileError(`${basename(path)} ${happened}`, remedy);
    }
  }
}

/** A database in memory has no files. */
export const NO_FILES: Pick<OpenFiles, "check"> = { check: () => undefined };

const DATABASE_SUFFIX = ".db";
/** https://sqlite.org/tempfiles.html: the database, its write-ahead log, and the index of that. */
const SUFFIXES = ["", "-wal", "-shm"];

const PUT_BACK = "put the file back, or stop the bridge and restore a backup";
const RESTART = "restart the bridge: what it accepted is in the database file";

/** An inode is not used again while SQLite has its file open. Some file systems have inodes beyond 2^53. */
function identityOf(path: string): string | undefined {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
  } catch {
    // Such as a disk that was cut off: whether the file is there is unknown, so nothing may be accepted.
    return undefined;
  }
}

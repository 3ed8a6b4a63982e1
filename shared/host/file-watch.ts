import { type FSWatcher, watch } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { basename, join, parse, resolve, sep } from "node:path";
import { kindOf } from "./fault.ts";
import type { Log } from "./log.ts";

/**
 * Reports that files may have changed, however they are saved: written in place, replaced by a rename, or reached through
 * a symbolic link that is replaced, as Kubernetes does. It watches the folders of the files, because the watch of a file
 * ends when the file is replaced. It does not poll.
 */
export class FileWatch {
  readonly #changed: () => void;
  readonly #log: Log;
  #watchers: readonly FSWatcher[] = [];
  #isClosed = false;

  constructor(changed: () => void, log: Log) {
    this.#changed = changed;
    this.#log = log;
  }

  /**
   * Watches these files instead of the earlier ones. A file that does not exist yet is watched too. Call it again after a
   * change, because a link may lead elsewhere.
   */
  async watch(paths: readonly string[]): Promise<void> {
    const folders = new Map<string, Set<string>>();
    for (const path of paths) {
      for (const { folder, name } of await entriesOf(path)) {
        folders.set(folder, (folders.get(folder) ?? new Set()).add(name));
      }
    }
    if (this.#isClosed) return;
    const earlier = this.#watchers;
    // The new watchers open before the earlier ones close, so that no change is missed between them.
    this.#watchers = [...folders].flatMap(([folder, names]) => this.#open(folder, names) ?? []);
    for (const watcher of earlier) watcher.close();
  }

  close(): void {
    this.#isClosed = true;
    for (const watcher of this.#watchers) watcher.close();
  }

  #open(folder: string, names: ReadonlySet<string>): FSWatcher | undefined {
    const failed = (error: Error): void =>
      this.#log.warn({ folder, error: codeOf(error) }, "a folder cannot be watched for changes");
    try {
      // Not persistent: a watcher alone does not keep the process alive.
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        // The watcher also reports by its own name that the folder was moved or deleted.
        if (name === null || names.has(name) || name === basename(folder)) this.#changed();
      });
      return watcher.on("error", failed);
    } catch (error) {
      failed(error instanceof Error ? error : new Error());
      return undefined;
    }
  }
}

/** The most symbolic links on the way to one file. Linux has the same limit. */
const MAX_LINKS = 40;

interface Entry {
  readonly folder: string;
  readonly name: string;
}

/**
 * Returns the entries of folders on which it depends what a path leads to: each symbolic link on the way, and the file
 * itself or the first entry that does not exist.
 */
async function entriesOf(path: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let { folder, names } = partsOf(resolve(path));
  for (let links = 0; links <= MAX_LINKS; ) {
    const [name, ...rest] = names;
    if (name === undefined) return entries;
    const step = join(folder, name);
    const found = await lstat(step).catch(() => undefined);
    if (found === undefined) return [...entries, { folder, name }];
    if (found.isSymbolicLink()) {
      links += 1;
      entries.push({ folder, name });
      // The link may have been replaced by a file since.
      const target = partsOf(await readlink(step).catch(() => name));
      folder = target.folder === "" ? folder : target.folder;
      names = [...target.names, ...rest];
      continue;
    }
    if (rest.length === 0) entries.push({ folder, name });
    folder = step;
    names = rest;
  }
  return entries;
}

/** Splits a path into its root, which is empty for a relative path, and the names after it. */
function partsOf(path: string): { readonly folder: string; readonly names: readonly string[] } {
  const { root } = parse(path);
  return { folder: root, names: path.slice(root.length).split(sep).filter(Boolean) };
}

const codeOf = (error: Error): string => ("code" in error ? String(error.code) : kindOf(error));

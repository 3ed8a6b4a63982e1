import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { FileWatch } from "./file-watch.ts";
import type { Log } from "./log.ts";
import { Loop } from "./loop.ts";
import { readSmallFile } from "./small-file.ts";

/** Files are read when they have not changed for this long, so that a file that is being written is not read in part. */
const SETTLE_MS = 200;

interface FollowedFilesDeps {
  /** Returns the paths of the files as they are now. Never throws. */
  readonly paths: () => Promise<readonly string[]>;
  /** Called after a change, and after each request. It never runs twice at the same time. */
  readonly reload: () => Promise<void>;
  readonly log: Log;
}

/** Calls `reload` once for each change of what some files contain, however many events one change causes. */
export class FollowedFiles {
  readonly #deps: FollowedFilesDeps;
  readonly #watch: FileWatch;
  readonly #loop: Loop;
  /** What the files contained before the last reload. */
  #loaded: Contents = new Map();
  #isStarted = false;
  #isRequested = false;

  constructor(deps: FollowedFilesDeps) {
    this.#deps = deps;
    this.#watch = new FileWatch(() => this.#nudge(), deps.log);
    this.#loop = new Loop("reload", { everyMs: undefined, log: deps.log }, () => this.#round());
  }

  /** Starts to watch. Call it before the files are read for the first time, so that no change is missed after that. */
  async open(): Promise<void> {
    this.#loaded = await this.#look();
  }

  /** Reloads after every change since `open`. */
  start(): void {
    this.#isStarted = true;
    this.#nudge();
  }

  /** Reloads even if no file has changed. */
  request(): void {
    this.#isRequested = true;
    this.#nudge();
  }

  /** Resolves when a reload that has begun is finished. */
  async stop(): Promise<void> {
    this.#watch.close();
    await this.#loop.stop();
  }

  #nudge(): void {
    if (this.#isStarted) this.#loop.nudge();
  }

  async #round(): Promise<void> {
    const isRequested = this.#isRequested;
    this.#isRequested = false;
    // An event may also mean that a folder or a link is new and must be watched.
    if (isKnown(await this.#look(), this.#loaded) && !isRequested) return;
    const settled = await this.#settled();
    if (isKnown(settled, this.#loaded) && !isRequested) return;
    this.#loaded = settled;
    await this.#deps.reload();
  }

  async #settled(): Promise<Contents> {
    for (let earlier = await this.#look(); ; ) {
      await sleep(SETTLE_MS);
      const now = await this.#look();
      if (isKnown(now, earlier)) return now;
      earlier = now;
    }
  }

  /** Watches the files as they are now, and then reads them: a later change causes an event. */
  async #look(): Promise<Contents> {
    const paths = await this.#deps.paths();
    await this.#watch.watch(paths);
    return contentsOf(paths);
  }
}

/** A digest of what each file contains, by path. */
type Contents = ReadonlyMap<string, string>;

async function contentsOf(paths: readonly string[]): Promise<Contents> {
  const digests = paths.map(async (path) => {
    const digest = createHash("sha256").update(await contentOf(path));
    return [path, digest.digest("hex")] as const;
  });
  return new Map(await Promise.all(digests));
}

/** A file that is no longer followed is no change. */
const isKnown = (now: Contents, earlier: Contents): boolean =>
  [...now].every(([path, digest]) => earlier.get(path) === digest);

/** The reason why a file cannot be read counts as its content: the reload reports the reason. */
const contentOf = (path: string): Promise<Uint8Array | string> =>
  readSmallFile(path).catch(({ message }: Error) => message);

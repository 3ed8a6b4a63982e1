import { chmodSync, chownSync, closeSync, openSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";

/** The data contains bodies of private pages and projects, whatever the mode of the folder. */
export const OWNER_ONLY = 0o600;
/** Of a new folder. */
export const OWNER_ONLY_FOLDER = 0o700;

/** Creates a file that only the owner of its folder can read, or closes the one that is there to everybody else. */
export function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", OWNER_ONLY));
    giveTo(path, statSync(dirname(path)));
  } catch {
    // It is there, or cannot be created, which whoever opens it finds out. It is not opened here: a close would end the
    // locks that this process has on it.
    closeToOthers(path);
  }
}

/** Removes the permissions of group and others from a file, if there is one. */
export function closeToOthers(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || (stats.mode & OTHERS) === 0) return;
  try {
    chmodSync(path, stats.mode & OWNER_ONLY);
  } catch {
    // The file belongs to somebody else, who decides who reads it.
  }
}

const OTHERS = 0o077;

/** Root makes files for the user who runs the bridge, who could not use them otherwise. Nobody else can give a file away. */
export function giveTo(path: string, { uid, gid }: Pick<Stats, "uid" | "gid">): void {
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
}

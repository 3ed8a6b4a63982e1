import { readFile, stat } from "node:fs/promises";
import { within } from "./within.ts";

/** The largest file that is read, in bytes. A file with the certificates of all public issuers has 250,000. */
const MAX_FILE_BYTES = 1_000_000;

/** The time limit of a read. A file of a network may not answer for ever. */
const READ_TIMEOUT_MS = 3_000;

/** The paths whose read hangs. Nothing can end such a read. */
const hanging = new Set<string>();

/**
 * Each read that hangs holds one of the four threads that Node has for files, and also for names of hosts and for tokens.
 * With so many, no file is read until one of them ends.
 */
const MAX_HANGING = 2;

/** The end of the last read that was asked for. Reads follow each other, so that no more hang than may. */
let last: Promise<unknown> = Promise.resolve();

/** Whether a read hangs. The process then cannot exit by itself: an exit waits for the threads of the reads. */
export const hasHangingRead = (): boolean => hanging.size > 0;

/** Says in its message why a file cannot be used. */
export class UnusableFileError extends Error {}

/**
 * Reads a file of the configuration: itself, a secret or a key. Links are followed. Throws {@link UnusableFileError} if it
 * is missing, not a regular file, too large, or not read in time. A pipe is never opened: its reader waits for a writer.
 */
export function readSmallFile(path: string): Promise<Uint8Array> {
  const read = last.then(() => readInTime(path));
  last = read.catch(() => undefined);
  return read;
}

async function readInTime(path: string): Promise<Uint8Array> {
  if (hanging.has(path)) throw new UnusableFileError("the file cannot be read: an earlier read of it has not ended");
  if (hanging.size >= MAX_HANGING)
    throw new UnusableFileError(`the file is not read: earlier reads of ${MAX_HANGING} other files have not ended`);
  const read = readRegular(path);
  const bytes = await within(read, READ_TIMEOUT_MS, undefined);
  if (bytes !== undefined) return bytes;
  hanging.add(path);
  const ended = (): void => void hanging.delete(path);
  void read.then(ended, ended);
  throw new UnusableFileError(`the file cannot be read within ${READ_TIMEOUT_MS / 1_000} s`);
}

async function readRegular(path: string): Promise<Uint8Array> {
  const found = await stat(path).catch(unreadable);
  if (!found.isFile()) throw new UnusableFileError("it is not a regular file");
  if (found.size > MAX_FILE_BYTES) throw tooLarge();
  const bytes = await readFile(path).catch(unreadable);
  if (bytes.length > MAX_FILE_BYTES) throw tooLarge();
  return bytes;
}

const tooLarge = (): UnusableFileError => new UnusableFileError("the file is larger than 1 MB");

function unreadable(cause: unknown): never {
  throw new UnusableFileError("the file cannot be read", { cause });
}

/** The write-ahead log of SQLite, as a power failure can leave it: https://sqlite.org/fileformat2.html#walformat */

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/** Number of frames that belong to the log: those after the last restart of the log have the salts of its header. */
export function framesOf(wal: Buffer): number {
  if (wal.length < HEADER_BYTES) return 0;
  const salts = wal.subarray(16, 24);
  const size = FRAME_HEADER_BYTES + pageBytesOf(wal);
  let frames = 0;
  while (HEADER_BYTES + (frames + 1) * size <= wal.length) {
    const start = HEADER_BYTES + frames * size;
    if (!wal.subarray(start + 8, start + 16).equals(salts)) break;
    frames += 1;
  }
  return frames;
}

/** The log with its first `frames` frames, and `extraBytes` of the next one. */
export function cutAfter(wal: Buffer, frames: number, extraBytes = 0): Buffer {
  if (wal.length < HEADER_BYTES) return wal;
  return wal.subarray(0, HEADER_BYTES + frames * (FRAME_HEADER_BYTES + pageBytesOf(wal)) + extraBytes);
}

/** Identifies the log between two of its restarts. */
export const saltsOf = (wal: Buffer): string => wal.subarray(16, 24).toString("hex");

const pageBytesOf = (wal: Buffer): number => wal.readUInt32BE(8);

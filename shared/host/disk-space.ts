import { statfs } from "node:fs/promises";

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Returns the space of the disk that contains the file or folder. Throws if there is no such file. */
export async function diskSpace(path: string): Promise<DiskSpace> {
  // `bavail` is what a process without privileges may use.
  const { bavail, blocks, bsize } = await statfs(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

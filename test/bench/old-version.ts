import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_ROOT } from "../../infra/bundling.ts";

/** The last version whose store on one machine was dynalite, an imitation of DynamoDB in the bridge's own process. */
export const OLD_COMMIT = "fa57779";

export interface OldVersion {
  /** Its root folder, with its own packages. */
  readonly root: string;
  remove(): Promise<void>;
}

/** Checks the old version out into a temporary folder and installs its packages. If that fails, returns the reason. */
export async function checkOutOldVersion(): Promise<OldVersion | string> {
  if (!succeeds("git", ["cat-file", "-e", `${OLD_COMMIT}^{commit}`]))
    return `the commit ${OLD_COMMIT} is not in this clone`;
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-bench-old-"));
  const root = join(folder, "drawbridge");
  const remove = async (): Promise<void> => {
    succeeds("git", ["worktree", "remove", "--force", root]);
    await rm(folder, { recursive: true, force: true });
  };
  if (!succeeds("git", ["worktree", "add", "--detach", root, OLD_COMMIT])) {
    await remove();
    return `the commit ${OLD_COMMIT} cannot be checked out`;
  }
  if (!succeeds("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], root)) {
    await remove();
    return `the packages of the commit ${OLD_COMMIT} cannot be installed`;
  }
  return { root, remove };
}

const succeeds = (command: string, args: readonly string[], cwd = PROJECT_ROOT): boolean =>
  spawnSync(command, args, { cwd, stdio: "ignore" }).status === 0;

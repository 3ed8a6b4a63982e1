import { renameSync, watch, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FollowedFiles } from "../../shared/host/followed-files.ts";
import { silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

let home: string;
let path: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-files-"));
  path = join(home, "drawbridge.yaml");
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Follows files and counts the reloads. */
async function following(...paths: readonly string[]) {
  let reloads = 0;
  const files = new FollowedFiles({
    paths: async () => paths,
    reload: async () => {
      reloads += 1;
    },
    log: silentLog,
  });
  await files.open();
  files.start();
  /** Waits until so many reloads have happened since the start. */
  const reloaded = (count: number) =>
    until(
      `${count} reloads`,
      () => reloads,
      (seen) => seen >= count,
    );
  /** Returns the number of reloads after the last one has ended. */
  const stop = async (): Promise<number> => {
    await files.stop();
    return reloads;
  };
  return { files, reloaded, stop };
}

/** Saves as most editors and configuration tools do: into a new file that then takes the place of the old one. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

/** Resolves when the file system has reported a change in the folder of the file. */
async function untilReported(file: string, change: () => Promise<void>): Promise<void> {
  const reported = new Promise<void>((resolve) => {
    const watcher = watch(dirname(file), () => {
      watcher.close();
      resolve();
    });
  });
  await change();
  await reported;
}

describe("followed files", () => {
  it("a file that is written in place, and one that is replaced by a rename, is reloaded each time", async () => {
    await writeFile(path, "one");
    const { reloaded, stop } = await following(path);
    await replace(path, "two");
    await reloaded(1);
    await replace(path, "three");
    await reloaded(2);
    await writeFile(path, "four");
    await reloaded(3);
    expect(await stop()).toBe(3);
  });

  it("a burst of changes causes one reload, after the last change", async () => {
    await writeFile(path, "");
    const { reloaded, stop } = await following(path);
    for (let n = 0; n < 50; n++) {
      writeFileSync(n % 2 ? `${path}.new` : path, `${n}`);
      if (n % 2) renameSync(`${path}.new`, path);
    }
    await reloaded(1);
    expect(await stop()).toBe(1);
  });

  it("a file that is saved with the same content causes no reload", async () => {
    await writeFile(path, "one");
    const { stop } = await following(path);
    await untilReported(path, () => replace(path, "one"));
    expect(await stop()).toBe(0);
  });

  it("another file in the folder causes no reload", async () => {
    await writeFile(path, "one");
    const { stop } = await following(path);
    await untilReported(path, () => writeFile(join(home, "other.yaml"), "two"));
    expect(await stop()).toBe(0);
  });

  it("a ConfigMap that Kubernetes updates is reloaded each time", async () => {
    const version = async (name: string): Promise<void> => {
      await mkdir(join(home, `..${name}`));
      await writeFile(join(home, `..${name}`, "drawbridge.yaml"), name);
    };
    const point = async (name: string): Promise<void> => {
      await symlink(`..${name}`, join(home, "..data_tmp"));
      await rename(join(home, "..data_tmp"), join(home, "..data"));
    };
    await version("one");
    await point("one");
    await symlink("..data/drawbridge.yaml", path);
    const { reloaded, stop } = await following(path);
    for (const [at, [before, after]] of [
      ["one", "two"],
      ["two", "three"],
    ].entries()) {
      await version(`${after}`);
      await point(`${after}`);
      await rm(join(home, `..${before}`), { recursive: true });
      await reloaded(at + 1);
    }
    expect(await stop()).toBe(2);
  });

  it("a link in another folder that leads to a new release is followed", async () => {
    const etc = join(home, "etc");
    for (const folder of [etc, join(home, "one"), join(home, "two")]) await mkdir(folder);
    await writeFile(join(home, "one", "drawbridge.yaml"), "one");
    await writeFile(join(home, "two", "drawbridge.yaml"), "two");
    await symlink(join(home, "one"), join(home, "current"));
    await symlink(join("..", "current", "drawbridge.yaml"), join(etc, "drawbridge.yaml"));
    const { reloaded, stop } = await following(join(etc, "drawbridge.yaml"));
    await symlink(join(home, "two"), join(home, "next"));
    await rename(join(home, "next"), join(home, "current"));
    await reloaded(1);
    await writeFile(join(home, "two", "drawbridge.yaml"), "two, changed");
    await reloaded(2);
    expect(await stop()).toBe(2);
  });

  it("a file that is no longer followed causes no reload, and one that is followed anew does", async () => {
    const other = join(home, "other");
    await writeFile(path, "one");
    await writeFile(other, "two");
    let paths: readonly string[] = [path, other];
    let reloads = 0;
    const reload = async (): Promise<void> => {
      reloads += 1;
    };
    const files = new FollowedFiles({ paths: async () => paths, reload, log: silentLog });
    await files.open();
    files.start();
    paths = [path];
    await untilReported(path, () => replace(path, "one"));
    expect(reloads).toBe(0);
    paths = [path, other, join(home, "third")];
    await replace(path, "three");
    await until("one reload", () => reloads === 1);
    await writeFile(join(home, "third"), "four");
    await until("two reloads", () => reloads === 2);
    await files.stop();
  });

  it("a file that is deleted and written again later is reloaded both times", async () => {
    await writeFile(path, "one");
    const { reloaded, stop } = await following(path);
    await unlink(path);
    await reloaded(1);
    await writeFile(path, "two");
    await reloaded(2);
    expect(await stop()).toBe(2);
  });

  it("a folder that is deleted and created again later is followed", async () => {
    const file = join(home, "config", "drawbridge.yaml");
    await mkdir(dirname(file));
    await writeFile(file, "one");
    const { reloaded, stop } = await following(file);
    await rm(dirname(file), { recursive: true });
    await reloaded(1);
    await mkdir(dirname(file));
    await writeFile(file, "two");
    await reloaded(2);
    expect(await stop()).toBe(2);
  });

  it("a change between the opening and the start causes a reload after the start", async () => {
    await writeFile(path, "one");
    let reloads = 0;
    const reload = async (): Promise<void> => {
      reloads += 1;
    };
    const files = new FollowedFiles({ paths: async () => [path], reload, log: silentLog });
    await files.open();
    await untilReported(path, () => replace(path, "two"));
    files.start();
    await files.stop();
    expect(reloads).toBe(1);
  });

  it("a request reloads unchanged files, and requests during a reload cause one more", async () => {
    await writeFile(path, "one");
    const ends: (() => void)[] = [];
    const reload = () => new Promise<void>((resolve) => ends.push(resolve));
    const files = new FollowedFiles({ paths: async () => [path], reload, log: silentLog });
    await files.open();
    files.start();
    files.request();
    await until("the first reload", () => ends.length === 1);
    for (let n = 0; n < 5; n++) files.request();
    ends[0]?.();
    await until("the second reload", () => ends.length === 2);
    ends[1]?.();
    await files.stop();
    expect(ends).toHaveLength(2);
  });

  it("a request before the start reloads once, after the start", async () => {
    await writeFile(path, "one");
    let reloads = 0;
    const reload = async (): Promise<void> => {
      reloads += 1;
    };
    const files = new FollowedFiles({ paths: async () => [path], reload, log: silentLog });
    files.request();
    await files.open();
    files.request();
    expect(reloads).toBe(0);
    files.start();
    await files.stop();
    expect(reloads).toBe(1);
  });

  it("a change after the stop causes no reload", async () => {
    await writeFile(path, "one");
    const { files, stop } = await following(path);
    await stop();
    await untilReported(path, () => replace(path, "two"));
    files.request();
    expect(await stop()).toBe(0);
  });
});

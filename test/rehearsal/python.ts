import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as v from "valibot";

/** The emulator and its dependencies, each at one version. */
const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));
/** Seconds that pip waits for the index, and its number of retries. */
const PIP_PATIENCE = ["--timeout", "15", "--retries", "1"];
const INSTALL_TIMEOUT_MS = 150_000;

const run = promisify(execFile);

/** The emulator is not available on this machine, for a reason outside the project: the rehearsal is skipped. */
export class NotHere extends Error {}

/**
 * Installs the emulator into a virtual environment in `folder`, unless it is installed. Returns the folder of its
 * programs.
 */
export async function installEmulator(folder: string): Promise<string> {
  const environment = join(folder, "venv");
  const programs = join(environment, process.platform === "win32" ? "Scripts" : "bin");
  const mark = join(environment, "installed");
  const wanted = await readFile(REQUIREMENTS, "utf8");
  if ((await readFile(mark, "utf8").catch(() => "")) === wanted) return programs;
  const python = await findPython();
  await rm(environment, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run(python, ["-m", "venv", environment], { timeout: INSTALL_TIMEOUT_MS }).catch(() => {
    throw new NotHere(`${python} has no venv (on Debian: apt-get install python3-venv)`);
  });
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PIP_PATIENCE, "-r", REQUIREMENTS];
  await run(join(programs, "python"), pip, { timeout: INSTALL_TIMEOUT_MS }).catch(throwPipError);
  await writeFile(mark, wanted);
  return programs;
}

async function findPython(): Promise<string> {
  for (const name of ["python3", "python"]) {
    const result = await run(name, ["--version"]).catch(() => undefined);
    if (result?.stdout.startsWith("Python 3.")) return name;
  }
  throw new NotHere("no Python 3");
}

const failed = v.object({ stderr: v.string(), killed: v.nullish(v.boolean()) });

/** An unreachable index is a problem of the machine. Packages that do not fit are a problem of the project. */
function throwPipError(error: unknown): never {
  const { stderr, killed } = v.parse(failed, error);
  if (killed) throw new NotHere(`the package index gave no emulator in ${INSTALL_TIMEOUT_MS / 1_000} s`);
  if (/connection|timed out|resolution|unreachable|proxy|certificate/i.test(stderr)) {
    throw new NotHere("the package index cannot be reached");
  }
  throw new Error(`pip: ${stderr.trim().split("\n").at(-1)}`);
}

/** Packs the content of a folder, as `cdk deploy` does before it uploads an asset. */
export async function zip(programs: string, folder: string, file: string): Promise<Buffer> {
  const script = "import shutil, sys; shutil.make_archive(sys.argv[2].removesuffix('.zip'), 'zip', sys.argv[1])";
  await run(join(programs, "python"), ["-c", script, folder, file]);
  return readFile(file);
}

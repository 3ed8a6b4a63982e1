import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as v from "valibot";

/** The emulator and all that it needs, each at one version. */
const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));
/** Seconds that pip waits for the index, and how often it asks again. */
const PIP_PATIENCE = ["--timeout", "15", "--retries", "1"];
const INSTALL_TIMEOUT_MS = 150_000;

const run = promisify(execFile);

/** The emulator cannot be had on this machine, through no fault of the project: the rehearsal is left out. */
export class NotHere extends Error {}

/** Installs the emulator into a virtual environment in `folder`, unless it is there; gives the folder of its programs. */
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
  await run(join(programs, "python"), pip, { timeout: INSTALL_TIMEOUT_MS }).catch(tellPip);
  await writeFile(mark, wanted);
  return programs;
}

async function findPython(): Promise<string> {
  for (const name of ["python3", "python"]) {
    const told = await run(name, ["--version"]).catch(() => undefined);
    if (told?.stdout.startsWith("Python 3.")) return name;
  }
  throw new NotHere("no Python 3");
}

const failed = v.object({ stderr: v.string(), killed: v.nullish(v.boolean()) });

/** An index that cannot be reached is the machine's matter; packages that do not fit are the project's. */
function tellPip(error: unknown): never {
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

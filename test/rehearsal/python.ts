import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** https://pypi.org/project/moto: stand-ins for the services of AWS that keep what they are given and can be asked for it. */
const EMULATOR = "moto[server]==5.2.5";
const INSTALL_TIMEOUT_MS = 120_000;

const run = promisify(execFile);

/** The name of a Python 3 on this machine, if there is one. */
export async function findPython(): Promise<string | undefined> {
  for (const name of ["python3", "python"]) {
    const told = await run(name, ["--version"]).catch(() => undefined);
    if (told?.stdout.startsWith("Python 3.")) return name;
  }
  return undefined;
}

/** Installs the emulator into a virtual environment in `folder`, unless it is there; gives the folder of its programs. */
export async function installEmulator(python: string, folder: string): Promise<string> {
  const environment = join(folder, "venv");
  const programs = join(environment, process.platform === "win32" ? "Scripts" : "bin");
  const mark = join(environment, "installed");
  if ((await readFile(mark, "utf8").catch(() => "")) === EMULATOR) return programs;
  await rm(environment, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run(python, ["-m", "venv", environment], { timeout: INSTALL_TIMEOUT_MS });
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", EMULATOR];
  await run(join(programs, "python"), pip, { timeout: INSTALL_TIMEOUT_MS });
  await writeFile(mark, EMULATOR);
  return programs;
}

/** Packs the content of a folder, as `cdk deploy` does before it uploads an asset. */
export async function zip(programs: string, folder: string, file: string): Promise<Buffer> {
  const script = "import shutil, sys; shutil.make_archive(sys.argv[2].removesuffix('.zip'), 'zip', sys.argv[1])";
  await run(join(programs, "python"), ["-c", script, folder, file]);
  return readFile(file);
}

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** The machine's own Chromium: `CHROMIUM_PATH`, or `chromium` on the path. Nothing is downloaded. */
export function chromiumPath(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = environment["CHROMIUM_PATH"];
  return named || programPath("chromium", environment);
}

/** Where a program is on the path; undefined if it is not there. */
export const programPath = (name: string, environment: NodeJS.ProcessEnv = process.env): string | undefined =>
  [...(environment["PATH"] ?? "").split(delimiter), "/usr/sbin"].map((folder) => join(folder, name)).find(isExecutable);

/** Headless. Chromium's sandbox needs rights that containers and root lack, and only pages on loopback are opened. */
export const openChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

import { basename, relative } from "node:path";
import type { Environment } from "../host/environment.ts";

/** How the process was started. */
interface Started {
  /** `process.argv[1]`: the absolute path of the program. */
  readonly path: string;
  readonly folder: string;
  readonly environment: Environment;
}

/** The script behind `npm start` and `npm run drawbridge`. */
const NPM_SCRIPT = "/infra/drawbridge.mjs";

/** Returns what to type before the name of a command to start this program in the same way again. */
export function programOf({ path, folder, environment }: Started): string {
  // A shell that was started by npm has the variable too, so the path counts as well.
  if (environment["npm_lifecycle_event"] !== undefined && path.endsWith(NPM_SCRIPT)) return "npm run -s drawbridge --";
  if (basename(path) === "drawbridge") return "drawbridge";
  const below = relative(folder, path);
  return `node ${below.startsWith("..") ? path : below}`;
}

/**
 * Replaces the general name of the program in the commands that a text names. The comments by which people decide about an
 * approval, such as "drawbridge approve", are no commands of this program.
 */
export const withProgram = (text: string, program: string): string =>
  text.replace(
    /(?<![\w/.-])drawbridge (?!(?:approve|deny|withdraw)\b)(?=[a-z-])/g,
    `${program.replaceAll("$", "$$$$")} `,
  );

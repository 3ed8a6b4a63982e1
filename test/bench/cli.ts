import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildCli } from "../../infra/build-cli.ts";
import { compare } from "./compare.ts";
import type { Measure } from "./measure.ts";
import { rateRow } from "./table.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COMMANDS = [["--version"], ["check", "--config", "infra/example/drawbridge.yaml"]];

/** Starts of the bundled command line in a second of processor time, compared with the same sources run by tsx. */
export const cli: Measure = async ({ quick }) => {
  const built = await buildCli(join(ROOT, "dist"));
  const rates = (...program: readonly string[]) =>
    Object.fromEntries(COMMANDS.map((command) => [command[0] ?? "", 1_000 / cpuMsOf([...program, ...command])]));
  const comparisons = await compare({
    what: "start of a command",
    pairs: quick ? 3 : 9,
    ours: async () => rates(built),
    baseline: async () => rates("--import", "tsx", "functions/cli.ts"),
  });
  return Object.entries(comparisons).map(([name, one]) => rateRow(`drawbridge ${name}, bundled : by tsx`, one, 3));
};

/** Processor time of a process and its children, user and system. */
function cpuMsOf(args: readonly string[]): number {
  const { stderr } = spawnSync(
    "bash",
    ["-c", 'TIMEFORMAT="%U %S"; time "$@" > /dev/null 2>&1', "time", process.execPath, ...args],
    { cwd: ROOT, encoding: "utf8" },
  );
  const [user = 0, system = 0] = stderr.trim().split(" ").map(Number);
  return (user + system) * 1_000;
}

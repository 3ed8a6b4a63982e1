import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { argv, execPath, stderr, stdout } from "node:process";
import { PROJECT_ROOT } from "../bundling.ts";
import { folderOf, KINDS, linesToFillIn, registryOf, scaffold } from "./scaffold.ts";

// `npm run new -- provider|action NAME`: writes a folder that works, with marks where there is something to fill in.
try {
  const [kindArgument, name, ...rest] = argv.slice(2);
  const kind = KINDS.find((one) => one === kindArgument);
  if (kind === undefined || name === undefined || rest.length > 0)
    throw new Error(`npm run new -- ${KINDS.join("|")} NAME`);
  const folder = folderOf(kind, name);
  for (const [path, text] of scaffold(kind, name)) {
    mkdirSync(dirname(join(PROJECT_ROOT, path)), { recursive: true });
    writeFileSync(join(PROJECT_ROOT, path), text);
  }
  const biome = ["node_modules/@biomejs/biome/bin/biome", "check", "--write", folder, registryOf(kind)];
  execFileSync(execPath, biome, { cwd: PROJECT_ROOT, stdio: ["ignore", "ignore", "inherit"] });
  const guide = kind === "action" ? "docs/adding-an-action.md" : "docs/adding-a-provider.md";
  const lines = [`${folder} is written, and ${registryOf(kind)} has it. It works as it is.`, "To fill in:"];
  stdout.write(`${[...lines, ...linesToFillIn(folder), `Next: ${guide}`].join("\n")}\n`);
} catch (error) {
  stderr.write(`new: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

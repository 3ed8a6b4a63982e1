import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

// The command line in a clone: `npm start` and `npm run drawbridge`. It runs the bundle in this process, so that a signal
// reaches the bridge, and bundles first if a source is newer. It is JavaScript because it runs before anything is compiled.

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ENTRY = `${ROOT}dist/drawbridge.mjs`;
const SOURCES = ["functions", "shared", "test/support", "infra/build-cli.ts", "package.json", "package-lock.json"];

const changedAt = (path) => statSync(path).mtimeMs;

function isNewer(path, than) {
  if (changedAt(path) > than) return true;
  if (!statSync(path).isDirectory()) return false;
  return readdirSync(path, { recursive: true }).some((name) => changedAt(`${path}/${name}`) > than);
}

if (!existsSync(ENTRY) || SOURCES.some((source) => isNewer(ROOT + source, changedAt(ENTRY)))) {
  const build = ["--import", "tsx", "infra/build.ts"];
  const { status } = spawnSync(process.execPath, build, { cwd: ROOT, stdio: ["ignore", 2, 2] });
  if (status !== 0) process.exit(1);
}
await import("../dist/drawbridge.mjs");

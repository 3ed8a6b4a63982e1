import { rm } from "node:fs/promises";
import { join } from "node:path";
import { buildCli } from "./build-cli.ts";
import { PROJECT_ROOT } from "./bundling.ts";

const dist = join(PROJECT_ROOT, "dist");
await rm(dist, { recursive: true, force: true });
await buildCli(dist);

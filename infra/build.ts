import { join } from "node:path";
import { buildCli } from "./build-cli.ts";
import { PROJECT_ROOT } from "./bundling.ts";

await buildCli(join(PROJECT_ROOT, "dist"));

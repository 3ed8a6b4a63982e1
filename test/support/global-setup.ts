import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { TestProject } from "vitest/node";
import { buildPrograms } from "../../infra/build-cli.ts";
import { PROJECT_ROOT } from "../../infra/bundling.ts";
import { startDynamoDbLocal, whyNoDynamoDbLocal } from "./dynamodb-local.ts";
import { serveOnLoopback } from "./loopback.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Address of the services that all test files of a run share. */
    readonly services: string;
    /** Folder for the files that test files of a run share. */
    readonly runFolder: string;
    /** The reason why this run leaves out DynamoDB Local, or an empty text. */
    readonly noDynamoDbLocal: string;
  }
}

/** The mode of `npm run test:fast`. */
const FAST = "fast";

/** Runs once before all test files. Each service starts when the first test file asks for it, and ends with the run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const parent = join(PROJECT_ROOT, "node_modules", ".drawbridge-tests");
  await mkdir(parent, { recursive: true });
  const runFolder = await mkdtemp(join(parent, "run-"));
  const database = once(startDynamoDbLocal);
  const programs = once(() => buildPrograms(join(runFolder, "programs"), PROGRAMS));
  // In watch mode the sources may have changed.
  project.onTestsRerun(programs.forget);
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get("/dynamodb-local", async (c) => c.json({ port: (await database.get()).port }));
  app.get("/programs", async (c) => c.json(await programs.get()));
  const server = await serveOnLoopback(app, 0);
  project.provide("services", server.url.origin);
  project.provide("runFolder", runFolder);
  const isFast = project.vite.config.mode === FAST;
  project.provide(
    "noDynamoDbLocal",
    (isFast ? "a fast run is on the embedded store alone" : whyNoDynamoDbLocal()) ?? "",
  );
  return async () => {
    await server.close();
    await (await database.started()?.catch(() => undefined))?.stop();
    await rm(runFolder, { recursive: true, force: true });
  };
}

/** Programs that tests run in their own processes. */
const PROGRAMS = { drawbridge: "functions/cli.ts", "crashing-bridge": "test/support/crashing-bridge.ts" } as const;
export type ProgramName = keyof typeof PROGRAMS;

/** A value that is made at the first request and shared by all others. */
function once<T>(make: () => Promise<T>) {
  let made: Promise<T> | undefined;
  return {
    get: () => {
      made ??= make();
      return made;
    },
    started: () => made,
    forget: () => {
      made = undefined;
    },
  };
}

import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { CountsReporter } from "./test/support/counts-reporter.ts";

/** They replace modules, so each loads all modules anew. */
const MOCKED = ["test/contract/constant-time.test.ts"];
/** They load entry points anew, each time with another environment. */
const FUNCTIONS = ["test/integration/aws-*.test.ts"];

/** With `PROPERTY_CASES` they are slow tests too, and try that many cases. */
const PROPERTIES = readdirSync(new URL("test", import.meta.url), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts"))
  .map((path) => `test/${path}`)
  .filter((path) => readFileSync(new URL(path, import.meta.url), "utf8").includes("property-cases.ts"));

/**
 * Tests that start processes, on a machine that may be busy: one that fails is tried once more, and the end of the run names
 * it. If another test or a property passes at the second try only, the run fails: it would hide a finding. The reporter
 * decides that, because a project of their own would load all modules once more.
 */
const mayBeTriedTwice = (path: string): boolean =>
  /^test\/(integration|slow)\//.test(path) && !PROPERTIES.includes(path);

interface ProjectOptions {
  readonly exclude?: readonly string[];
  readonly isolate?: boolean;
  readonly testTimeout?: number;
}

/** The test files of a project share its transformed modules, and those of a process what is loaded unless isolated. */
const project = (
  name: string,
  include: readonly string[],
  { exclude = [], isolate = false, testTimeout = 30_000 }: ProjectOptions = {},
): TestProjectInlineConfiguration => ({
  test: {
    name,
    include: [...include],
    exclude: [...exclude],
    isolate,
    testTimeout,
    retry: 1,
    hookTimeout: 60_000,
    // The AWS client warns at its first use that it will one day need a newer Node.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
  },
});

export default defineConfig({
  test: {
    // They start in the order of their names. The last files of the last one are short, so no process ends much later.
    projects: [
      project("functions", FUNCTIONS),
      project("mocked", MOCKED, { isolate: true }),
      project("others", ["test/{unit,contract,infra,integration,peers}/**/*.test.ts"], {
        exclude: [...MOCKED, ...FUNCTIONS],
      }),
      // Properties with many cases keep the processors busy while a browser starts beside them.
      project("slow", ["test/slow/**/*.test.ts", ...(process.env["PROPERTY_CASES"] === undefined ? [] : PROPERTIES)], {
        testTimeout: 180_000,
      }),
    ],
    globalSetup: "test/support/global-setup.ts",
    // In `node_modules`, so `npm ci` deletes it. The projects share it, and so does the next run.
    experimental: { fsModuleCache: true },
    // One more than there are cores: tests that wait for a timer leave theirs idle.
    maxWorkers: availableParallelism() + 1,
    reporters: ["default", new CountsReporter({ mayBeTriedTwice })],
  },
});

import { availableParallelism } from "node:os";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { CountsReporter } from "./test/support/counts-reporter.ts";

/** They replace modules. */
const CONTRACT_ISOLATED = ["test/contract/constant-time.test.ts"];
/** They load an entry point anew, with another environment. */
const INTEGRATION_ISOLATED = ["test/integration/aws-*.test.ts"];

/** Isolated test files load each module anew; the others of a process share what is loaded. */
const project = (
  name: string,
  include: readonly string[],
  { isolate }: { readonly isolate: boolean },
): TestProjectInlineConfiguration => ({
  test: {
    name,
    include: [...include],
    exclude: isolate ? [] : [...CONTRACT_ISOLATED, ...INTEGRATION_ISOLATED],
    isolate,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The AWS client warns at its first use that it will one day need a newer Node.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
  },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", ["test/unit/**/*.test.ts"], { isolate: false }),
      project("contract", ["test/contract/**/*.test.ts"], { isolate: false }),
      project("infra", ["test/infra/**/*.test.ts"], { isolate: false }),
      project("integration", ["test/{integration,peers,browser}/**/*.test.ts"], { isolate: false }),
      project("slow", ["test/slow/**/*.test.ts"], { isolate: false }),
      project("contract-isolated", CONTRACT_ISOLATED, { isolate: true }),
      project("integration-isolated", INTEGRATION_ISOLATED, { isolate: true }),
    ],
    globalSetup: "test/support/global-setup.ts",
    // One more than there are cores: tests that wait for a timer leave theirs idle.
    maxWorkers: availableParallelism() + 1,
    reporters: ["default", new CountsReporter()],
  },
});

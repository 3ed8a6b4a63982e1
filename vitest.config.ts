import { defineConfig } from "vitest/config";
import { CountsReporter } from "./test/support/counts-reporter.ts";

export default defineConfig({
  test: {
    include: ["test/{unit,contract,integration,infra,peers,browser}/**/*.test.ts"],
    globalSetup: "test/support/global-setup.ts",
    // Every core: the default leaves one free, which on a machine of two is half of it.
    maxWorkers: "100%",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ["default", new CountsReporter()],
    // The AWS client warns at its first use that it will one day need a newer Node.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
  },
});

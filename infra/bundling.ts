import { fileURLToPath } from "node:url";
import type { BuildOptions } from "esbuild";

/** The functions, each named as its file in `functions/`. An action's kind has its own: `act-<kind>`. */
export type FunctionName = "receive" | "receive-partner" | "console" | "relay" | "sweep" | `act-${string}`;

export const PROJECT_ROOT = fileURLToPath(new URL("..", import.meta.url));

export const entryOf = (name: FunctionName): string => `functions/${name}.ts`;

/**
 * How a function becomes a folder of ES modules, `index.mjs` first: the AWS clients inside, `module` fields first (the
 * clients are half as large again without), the configuration compiled in. What is imported only when it is needed (the
 * readers of secrets, the SDK's ways to log in that Lambda never takes) becomes a file of its own and costs no start-up
 * time; CDK's `NodejsFunction` makes one file of everything.
 */
export const bundling = (entry: string, outdir: string, configuration: unknown) =>
  ({
    absWorkingDir: PROJECT_ROOT,
    entryPoints: { index: entry },
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    outExtension: { ".js": ".mjs" },
    platform: "node",
    target: "node24",
    mainFields: ["module", "main"],
    minify: true,
    // JSON as a text, in the one place that reads it: of an object esbuild would make a module that every file imports.
    define: { DRAWBRIDGE_CONFIG: JSON.stringify(JSON.stringify(configuration)) },
    logLevel: "error",
  }) as const satisfies BuildOptions;

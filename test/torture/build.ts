import { join } from "node:path";
import type { Plugin } from "esbuild";
import { buildPrograms } from "../../infra/build-cli.ts";
import { PROJECT_ROOT } from "../../infra/bundling.ts";
import { type DefectName, defectPlugin } from "./defects.ts";

const PROGRAMS = {
  "crash-points": "test/torture/crash-points.ts",
  "killed-history": "test/torture/killed-history.ts",
  "bridge-process": "test/torture/bridge-process.ts",
} as const;

export type Programs = Readonly<Record<keyof typeof PROGRAMS, string>>;

/** Bundles the programs with the watched driver and, if it is given, with a defect. `outDir` is below the project. */
export const buildTorture = (outDir: string, defect: DefectName | undefined): Promise<Programs> =>
  buildPrograms(outDir, PROGRAMS, defect === undefined ? [watchedDriver] : [watchedDriver, defectPlugin(defect)]);

const WATCHED = join(PROJECT_ROOT, "test/torture/watched-driver.ts");

/** The product imports the watched driver, which alone imports the real one. */
const watchedDriver: Plugin = {
  name: "watched-driver",
  setup({ onResolve }) {
    onResolve({ filter: /^@photostructure\/sqlite$/ }, ({ importer }) =>
      importer === WATCHED ? undefined : { path: WATCHED },
    );
  },
};

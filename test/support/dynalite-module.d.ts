/** The part of dynalite that the bridge uses; the package has no types. */
declare module "dynalite" {
  import type { Server } from "node:http";

  interface DynaliteOptions {
    /** Folder of the LevelDB files; in memory if undefined. */
    readonly path?: string;
    readonly createTableMs?: number;
  }

  export default function dynalite(options: DynaliteOptions): Server;
}

import type { AddressInfo } from "node:net";
import dynalite from "dynalite";
import { reportToParent } from "./child.ts";

/** The embedded database by itself, with its files in the folder given. */
const [path = ""] = process.argv.slice(2);
const server = dynalite({ path, createTableMs: 0 });
server.listen(0, "127.0.0.1", () => {
  // A server that listens on a port has an AddressInfo.
  reportToParent(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});

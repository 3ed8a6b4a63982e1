import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createNodeMiddleware, Webhooks } from "@octokit/webhooks";
import { CANARY } from "../support/http-bridge.ts";
import { reportToParent } from "./child.ts";
import { fire, isToMain } from "./fire.ts";

/** A receiver on GitHub's library: it checks GitHub's signature, answers, and calls the listener. */
const [listener = ""] = process.argv.slice(2);
const webhooks = new Webhooks({ secret: CANARY });
webhooks.on("push", ({ payload }) => {
  if (isToMain(payload)) void fire(listener, payload.after);
});
const server = createServer(createNodeMiddleware(webhooks, { path: "/" }));
server.listen(0, "127.0.0.1", () => {
  // A server that listens on a port has an AddressInfo.
  reportToParent(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});

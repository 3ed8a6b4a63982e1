import type { AddressInfo } from "node:net";
import express from "express";
import { reportToParent } from "./child.ts";
import { fire, isToMain, type PushPayload } from "./fire.ts";
import { isSigned } from "./signed-hook.ts";

/** A receiver on Express, as many are written: it checks the signature, answers, and calls the listener. */
const [listener = ""] = process.argv.slice(2);
const app = express();
app.post("/", express.raw({ type: "application/json" }), (request, response) => {
  // The middleware above reads the body as bytes.
  const body = request.body as Buffer;
  if (!isSigned(request.headers, body)) {
    response.status(401).json({ status: "refused" });
    return;
  }
  // GitLab signed it.
  const push = JSON.parse(body.toString("utf8")) as PushPayload;
  if (isToMain(push)) void fire(listener, push.after);
  response.status(202).json({ status: "accepted" });
});
const server = app.listen(0, "127.0.0.1", () => {
  // A server that listens on a port has an AddressInfo.
  reportToParent(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});

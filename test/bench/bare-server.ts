import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { CANARY } from "../support/http-bridge.ts";
import { reportToParent } from "./child.ts";

/** The minimum for a receiver of GitLab's signed hooks: check the signature in constant time, parse, respond. */
const key = Buffer.from(CANARY.slice("whsec_".length), "base64");

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const proved = isSigned(request, body);
  const receipt = proved
    ? { delivery: JSON.parse(body.toString("utf8")).after, status: "accepted" }
    : { status: "refused" };
  response.writeHead(proved ? 202 : 401, { "content-type": "application/json" }).end(JSON.stringify(receipt));
});

function isSigned({ headers }: IncomingMessage, body: Buffer): boolean {
  const offered = Buffer.from(String(headers["webhook-signature"]).slice("v1,".length), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`;
  const expected = createHmac("sha256", key).update(signed).update(body).digest();
  return offered.length === expected.length && timingSafeEqual(offered, expected);
}

server.listen(0, "127.0.0.1", () => {
  // A server that listens on a port has an AddressInfo.
  reportToParent(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});

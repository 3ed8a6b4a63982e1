import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openBareTable } from "./bare-table.ts";
import { reportToParent } from "./child.ts";
import { isSigned } from "./signed-hook.ts";

/**
 * The minimum for a receiver of GitLab's signed hooks: check the signature, parse, respond. With a folder, it first
 * stores the body of each new delivery.
 */
const [folder] = process.argv.slice(2);
const table = folder === undefined ? undefined : openBareTable(folder);

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const proved = isSigned(request.headers, body);
  const receipt = proved
    ? { delivery: JSON.parse(body.toString("utf8")).after, status: "accepted" }
    : { status: "refused" };
  if (proved) await table?.insert(String(request.headers["webhook-id"]), body);
  response.writeHead(proved ? 202 : 401, { "content-type": "application/json" }).end(JSON.stringify(receipt));
});

server.listen(0, "127.0.0.1", () => {
  // A server that listens on a port has an AddressInfo.
  reportToParent(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});

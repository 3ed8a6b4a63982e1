import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { reportToParent } from "./child.ts";

/**
 * A Confluence Data Center with one page: what the bridge reads and writes of it, without a look at the markup. Responses
 * of 5 MB are made before they are asked for, so that little of the machine's time is theirs. The page never keeps what is
 * written, so that every write changes it. The answer to any question is the number of writes.
 */
const [markup = "", size = "0"] = process.argv.slice(2);
const value = markup.repeat(Math.floor(Number(size) / markup.length));
const page = {
  type: "page",
  title: "Runbook",
  status: "current",
  space: { key: "ENG" },
  metadata: { labels: { results: [], size: 0 } },
  body: { storage: { value } },
};
const [before = "", after = ""] = JSON.stringify({ version: { number: "#", message: "" }, ...page }).split('"#"');
let number = 1;

const server = createServer((request, response) => {
  request.resume().once("end", () => {
    if (request.method === "PUT") number += 1;
    response.writeHead(200, { "content-type": "application/json" });
    if (request.url?.includes("/user/")) response.end('{"userKey":"bridge"}');
    else if (request.method === "PUT") response.end(JSON.stringify({ version: { number, message: "" } }));
    else response.end(`${before}${number}${after}`);
  });
});

server.listen(0, "127.0.0.1", () => {
  // A server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  reportToParent(new URL(`http://127.0.0.1:${port}`), async () => ({ writes: number - 1 }));
});

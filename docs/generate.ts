import { writeFileSync } from "node:fs";
import { stdout } from "node:process";
import { configSchema } from "./config-schema.ts";
import { pages, readPage, withBlocks } from "./generated-blocks.ts";
import { OPENAPI_FILE, openApi } from "./openapi.ts";

// `npm run docs`: writes the generated blocks of the documents, the JSON Schema of `drawbridge.yaml`, and the
// description of the HTTP API.
const ROOT = new URL("../", import.meta.url);

const texts = new Map([
  ["docs/drawbridge.schema.json", configSchema()],
  [OPENAPI_FILE, openApi()],
  ...pages().map((path): [string, string] => [path, withBlocks(readPage(path))]),
]);
for (const [path, text] of texts) {
  if (readPage(path) === text) continue;
  writeFileSync(new URL(path, ROOT), text);
  stdout.write(`written: ${path}\n`);
}

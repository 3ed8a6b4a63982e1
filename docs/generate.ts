import { writeFileSync } from "node:fs";
import { stdout } from "node:process";
import { configSchema } from "./config-schema.ts";
import { pages, readPage, withBlocks } from "./generated-blocks.ts";

// `npm run docs`: writes the generated blocks of the documents, and the JSON Schema of `drawbridge.yaml`.
const ROOT = new URL("../", import.meta.url);

const texts = new Map([
  ["docs/drawbridge.schema.json", configSchema()],
  ...pages().map((path): [string, string] => [path, withBlocks(readPage(path))]),
]);
for (const [path, text] of texts) {
  if (readPage(path) === text) continue;
  writeFileSync(new URL(path, ROOT), text);
  stdout.write(`written: ${path}\n`);
}

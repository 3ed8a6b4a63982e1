import { readdirSync, readFileSync } from "node:fs";
import measured from "../infra/cost/measured.json" with { type: "json" };
import { costTables } from "../infra/cost/tables.ts";
import { actions } from "../shared/actions/registry.ts";
import { checks } from "../shared/config/checks/registry.ts";
import { EVENT_TYPES } from "../shared/model/event.ts";
import { providers } from "../shared/providers/registry.ts";
import { CD_EVENTS } from "./cd-events.ts";
import {
  authorityKeys,
  commonKeys,
  issuerKeys,
  keysUnder,
  keyTable,
  kindsIn,
  orderKeys,
  roleKeys,
  ruleKeys,
  sections,
  table,
  upstreamKeys,
} from "./config-tables.ts";
import { benchmarkBlocks } from "./generate/benchmarks.ts";
import { designBlocks } from "./generate/design.ts";
import { eventFieldTables, eventValueTable } from "./generate/event-fields.ts";
import { firedRoutesTable, type Page } from "./generate/fired-routes.ts";
import { httpAnswers, httpCalls, httpSenders } from "./generate/http-reference.ts";
import { licenceTable } from "./generate/licences.ts";
import { rejectionTable } from "./generate/rejections.ts";
import { setupBlocks } from "./generate/sender-setups.ts";
import { tortureTable } from "./generate/torture.ts";

/**
 * Generates a part of a document from code. In a page, such a block is between `<!-- generated: NAME -->` and
 * `<!-- end generated -->`, and `npm run docs` writes it. To add one, add it to {@link BLOCKS} and the markers to a page.
 */
type Block = () => string;

const tablesOfCost = costTables(measured);
const costBlocks = Object.fromEntries(
  [...tablesOfCost].map(([name, table]): [string, Block] => [`cost-${name}`, () => table]),
);

/** The blocks by name. A block returns Markdown without blank lines around it, and always the same text. */
export const BLOCKS: Readonly<Record<string, Block>> = {
  ...benchmarkBlocks,
  ...costBlocks,
  ...designBlocks,
  ...setupBlocks,
  checks: checkTable,
  "config-checks": () => keyTable(keysUnder("checks")),
  "config-sections": () => keyTable(sections()),
  "config-issuers": () => keyTable(issuerKeys()),
  "config-rules": () => keyTable(ruleKeys()),
  "config-identity": () => keyTable(keysUnder("identity")),
  "config-roles": () => keyTable(roleKeys()),
  "config-authorities": () => keyTable(authorityKeys()),
  "config-upstreams": () => keyTable(upstreamKeys()),
  "config-kong": () => keyTable(keysUnder("kong")),
  "config-orders": () => keyTable(orderKeys()),
  "config-sources": () => keyTable(commonKeys("sources")),
  "config-providers": () => chapters("sources", "provider", "shared/providers"),
  "config-targets": () => keyTable(commonKeys("targets")),
  "config-kinds": () => chapters("targets", "kind", "shared/actions"),
  "config-routes": () => keyTable(commonKeys("routes")),
  "config-actions": () => chapters("routes", "do", "shared/actions"),
  "config-console": () => keyTable(keysUnder("console")),
  "config-limits": () => keyTable(keysUnder("limits")),
  "config-otlp": () => keyTable(keysUnder("otlp")),
  decisions,
  "event-fields": eventFieldTables,
  "event-types": eventTypes,
  "event-values": eventValueTable,
  "fired-routes": () => firedRoutesTable(examplePages()),
  "http-answers": httpAnswers,
  "http-calls": httpCalls,
  "http-senders": httpSenders,
  licences: licenceTable,
  rejections: rejectionTable,
  senders: () => readmes("Each sender", "shared/providers", providers),
  targets: () => readmes("Each target", "shared/actions", actions),
  torture: tortureTable,
};

/** Returns a chapter for each provider, kind of target or action. */
function chapters(section: "sources" | "targets" | "routes", key: string, folder: string): string {
  const parts = kindsIn(section).map(({ name, keys }) => {
    const heading = key === "do" ? `### Action \`${name}\`` : `### \`${key}: ${name}\``;
    return `${heading}\n\n${keyTable(keys)}\n\nMore: [${folder}/${name}](/${folder}/${name}/README.md).`;
  });
  return parts.join("\n\n");
}

function checkTable(): string {
  const rows = checks.map(({ id, level, finds, remedy, canBeIgnored }) => [
    `\`${id}\``,
    level,
    finds,
    remedy,
    canBeIgnored ? "yes" : "no",
  ]);
  return table(["id", "level", "what it finds", "what to do", "can be ignored"], rows);
}

function eventTypes(): string {
  const rows = EVENT_TYPES.map((type) => {
    const [family = ""] = type.split(".");
    const part = family === "blogpost" ? "page" : family;
    const publishers = providers.filter(({ publishes }) => publishes.includes(type)).map(({ name }) => name);
    const all = ["approval", "summary", "flow"].includes(part) ? [...publishers, "the bridge"] : publishers;
    return [`\`${type}\``, CD_EVENTS[type], `\`${part}\``, all.join(", ") || "none yet"];
  });
  return table(["type", "CDEvents", "part", "published by"], rows);
}

/** Returns links to all decisions, with their titles. */
function decisions(): string {
  const paths = pages().filter((path) => /^docs\/adr\/\d/.test(path));
  const rows = paths.map((path) => {
    const [, title = ""] = /^# (.+)$/m.exec(readPage(path)) ?? [];
    return [`[${title}](${path.replace("docs/adr/", "")})`];
  });
  return table(["decision"], rows);
}

/** Returns links to the READMEs of all providers or actions. */
function readmes(what: string, folder: string, all: readonly { readonly name: string }[]): string {
  const links = all.map(({ name }) => `[${name}](/${folder}/${name}/README.md)`);
  return `${what} has a README:\n${links.join(",\n")}.`;
}

/** The pages with examples of configurations, and the example that the template tests use. */
export const examplePages = (): readonly Page[] =>
  [...pages(), "infra/example/drawbridge.yaml"].map((path) => ({ path, text: readPage(path) }));

const ROOT = new URL("../", import.meta.url);

/** Returns the paths of all Markdown files of the project, relative to its root. */
export function pages(): readonly string[] {
  const inFolders = ["docs", "shared"].flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  );
  return [...readdirSync(ROOT), ...inFolders].filter((path) => path.endsWith(".md")).sort();
}

export const readPage = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");

const START = /^<!-- generated: ([\w-]+) -->$/;
const END = "<!-- end generated -->";

/** Returns the page with each block generated anew. Throws for an unknown name, and for a start or end without the other. */
export function withBlocks(page: string): string {
  let open: string | undefined;
  const lines = page.split("\n").flatMap((line): readonly string[] => {
    const [, name] = START.exec(line) ?? [];
    if (name !== undefined) {
      if (open !== undefined) throw new Error(`the block "${open}" has no end`);
      open = name;
      return [line, "", blockOf(name), ""];
    }
    if (line !== END) return open === undefined ? [line] : [];
    if (open === undefined) throw new Error("the end of a block has no start");
    open = undefined;
    return [line];
  });
  if (open !== undefined) throw new Error(`the block "${open}" has no end`);
  return lines.join("\n");
}

function blockOf(name: string): string {
  const block = BLOCKS[name];
  if (block === undefined) throw new Error(`no block has the name "${name}"`);
  return block();
}

/** Returns the names of the blocks in a page. */
export const blocksIn = (page: string): readonly string[] =>
  page.split("\n").flatMap((line) => START.exec(line)?.[1] ?? []);

/** Returns the page without its blocks: the part that people write. */
export function handWritten(page: string): string {
  let isGenerated = false;
  const lines = page.split("\n").filter((line) => {
    if (START.test(line)) isGenerated = true;
    const isKept = !isGenerated;
    if (line === END) isGenerated = false;
    return isKept;
  });
  return lines.join("\n");
}

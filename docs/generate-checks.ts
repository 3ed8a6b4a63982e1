import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { checks } from "../shared/config/checks/registry.ts";

/** Writes the table of docs/checks.md from the registry of checks: `npm run schema`. */
const FILE = new URL("checks.md", import.meta.url);

/** The page with its table as the registry has it now. */
export function checksPage(): string {
  const rows = checks.map(({ id, level, finds, remedy, canBeIgnored }) =>
    row([`\`${id}\``, level, finds, remedy, canBeIgnored ? "yes" : "no"]),
  );
  const table = [
    row(["id", "level", "what it finds", "what to do", "can be ignored"]),
    row(Array(5).fill("---")),
    ...rows,
  ];
  const block = `<!-- checks -->\n\n${table.join("\n")}\n\n<!-- end of checks -->`;
  return readFileSync(FILE, "utf8").replace(/<!-- checks -->.*<!-- end of checks -->/s, () => block);
}

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, checksPage());

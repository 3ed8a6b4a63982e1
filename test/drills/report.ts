import { VERSION } from "../../shared/host/version.ts";
import type { Drill, Finding } from "./drill.ts";

interface Result {
  readonly drill: Drill;
  readonly findings: readonly Finding[];
}

/** The results as one Markdown page, for somebody who was not there. */
export function reportOf(results: readonly Result[], startedAt: Date): string {
  const rows = results.map(({ drill, findings }) => {
    const saw = (side: Finding["side"]): string => {
      const one = findings.find((finding) => finding.side === side);
      if (one === undefined) return "–";
      const { saw, wanted } = one;
      return wanted === undefined ? cell(saw) : `✕ ${cell(saw)}; wanted: ${cell(wanted)}`;
    };
    const isPassed = findings.every(({ wanted }) => wanted === undefined);
    const sides = (["caller", "console", "alerts", "page", "runs", "recovery"] as const).map(saw);
    return `| ${[drill.name, cell(drill.broken), ...sides, isPassed ? "✓ passed" : "✕ failed"].join(" | ")} |`;
  });
  const passed = results.filter(({ findings }) => findings.every(({ wanted }) => wanted === undefined)).length;
  return [
    "# Failure drills",
    "",
    `Drawbridge ${VERSION} on Node ${process.versions.node}, ${startedAt.toISOString().slice(0, 16)} UTC: ${passed} of ${results.length} passed.`,
    "`npm run drill` broke each thing on purpose, at a bridge between sandboxes, and read what each side showed.",
    "",
    "| drill | what was broken | the caller got | the console showed | alerts | the page | runs | recovery | result |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

/** A text as a cell of a table. */
const cell = (text: string): string => text.replaceAll("|", "&#124;").replaceAll("<", "&lt;");

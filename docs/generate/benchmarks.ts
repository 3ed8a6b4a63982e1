import { PUBLISHED, type Published, readMeasured } from "../../test/bench/measured.ts";
import { table } from "../config-tables.ts";

/** The figures of each measure, as `npm run bench -- --write` measured them last. */
export const benchmarkBlocks: Readonly<Record<string, () => string>> = Object.fromEntries(
  PUBLISHED.map((name) => [`bench-${name}`, () => figuresOf(name)]),
);

function figuresOf(name: Published): string {
  const measured = readMeasured()[name];
  if (measured === undefined) return `Not measured yet: \`npm run bench -- --write ${name}\`.`;
  const { date, machine, tables } = measured;
  const shown = tables.map(({ title, headings, rows }) => `${title}:\n\n${table([...headings], rows)}`);
  const facts = machine.split(", ").map((fact) => `- ${fact}`);
  return [`Measured on ${date}:`, facts.join("\n"), ...shown].join("\n\n");
}

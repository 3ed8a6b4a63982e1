import { Transform } from "node:stream";
import type { EpochMillis } from "../host/clock.ts";
import { printable } from "./terminal-text.ts";
import { localTime } from "./time.ts";

/** A stream for the log of a process that a person watches: each JSON line becomes a sentence with its facts. */
export const sentencesOf = (now: () => EpochMillis): Transform =>
  new Transform({
    transform: (chunk, _, done) => {
      const lines = String(chunk).split("\n").filter(Boolean);
      done(null, lines.map((line) => `${sentenceOf(line, now())}\n`).join(""));
    },
  });

/** A line that is not JSON, such as one that was cut, is printed as it is. */
function sentenceOf(line: string, now: EpochMillis): string {
  const fields = parsed(line);
  if (fields === undefined) return printable(line);
  const { time, level, message, ...facts } = fields;
  const known = Object.entries(facts).map(([name, fact]) => `${name} ${String(fact)}`);
  const mark = level === "info" ? "" : `${String(level)}: `;
  const about = known.length === 0 ? "" : ` (${known.join(", ")})`;
  return printable(`${localTime(String(time), now)} ${mark}${String(message)}${about}`);
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    // `as`: the log's own line is an object.
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    // Cut by a full disk.
    return undefined;
  }
}

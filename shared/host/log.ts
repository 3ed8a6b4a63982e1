import type { Writable } from "node:stream";
import { jsonEscapeOf, replaceHidden } from "./hidden-characters.ts";

/** The fields of one structured log line. A value is never a payload, a header map or a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** A structured log. Callers write one wide line per outcome: the fields first, then a short message. */
export interface Log {
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/**
 * Writes each line as one JSON object through `write`. `isoNow` is the caller's clock; `extraFields` returns the fields
 * that the platform adds to a line.
 */
export function jsonLog(
  write: (line: string) => void,
  isoNow: () => string,
  extraFields: (fields: LogFields) => object = () => ({}),
): Log {
  const line = (level: string) => (fields: LogFields, message: string) =>
    write(`${lineOf({ level, time: isoNow(), message, ...fields, ...extraFields(fields) })}\n`);
  return { info: line("info"), warn: line("warn"), error: line("error") };
}

/** JSON escapes only some of the characters that would make a line read otherwise on a terminal. */
const lineOf = (entry: object): string => replaceHidden(JSON.stringify(entry), jsonEscapeOf);

/**
 * A log into a stream that may fail at any time, such as the standard output: its disk may be full, or its reader gone. A
 * line that cannot be written is dropped. Before the next line that can be written, one line counts the dropped ones.
 */
export function streamLog(stream: Writable, isoNow: () => string): Log {
  let dropped = 0;
  // Without a listener, an error of the stream ends the process. The callback of each write counts it.
  stream.on("error", () => undefined);
  return jsonLog((line) => {
    const earlier = dropped;
    dropped = 0;
    stream.write(earlier === 0 ? line : `${droppedLine(earlier, isoNow)}${line}`, (error) => {
      if (error) dropped += earlier + 1;
    });
  }, isoNow);
}

/** Begins with a line break: a full disk may have cut the line before. */
function droppedLine(lines: number, isoNow: () => string): string {
  let text = "";
  const log = jsonLog((line) => {
    text = `\n${line}`;
  }, isoNow);
  log.warn({ lines }, "log lines were dropped, because they could not be written");
  return text;
}

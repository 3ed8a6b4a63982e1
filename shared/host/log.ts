/** The fields of one structured line. Values are facts; never a payload, a header map or a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** One wide line per outcome: the fields first, then a short message. */
export interface Log {
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/**
 * Writes each line as one JSON object through `write`. `isoNow` is the caller's clock; `beside` gives what a line has
 * besides its own fields, where they run.
 */
export function jsonLog(
  write: (line: string) => void,
  isoNow: () => string,
  beside: (fields: LogFields) => object = () => ({}),
): Log {
  const line = (level: string) => (fields: LogFields, message: string) =>
    write(`${JSON.stringify({ level, time: isoNow(), message, ...fields, ...beside(fields) })}\n`);
  return { info: line("info"), warn: line("warn"), error: line("error") };
}

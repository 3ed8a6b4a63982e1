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
    write(`${JSON.stringify({ level, time: isoNow(), message, ...fields, ...extraFields(fields) })}\n`);
  return { info: line("info"), warn: line("warn"), error: line("error") };
}

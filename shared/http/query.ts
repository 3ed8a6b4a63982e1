import * as v from "valibot";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";

/**
 * Parses the query of a call by its schema. `expected`: what each parameter must be, for the rejection of an invalid one and
 * for the description of the call. A parameter that the schema does not have must be left out.
 */
export function parseQuery<T>(
  { url }: Pick<ReceivedRequest, "url">,
  schema: v.GenericSchema<unknown, T>,
  expected: Readonly<Record<string, string>>,
): Result<T> {
  const read = v.safeParse(schema, Object.fromEntries(url.searchParams));
  if (read.success) return ok(read.output);
  const parameter = String(read.issues[0].path?.[0]?.key ?? "");
  const isKnown = Object.hasOwn(expected, parameter);
  return reject({ reason: "query_invalid", parameter, expected: (isKnown && expected[parameter]) || "left out" });
}

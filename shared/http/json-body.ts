import * as v from "valibot";
import { readJsonObject } from "../host/strict-json.ts";
import type { Rejection } from "../model/rejection.ts";
import { ok, type Result, reject } from "../model/result.ts";

/** The body of a call of the bridge's own interface, as its schema has it; an empty body is an empty object. */
export function readCall<T>(body: Uint8Array, schema: v.GenericSchema<unknown, T>): Result<T> {
  const json = body.length === 0 ? { ok: true as const, value: {} } : readJsonObject(body);
  if (!json.ok) return reject(invalid(json.problem));
  const read = v.safeParse(schema, json.value);
  if (read.success) return ok(read.output);
  const [issue] = read.issues;
  const member = v.getDotPath(issue) ?? "the body";
  if (issue.expected === "never") return reject(invalid(`there is no "${member}" here`));
  return reject(invalid(`"${member}" is missing or not what it must be; expected ${issue.expected ?? issue.message}`));
}

const invalid = (problem: string): Rejection => ({ reason: "body_invalid", problem });

import * as v from "valibot";
import { readJsonObject } from "../host/strict-json.ts";
import type { Rejection } from "../model/rejection.ts";
import { ok, type Result, reject } from "../model/result.ts";

/** Parses the body of an API call by its schema. An empty body is an empty object. */
export function parseJsonBody<T>(body: Uint8Array, schema: v.GenericSchema<unknown, T>): Result<T> {
  const json = body.length === 0 ? { ok: true as const, value: {} } : readJsonObject(body);
  if (!json.ok) return reject(invalid(json.problem));
  const read = v.safeParse(schema, json.value);
  if (read.success) return ok(read.output);
  const [issue] = read.issues;
  const member = v.getDotPath(issue) ?? "the body";
  if (issue.expected === "never") return reject(invalid(`"${member}" is not a member of this body`));
  return reject(invalid(`"${member}" is missing or invalid; expected ${issue.expected ?? issue.message}`));
}

const invalid = (problem: string): Rejection => ({ reason: "body_invalid", problem });

import * as v from "valibot";
import { readJsonObject } from "../host/strict-json.ts";
import type { Rejection } from "../model/rejection.ts";
import { ok, type Result, reject } from "../model/result.ts";

/** Parses the body of an API call by its schema. An empty body is an empty object. */
export function parseJsonBody<T>(body: Uint8Array, schema: v.GenericSchema<unknown, T>): Result<T> {
  const json = body.length === 0 ? { ok: true as const, value: {} } : readJsonObject(body);
  if (!json.ok) return reject(invalid(json.problem));
  const unread = unreadMember(json.value);
  if (unread !== undefined) return reject(invalid(`"${unread}" is not a member of this body`));
  const read = v.safeParse(schema, json.value);
  if (read.success) return ok(read.output);
  const [issue] = read.issues;
  const member = v.getDotPath(issue) ?? "the body";
  if (issue.expected === "never") return reject(invalid(`"${member}" is not a member of this body`));
  if (issue.type === "non_empty") return reject(invalid(`"${member}" is empty`));
  if (issue.type === "integer" || issue.type === "safe_integer")
    return reject(invalid(`"${member}" is no whole number`));
  return reject(invalid(`"${member}" is missing or invalid; expected ${issue.expected ?? issue.message}`));
}

/** The path of a member that valibot would leave out without a finding; undefined if there is none. */
function unreadMember(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    if (UNREAD.includes(name)) return name;
    const inside = unreadMember(member);
    if (inside !== undefined) return `${name}.${inside}`;
  }
  return undefined;
}

const UNREAD: readonly string[] = ["__proto__", "constructor", "prototype"];

const invalid = (problem: string): Rejection => ({ reason: "body_invalid", problem });

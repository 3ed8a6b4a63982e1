import * as v from "valibot";
import type { Rejection } from "../model/rejection.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { NO_CACHE } from "./problem.ts";
import { problemOf } from "./problem-of.ts";

/** The parameters of a form. Each is there at most once. */
export type Form = Readonly<Record<string, string>>;

/**
 * Reads a form (`application/x-www-form-urlencoded`). A repeated parameter is rejected, and an empty one counts as absent
 * (RFC 6749 §3.2). Parameters that nobody asks for are ignored.
 */
export function readForm(body: Uint8Array): Result<Form> {
  const form: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(Buffer.from(body).toString("utf8"))) {
    if (value === "") continue;
    if (name in form) return reject({ reason: "body_invalid", problem: "A parameter is repeated" });
    form[name] = value;
  }
  return ok(form);
}

/** Checks the parameters of a form by its schema. The messages of the schema follow the name of a parameter. */
export function parseForm<T>(form: Form, schema: v.GenericSchema<unknown, T>): Result<T> {
  const read = v.safeParse(schema, form);
  if (read.success) return ok(read.output);
  const [issue] = read.issues;
  const why = issue.input === undefined ? "is missing" : issue.message;
  return reject({ reason: "body_invalid", problem: `"${v.getDotPath(issue) ?? ""}" ${why}` });
}

/**
 * The response to a rejected request for a token (RFC 6749 §5.2, RFC 8693 §2.2.2), with the members `instance` and `reason`
 * of the bridge's problems. A caller that is not authenticated does not learn the reason.
 */
export function oauthError(rejection: Rejection, requestId: string): Response {
  const { status, title, headers } = problemOf(rejection);
  const body = {
    error: errorOf(rejection),
    error_description: title,
    instance: `urn:uuid:${requestId}`,
    ...(status !== 401 && { reason: rejection.reason }),
  };
  return new Response(JSON.stringify(body), {
    // A client that is not authenticated gets a 400, because it has no credential of its own.
    status: status === 401 || status === 403 || status === 404 ? 400 : status,
    headers: {
      "Content-Type": "application/json",
      ...NO_CACHE,
      ...(status !== 401 && headers),
    },
  });
}

function errorOf({ reason }: Rejection): string {
  switch (reason) {
    case "grant_type_unsupported":
      return "unsupported_grant_type";
    case "upstream_unknown":
    case "role_missing":
      return "invalid_target";
    case "scope_forbidden":
      return "invalid_scope";
    case "rate_exceeded":
    case "overloaded":
      return "temporarily_unavailable";
    default:
      return "invalid_request";
  }
}

import * as v from "valibot";
import { readJsonObject } from "../host/strict-json.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { Allowed, AskedRequest } from "./authorize.ts";
import { NO_CACHE, type Problem, problemResponse } from "./problem.ts";
import { problemOf } from "./problem-of.ts";

/** How one kind of gateway asks, and how it reads the answer. */
interface GatewayForm {
  readonly read: (request: ReceivedRequest) => Result<AskedRequest>;
  readonly allow: (allowed: Allowed, requestId: string) => Response;
  readonly refuse: (rejection: Rejection, requestId: string) => Response;
}

const asksBy =
  (methodHeader: string, targetHeader: string): GatewayForm["read"] =>
  ({ headers }) => {
    const [method, target] = [headers.get(methodHeader), headers.get(targetHeader)];
    if (method === null) return reject({ reason: "asked_request_missing", header: methodHeader });
    if (target === null) return reject({ reason: "asked_request_missing", header: targetHeader });
    return ok({ method, target, headers });
  };

/**
 * `auth_request` of nginx: a request without the body, and an answer of 2xx, 401 or 403. It turns every other status into
 * 500 (https://nginx.org/en/docs/http/ngx_http_auth_request_module.html).
 */
const nginx: GatewayForm = {
  read: asksBy("X-Original-Method", "X-Original-URI"),
  allow: allowedResponse,
  refuse: (rejection, requestId) => refusedResponse(rejection, requestId, true),
};

/**
 * ForwardAuth of Traefik and `forward_auth` of Caddy: any 2xx lets the request pass, and every other answer reaches the
 * client as it is (https://caddyserver.com/docs/caddyfile/directives/forward_auth,
 * https://doc.traefik.io/traefik/middlewares/http/forwardauth/).
 */
const forward: GatewayForm = {
  read: asksBy("X-Forwarded-Method", "X-Forwarded-Uri"),
  allow: allowedResponse,
  refuse: (rejection, requestId) => refusedResponse(rejection, requestId, false),
};

/** The decision in the form of Open Policy Agent's data API, as Kong's plugin `opa` reads it. Any other answer is a 500. */
const opa: GatewayForm = {
  read: readOpaInput,
  allow: (allowed, requestId) => opaResponse({ allow: true, headers: headersOf(allowed, requestId) }),
  refuse(rejection, requestId) {
    // There is nothing to decide about.
    if (rejection.reason === "asked_request_missing") return refusedResponse(rejection, requestId, false);
    const { status, headers = {}, title } = problemOf(rejection);
    return opaResponse({
      allow: false,
      status,
      headers: { ...headers, [REQUEST]: requestId },
      message: `${title} (${requestId})`,
    });
  },
};

export const gatewayForms = { nginx, forward, opa };

const headerValue = v.pipe(v.string(), v.regex(/^[\x20-\x7e\x80-\xff]*$/));
/** What Kong's plugin sends of the request, as far as it is read. */
export const opaInput = v.object({
  input: v.object({
    request: v.object({
      http: v.object({
        method: v.string(),
        path: v.string(),
        headers: v.record(
          v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/)),
          v.union([headerValue, v.array(headerValue)]),
        ),
      }),
    }),
  }),
});

function readOpaInput({ body }: ReceivedRequest): Result<AskedRequest> {
  const json = readJsonObject(body);
  const read = v.safeParse(opaInput, json.ok ? json.value : undefined);
  if (!read.success) return reject({ reason: "asked_request_missing", header: "input.request.http" });
  const { method, path, headers } = read.output.input.request.http;
  const entries = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().map((value): [string, string] => [name, value]),
  );
  return ok({ method, target: path, headers: new Headers(entries) });
}

/** What the gateway hands on to the upstream. It has to replace headers with these names that the client sent. */
function headersOf({ caller, wouldRefuse }: Allowed, requestId: string): Readonly<Record<string, string>> {
  // All names are there, so that no gateway keeps what the client sent.
  if (caller === undefined) return { ...NOBODY, [REQUEST]: requestId, "X-Drawbridge-Would-Refuse": wouldRefuse ?? "" };
  const { id, trustEntry, roles, scope, token } = caller;
  return {
    ...NOBODY,
    [REQUEST]: requestId,
    "X-Drawbridge-Principal": headerText(id),
    "X-Drawbridge-Trust-Entry": trustEntry,
    "X-Drawbridge-Roles": roles.join(" "),
    "X-Drawbridge-Scope": scope,
    "X-Drawbridge-Token": token.reveal(),
  };
}

const NOBODY = {
  "X-Drawbridge-Principal": "",
  "X-Drawbridge-Trust-Entry": "",
  "X-Drawbridge-Roles": "",
  "X-Drawbridge-Scope": "",
  "X-Drawbridge-Token": "",
  "X-Drawbridge-Would-Refuse": "",
};

/** The id of the decision. Not every gateway passes the body of a refusal on. */
const REQUEST = "X-Drawbridge-Request";

/** Percent-encodes what a header cannot have. */
const headerText = (text: string): string => text.toWellFormed().replace(/[^!-$&-~]/gu, encodeURIComponent);

function allowedResponse(allowed: Allowed, requestId: string): Response {
  const decision = allowed.caller === undefined ? "would_refuse" : "allow";
  return Response.json({ decision }, { headers: { ...NO_CACHE, ...headersOf(allowed, requestId) } });
}

function refusedResponse(rejection: Rejection, requestId: string, isOnlyAuthentication: boolean): Response {
  const problem: Problem = problemOf(rejection);
  const isKept = !isOnlyAuthentication || problem.status === 401;
  const reason = problem.status === 401 ? undefined : rejection.reason;
  const headers = { ...problem.headers, [REQUEST]: requestId };
  return problemResponse({ ...problem, headers, ...(!isKept && { status: 403 }) }, requestId, reason);
}

const opaResponse = (result: object): Response => Response.json({ result }, { headers: NO_CACHE });

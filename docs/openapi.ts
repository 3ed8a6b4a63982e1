import { type ConversionConfig, type JsonSchema, toJsonSchema, toJsonSchemaDefs } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import manifest from "../package.json" with { type: "json" };
import { BUS_EVENT_FIELDS, type Field } from "../shared/config/checks/bus-event-fields.ts";
import { NO_CACHE, PUBLIC, UNAVAILABLE } from "../shared/http/problem.ts";
import { problemOf } from "../shared/http/problem-of.ts";
import type { Rejection, RejectionReason } from "../shared/model/rejection.ts";
import { HINTS } from "../shared/model/rejection-hints.ts";
import { providers } from "../shared/providers/registry.ts";
import * as answers from "./http/answers.ts";
import { OPERATIONS, type Operation, PATH_PARAMETERS, SENDER_CREDENTIALS } from "./http/operations.ts";

type Json = Readonly<Record<string, unknown>>;

/** Where the description is, for the call that serves it. */
export const OPENAPI_FILE = "shared/http/openapi.json";

/**
 * Returns the description of the HTTP API (OpenAPI 3.1), which `GET /openapi.json` serves. `npm run docs` writes it to a
 * file, so that no bridge contains the code that makes it. Queries and bodies are generated from the schemas that validate
 * them. Rules that JSON Schema cannot express are left out.
 */
export function openApi(): string {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [call, operation] of Object.entries(OPERATIONS)) {
    const [method = "", path = ""] = call.split(" ");
    paths[path] = { ...paths[path], [method.toLowerCase()]: described(method, path, operation) };
  }
  const document = {
    openapi: "3.1.1",
    info: { title: "Drawbridge", version: manifest.version, description: INTRODUCTION },
    servers: [{ url: "/", description: "The bridge that serves this description." }],
    paths,
    components: {
      schemas: {
        ...toJsonSchemaDefs(ANSWERS, OF_ANSWERS),
        Rejection: rejection,
        BusEvent: fieldSchema(BUS_EVENT_FIELDS),
        Problem: problem,
        OAuthError: oauthError,
      },
      headers: rateHeaderComponents(),
      responses: Object.fromEntries([401, 413, 415, 429].map((status) => [`Problem${status}`, commonResponse(status)])),
      securitySchemes: { bearer, ...senderSchemes() },
    },
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

const INTRODUCTION = [
  "The HTTP API of the bridge. Every rejection is an `application/problem+json` (RFC 9457), except at `/oauth/token`, which " +
    "answers in the form of RFC 6749. The `reason` is stable, and `docs/reasons.md` explains each. A call that is " +
    "authenticated for another reason than its body learns it; a caller that is not authenticated never does.",
  "A path that is described answers 405 to every other method, with `Allow`. `HEAD` is answered like `GET`, without the body. " +
    "Answers are JSON, whatever `Accept` asks for. No answer may be cached unless its `Cache-Control` permits it.",
  "Lists are paged: `limit` is the size of a page, and `next` of the answer is the `cursor` of the next one.",
].join("\n\n");

/** The schemas with names of their own. */
const ANSWERS = {
  ListedDeliveries: answers.listedDeliveries,
  ShownDelivery: answers.shownDelivery,
  Approval: answers.approval,
  ListedApprovals: answers.listedApprovals,
  EndedApprovals: answers.endedApprovals,
  ListedCredentials: answers.listedCredentials,
  Receipt: answers.receipt,
  Replayed: answers.replayed,
  SubmittedSummary: answers.submittedSummary,
  ListedRefusals: answers.listedRefusals,
  Target: answers.target,
  ListedTargets: answers.listedTargets,
  RevokedSessions: answers.revokedSessions,
  ExchangedToken: answers.exchangedToken,
  Principal: answers.principal,
  Identity: answers.identity,
  TimelineEvent: answers.timelineEvent,
  ExpectedRun: answers.expectedRun,
  Decision: answers.decision,
  Explanation: answers.explanation,
  Introspection: answers.introspection,
  Discovery: answers.discovery,
  KeySet: answers.keySet,
  Health: answers.health,
  Readiness: answers.readiness,
};

const SCHEMAS = "#/components/schemas/";

/** Types of the model that no schema validates, by the schema that has their place. */
const OF_THE_MODEL = new Map<unknown, string>([
  [answers.rejection, "Rejection"],
  [answers.busEvent, "BusEvent"],
]);

type Overridden = Parameters<NonNullable<ConversionConfig["overrideSchema"]>>[0];

const OF_ANSWERS = {
  target: "draft-2020-12",
  overrideSchema: ({ valibotSchema, jsonSchema }: Overridden) => {
    const name = OF_THE_MODEL.get(valibotSchema);
    if (name !== undefined) return { $ref: `${SCHEMAS}${name}` };
    return valibotSchema.type === "loose_object" ? { ...jsonSchema, additionalProperties: true } : undefined;
  },
  overrideRef: ({ referenceId }: { readonly referenceId: string }) => `${SCHEMAS}${referenceId}`,
} as const;

function answerSchema(schema: GenericSchema): JsonSchema {
  const { $schema: _, $defs: __, ...converted } = toJsonSchema(schema, { ...OF_ANSWERS, definitions: ANSWERS });
  return converted;
}

/** The schema of a query parameter or a body, as a caller writes it. */
function inputSchema(schema: GenericSchema): JsonSchema {
  const options = { target: "draft-2020-12", typeMode: "input", errorMode: "ignore" } as const;
  const { $schema: _, ...converted } = toJsonSchema(schema, options);
  return converted;
}

function described(method: string, path: string, operation: Operation): Json {
  const { summary, description, query, body, answers: succeeding } = operation;
  const parameters = [...pathParameters(path), ...queryParameters(query), ...headerParameters(operation)];
  return {
    operationId: [method.toLowerCase(), ...(path.match(/\w+/g) ?? [])].map(capitalized).join(""),
    summary,
    ...(description !== undefined && { description }),
    security: securityOf(operation),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: requestBody(body) }),
    responses: {
      ...Object.fromEntries(
        Object.entries(succeeding).map(([status, { what, type = "application/json", schema }]) => [
          status,
          {
            description: what,
            headers: { ...cacheHeader(operation), ...limitHeaders(operation) },
            content: { [type.replace(/;.*/, "")]: { schema: answerSchema(schema) } },
          },
        ]),
      ),
      ...rejectionResponses(operation),
    },
  };
}

const capitalized = (word: string, at: number): string =>
  at === 0 ? word : `${word.charAt(0).toUpperCase()}${word.slice(1)}`;

const json = (schema: JsonSchema | Json): Json => ({ "application/json": { schema } });

const cacheHeader = ({ isCached }: Operation): Json => ({
  "Cache-Control": { required: true, schema: { const: (isCached ? PUBLIC : NO_CACHE)["Cache-Control"] } },
});

/** Of an answer to a caller whose role has a limit. */
const limitHeaders = (operation: Operation): Json => (reasonsOf(operation).includes("rate_exceeded") ? RATE_REFS : {});

const RATE_HEADERS = {
  "RateLimit-Limit":
    "Requests in a minute, of the limit of the caller's roles that is reached first. Absent without a limit.",
  "RateLimit-Remaining": "Requests that are left in this minute.",
  "RateLimit-Reset": "Seconds until the next minute.",
};
const RATE_REFS: Json = Object.fromEntries(
  Object.keys(RATE_HEADERS).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
);
const rateHeaderComponents = (): Json =>
  Object.fromEntries(
    Object.entries(RATE_HEADERS).map(([name, text]) => [
      name,
      { description: text, schema: { type: "integer", minimum: 0 } },
    ]),
  );

const pathParameters = (path: string): readonly Json[] =>
  Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    description: PATH_PARAMETERS[name],
    schema: { type: "string", minLength: 1 },
  }));

const queryParameters = (query: Operation["query"]): readonly Json[] =>
  Object.entries(query?.schema.entries ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    ...(!schema.type.endsWith("optional") && { required: true }),
    description: query?.expected[name],
    schema: inputSchema(schema),
  }));

const headerParameters = (operation: Operation): readonly Json[] => [
  ...Object.entries(operation.headers ?? {}).map(([name, description]) => ({
    name,
    in: "header",
    required: true,
    description,
    schema: { type: "string" },
  })),
  ...keyParameter(operation),
];

const keyParameter = ({ isIdempotent }: Operation): readonly Json[] => {
  if (isIdempotent === undefined) return [];
  return isIdempotent === "required" ? [{ ...KEY, description: NEEDED_KEY, required: true }] : [KEY];
};

const NEEDED_KEY = "Two requests with the same key and inputs are one.";
const KEY = {
  name: "Idempotency-Key",
  in: "header",
  description: "Two requests with the same key are one order. Without it, equal requests within one second are one.",
  schema: { type: "string" },
};

function requestBody({ type, schema, required }: NonNullable<Operation["body"]>): Json {
  const content = { schema: schema === "any" ? {} : inputSchema(schema) };
  const own = schema === "any" ? providers.flatMap(({ contentTypes = [] }) => contentTypes) : [];
  const types = type === "form" ? ["application/x-www-form-urlencoded"] : ["application/json", ...own];
  return { required, content: Object.fromEntries(types.map((one) => [one, content])) };
}

const securityOf = ({ caller }: Operation): readonly Json[] => {
  if (caller === "token") return [{ bearer: [] }];
  return caller === "sender" ? Object.keys(senderSchemes()).map((name) => ({ [name]: [] })) : [];
};

const bearer = {
  type: "http",
  scheme: "bearer",
  bearerFormat: "JWT",
  description:
    "A token of an issuer that the configuration trusts (`issuers`), for the audience of its entry. The claims of the token " +
    "earn its roles. A token that is bound to a key (RFC 9449) is sent as `Authorization: DPoP` with a proof in `DPoP`.",
};

const senderSchemes = (): Json =>
  Object.fromEntries(
    providers.map(({ name }) => {
      const [header, description] = SENDER_CREDENTIALS[name] ?? ["Authorization", `See shared/providers/${name}.`];
      return [`${name}Sender`, { type: "apiKey", in: "header", name: header, description }];
    }),
  );

/** The other members of a rejection are left out: a status depends only on the reason. */
const statusOf = (reason: RejectionReason): number => problemOf({ reason } as Rejection).status;

/** All reasons, in the order of the documentation. */
const REASONS = Object.keys(HINTS) as readonly RejectionReason[];

/** Of every call with this kind of caller. */
const OF_CALLERS: Readonly<Record<Operation["caller"], readonly RejectionReason[]>> = {
  anyone: [],
  sender: ["rate_exceeded"],
  token: ["tenant_mismatch", "groups_omitted", "role_missing", "rate_exceeded"],
  "subject token": ["tenant_mismatch", "groups_omitted", "rate_exceeded"],
};

function reasonsOf({ caller, body, refusals }: Operation): readonly RejectionReason[] {
  const ofBody: readonly RejectionReason[] = [
    "content_type_unsupported",
    "charset_unsupported",
    "content_encoding_unsupported",
  ];
  return [
    ...new Set<RejectionReason>([
      ...(["request_malformed", "overloaded"] as const),
      ...(caller === "anyone" ? [] : (["body_too_large"] as const)),
      ...(body ? ofBody : []),
      ...OF_CALLERS[caller],
      ...refusals,
    ]),
  ];
}

function rejectionResponses(operation: Operation): Json {
  const { caller, isOptional, answers: succeeding } = operation;
  const byStatus = new Map<number, RejectionReason[]>(
    caller === "anyone" || caller === "subject token" ? [] : [[401, []]],
  );
  if (isOptional) byStatus.set(404, []);
  const isOAuth = caller === "subject token";
  for (const reason of reasonsOf(operation)) {
    const status = BEFORE_HANDLER.has(reason) ? statusOf(reason) : answeredStatus(operation, statusOf(reason));
    byStatus.set(status, [...(byStatus.get(status) ?? []), reason]);
  }
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, reasons]) => [
        status,
        responseOf({ status, reasons, isOAuth, limits: limitHeaders(operation), other: succeeding[503] }),
      ]),
  );
}

/** Reasons with which every call answers alike, before its own handler. */
const BEFORE_HANDLER: ReadonlySet<RejectionReason> = new Set([
  ...(["request_malformed", "overloaded", "body_too_large", "content_type_unsupported"] as const),
  ...(["charset_unsupported", "content_encoding_unsupported"] as const),
]);

function answeredStatus({ caller, forbids }: Operation, status: number): number {
  if (forbids && status !== 401) return 403;
  return caller === "subject token" && [401, 403, 404].includes(status) ? 400 : status;
}

interface Rejected {
  readonly status: number;
  readonly reasons: readonly RejectionReason[];
  readonly isOAuth: boolean;
  readonly limits: Json;
  readonly other: Operation["answers"][503];
}

function responseOf({ status, reasons, isOAuth, limits, other }: Rejected): Json {
  const isCommon = [401, 413, 415].includes(status) || (status === 429 && !isOAuth);
  if (isCommon) return { $ref: `#/components/responses/Problem${status}` };
  const own = isOAuth ? reasons.filter((reason) => !BEFORE_HANDLER.has(reason)) : [];
  const common = reasons.filter((reason) => !own.includes(reason));
  const isProblem = common.length > 0 || own.length === 0;
  return {
    description: reasonsText(status, reasons),
    headers: { ...headersOf(status), ...limits },
    content: {
      ...(isProblem && { "application/problem+json": { schema: problemWith(status, common) } }),
      ...(own.length > 0 && json({ $ref: `${SCHEMAS}OAuthError` })),
      ...(other && status === 503 && json(answerSchema(other.schema))),
    },
  };
}

function commonResponse(status: number): Json {
  const reasons = status === 401 ? [] : REASONS.filter((reason) => statusOf(reason) === status);
  const content = { "application/problem+json": { schema: problemWith(status, reasons) } };
  const limits = status === 429 ? RATE_REFS : {};
  return { description: reasonsText(status, reasons), headers: { ...headersOf(status), ...limits }, content };
}

function reasonsText(status: number, reasons: readonly RejectionReason[]): string {
  if (status === 401) return "Not authenticated. The answer is the same for every reason, which only the log has.";
  const named = reasons.map((reason) => `\`${reason}\``).join(", ");
  if (status === UNAVAILABLE.status) return `${named}; or, without a reason, a failure: ${UNAVAILABLE.title}.`;
  return named === "" ? "The bridge does not have it." : `${named}.`;
}

function headersOf(status: number): Json {
  const noStore = { "Cache-Control": { required: true, schema: { const: NO_CACHE["Cache-Control"] } } };
  if (status === 401) return { ...noStore, "WWW-Authenticate": { required: true, schema: { type: "string" } } };
  if (status !== 429 && status !== 503) return noStore;
  const seconds = { description: "Seconds.", schema: { type: "integer", minimum: 0 } };
  return { ...noStore, "Retry-After": seconds };
}

/** A 503 may be a failure, which has no reason. */
function problemWith(status: number, reasons: readonly RejectionReason[]): Json {
  const reason = reasons.length === 0 ? false : { enum: reasons };
  return {
    allOf: [
      { $ref: `${SCHEMAS}Problem` },
      {
        type: "object",
        properties: { type: { const: `urn:drawbridge:problem:${status}` }, status: { const: status }, reason },
        ...(reasons.length > 0 && status !== UNAVAILABLE.status && { required: ["reason"] }),
      },
    ],
  };
}

const INSTANCE = {
  type: "string",
  pattern: "^urn:uuid:[0-9a-f-]{36}$",
  description: "It ends in the request id, which the log has too.",
};

const REASON = { enum: REASONS, description: "Stable. `docs/reasons.md` explains each." };

const problem = {
  type: "object",
  required: ["type", "title", "status", "instance"],
  properties: {
    type: { type: "string", pattern: "^urn:drawbridge:problem:\\d{3}$" },
    title: { type: "string" },
    status: { type: "integer", minimum: 400, maximum: 599 },
    instance: INSTANCE,
    reason: REASON,
    input: { type: "string", description: "The input that it is about, of an order." },
  },
};

const oauthError = {
  type: "object",
  required: ["error", "error_description", "instance"],
  properties: {
    error: {
      enum: [
        ...["unsupported_grant_type", "invalid_target", "invalid_scope", "temporarily_unavailable"],
        "invalid_request",
      ],
    },
    error_description: { type: "string" },
    instance: INSTANCE,
    reason: REASON,
  },
};

const rejection = {
  type: "object",
  description: "Why something was rejected, with facts about it.",
  required: ["reason"],
  properties: { reason: REASON },
  additionalProperties: { type: ["string", "number"] },
};

/** Which fields an event has depends on its type. */
function fieldSchema(field: Field): Json {
  if (field === "text") return { type: "string" };
  if (field === "number" || field === "boolean") return { type: field };
  if (field === "any") return { type: "object" };
  if (field instanceof Set) return { enum: [...field] };
  if (isList(field)) return { type: "array", items: fieldSchema(field[0]) };
  return {
    type: "object",
    properties: Object.fromEntries(Object.entries(field).map(([name, below]) => [name, fieldSchema(below)])),
  };
}

const isList = (field: Exclude<Field, string>): field is readonly [Field] => Array.isArray(field);

import { table } from "../config-tables.ts";
import { OPERATIONS } from "../http/operations.ts";
import { openApi } from "../openapi.ts";

interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly not?: object;
  readonly items?: Schema;
  readonly $ref?: string;
  readonly anyOf?: readonly Schema[];
  /** Distinguished by the member `kind`. */
  readonly oneOf?: readonly Schema[];
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

interface Response extends Content {
  readonly description: string;
  readonly $ref?: string;
}

interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly description: string }[];
  readonly requestBody?: Content & { readonly required: boolean };
  readonly responses: Readonly<Record<string, Response>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, Response>>;
    readonly securitySchemes: Readonly<Record<string, { readonly name?: string; readonly description: string }>>;
  };
}

// `openApi` writes this form.
const read = (): Document => JSON.parse(openApi()) as Document;

/** A chapter for each call of the HTTP API, from its description. */
export function httpCalls(): string {
  const document = read();
  const chapters = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      chapter(`${method.toUpperCase()} ${path}`, operation, document),
    ),
  );
  return chapters.join("\n\n");
}

/** The members of each answer. */
export function httpAnswers(): string {
  const { schemas } = read().components;
  const shown = Object.entries(schemas).map(([name, schema]) => `### ${name}\n\n${membersOf(name, schema)}`);
  return shown.join("\n\n");
}

function membersOf(name: string, schema: Schema): string {
  if (name === "BusEvent") return "An event [as it was published](events.md).";
  const kinds = schema.oneOf;
  if (kinds === undefined) return members(schema);
  return kinds.map((one) => `\`${one.properties?.["kind"]?.const}\`:\n\n${members(one)}`).join("\n\n");
}

/** How the senders of each provider prove themselves. */
export function httpSenders(): string {
  const rows = Object.entries(read().components.securitySchemes).map(([name, scheme]) => [
    `\`${name}\``,
    `\`${scheme.name ?? "Authorization"}\``,
    scheme.description,
  ]);
  return table(["scheme", "header", "credential"], rows);
}

function chapter(call: string, operation: Operation, { components }: Document): string {
  const { summary, description, security, parameters = [], requestBody, responses } = operation;
  const schemes = security.flatMap((one) => Object.keys(one)).map((name) => `\`${name}\``);
  const isExchange = OPERATIONS[call]?.caller === "subject token";
  const body = Object.entries(requestBody?.content ?? {})[0];
  const rows = Object.entries(responses).map(([status, response]) => {
    const [, name = ""] = /\/(\w+)$/.exec(response.$ref ?? "") ?? [];
    const shown = components.responses[name] ?? response;
    return [status, typesOf(shown), shown.description];
  });
  return [
    `### \`${call}\``,
    wrapped(`${summary}.${description === undefined ? "" : ` ${description}`}`),
    wrapped(`Authenticated by: ${schemes.join(" or ") || (isExchange ? "`subject_token` in the body" : "nothing")}.`),
    ...(parameters.length === 0
      ? []
      : [
          table(
            ["parameter", "in", "what"],
            parameters.map((one) => [`\`${one.name}\``, one.in, one.description]),
          ),
        ]),
    ...(body === undefined ? [] : [`Body, \`${body[0]}\`${requestBody?.required ? "" : ", may be empty"}:`]),
    ...(body?.[1].schema.properties === undefined ? [] : [members(body[1].schema)]),
    table(["status", "answer", "when"], rows),
  ].join("\n\n");
}

/** In lines as wide as the others of the documentation. */
function wrapped(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > MAX_COLUMNS) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join("\n");
}

const MAX_COLUMNS = 120;

const typesOf = ({ content = {} }: Content): string =>
  Object.entries(content)
    .map(([type, { schema }]) => (type === "application/problem+json" ? "problem" : typeOf(schema)))
    .join(" or ");

function members({ properties = {}, required = [] }: Schema): string {
  const rows = Object.entries(properties)
    .filter(([, schema]) => schema.not === undefined)
    .map(([name, schema]) => [`\`${name}\``, typeOf(schema), required.includes(name) ? "yes" : "no"]);
  return table(["member", "type", "required"], rows);
}

function typeOf(schema: Schema): string {
  const [, name] = /\/(\w+)$/.exec(schema.$ref ?? "") ?? [];
  if (name !== undefined) return `[${name}](#${name.toLowerCase()})`;
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.enum && schema.enum.length > MAX_WORDS) return "one of many words";
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(", ");
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  return schema.format === "date-time" ? "time" : (schema.type ?? "any");
}

const MAX_WORDS = 14;

import { isDeepStrictEqual } from "node:util";
import { Ajv, type AnySchemaObject, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** One call with its response. */
export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string | undefined;
  /** Undefined if there was no response. */
  readonly answer?: { readonly status: number; readonly headers: Headers; readonly body: string };
}

interface Checked {
  /** Method and path template, e.g. `GET /pages/{id}`; undefined if none matches. */
  readonly operation: string | undefined;
  /** One line for each deviation: its place, then the problem. */
  readonly problems: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

interface Operation {
  readonly parameters?: readonly {
    readonly name?: string;
    readonly in?: string;
    readonly required?: boolean;
    readonly schema?: Json;
  }[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content?: Readonly<Record<string, { readonly schema?: Json }>>;
  };
  readonly responses: Readonly<Record<string, Answer>>;
  readonly security?: readonly object[];
}

interface Answer {
  readonly content?: Readonly<Record<string, { readonly schema?: Json }>>;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema?: Json }>>;
}

interface Description {
  readonly openapi?: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: Readonly<Record<string, Readonly<Record<string, Json>>>>;
}

/**
 * Compares exchanges with an OpenAPI description (https://spec.openapis.org/oas/v3.0.3, or 3.1). Stricter than the
 * specification: a member or a parameter that is not described counts as a deviation, because descriptions mark hardly
 * anything as required.
 */
export class OpenApi {
  readonly #description: Description;
  readonly #ajv: Ajv;
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(text: string) {
    // The members that are read are checked by use: a description of another form fails every exchange.
    this.#description = JSON.parse(text) as Description;
    const options = { strict: false, allErrors: true, coerceTypes: false } as const;
    this.#ajv = this.#description.openapi?.startsWith("3.1") ? new Ajv2020(options) : new Ajv(options);
    addFormats.default(this.#ajv);
    // A mistake for `type: string` in several places of the descriptions.
    this.#ajv.addFormat("string", true);
    const schemas = this.#description.components?.["schemas"] ?? {};
    for (const [name, schema] of Object.entries(schemas)) this.#ajv.addSchema(this.#strict(schema), `#${name}`);
  }

  check(exchange: Exchange): Checked {
    const { method, url } = exchange;
    for (const [template, methods] of Object.entries(this.#description.paths)) {
      const operation = methods[method.toLowerCase()];
      const values = valuesIn(url.pathname, template);
      if (!operation || !values) continue;
      const problems = [...this.#ofRequest(operation, values, exchange), ...this.#ofAnswer(operation, exchange)];
      return { operation: `${method} ${template}`, problems };
    }
    return { operation: undefined, problems: [`${method} ${url.pathname}: not described`] };
  }

  #ofRequest(operation: Operation, values: Json, { url, headers, body }: Exchange): readonly string[] {
    const described = (operation.parameters ?? []).map((one) => this.#resolved(one));
    const asked = [...url.searchParams.keys()].filter(
      (name) => !described.some((one) => one.in === "query" && one.name === name),
    );
    const problems = asked.map((name) => `query ${name}: not described`);
    for (const { in: place, name = "", required, schema = {} } of described) {
      const given = { path: values[name], header: headers.get(name), query: url.searchParams.get(name) };
      const value = given[place as keyof typeof given];
      if (value === null || value === undefined) {
        if (required) problems.push(`${place} ${name}: missing`);
      } else problems.push(...this.#problems(`${place} ${name}`, schema, typed(value, schema)));
    }
    if (operation.security && !/^(Basic|Bearer) \S+$/.test(headers.get("authorization") ?? "")) {
      problems.push("header authorization: missing, or of no described scheme");
    }
    const { requestBody } = operation;
    if (body === undefined) return requestBody?.required ? [...problems, "request body: missing"] : problems;
    return [...problems, ...this.#ofBody("request", this.#resolved(requestBody ?? {}).content, headers, body)];
  }

  #ofAnswer(operation: Operation, { answer }: Exchange): readonly string[] {
    if (answer === undefined) return [];
    const response = operation.responses[answer.status];
    if (!response) return [`answer ${answer.status}: not described`];
    const { content = {}, headers = {} } = this.#resolved(response);
    const problems = this.#ofHeaders(headers, answer.headers);
    if (Object.keys(content).length === 0) return problems;
    return [...problems, ...this.#ofBody("answer", content, answer.headers, answer.body)];
  }

  #ofHeaders(described: NonNullable<Answer["headers"]>, headers: Headers): readonly string[] {
    const names = new Set(Object.keys(described).map((name) => name.toLowerCase()));
    const limits = [...headers.keys()].filter((name) => name.startsWith("ratelimit-") && !names.has(name));
    if (limits.length > 0) return limits.map((name) => `answer header ${name}: not described`);
    return Object.entries(described).flatMap(([name, header]) => {
      const { required, schema = {} } = this.#resolved(header);
      const value = headers.get(name);
      if (value !== null) return this.#problems(`answer header ${name}`, schema, typed(value, schema));
      return required ? [`answer header ${name}: missing`] : [];
    });
  }

  #ofBody(place: string, content: Operation["responses"][string]["content"], headers: Headers, body: string) {
    const type = headers.get("content-type")?.replace(/;.*/s, "") ?? "";
    const schema = content?.[type]?.schema;
    if (!schema) return [`${place} body: content type ${type || "none"} is not described`];
    const value = valueIn(body, type);
    return value === undefined ? [`${place} body: not of its type`] : this.#problems(`${place} body`, schema, value);
  }

  #problems(place: string, schema: Json, value: unknown): readonly string[] {
    const key = JSON.stringify(schema);
    const validate = this.#validators.get(key) ?? this.#ajv.compile(this.#strict(schema));
    this.#validators.set(key, validate);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${place}${instancePath.replaceAll("/", ".")}: ${message} ${JSON.stringify(params)}`,
    );
  }

  /** The target of a reference; other values unchanged. */
  #resolved<T extends object>(value: T): T {
    if (!("$ref" in value)) return value;
    const [, kind = "", name = ""] = /^#\/components\/(\w+)\/(.+)$/.exec(String(value.$ref)) ?? [];
    // The place of a reference determines the type of its target.
    return this.#description.components?.[kind]?.[name] as T;
  }

  /** The same schema with every object closed, `allOf` made one object, and references as ajv knows them. */
  #strict(schema: Json): AnySchemaObject {
    const { $ref, allOf, ...rest } = schema;
    if (typeof $ref === "string") return { $ref: $ref.replace("#/components/schemas/", "#") };
    if (Array.isArray(allOf))
      return this.#strict([rest, ...allOf].reduce((one, other) => this.#merged(one, other), {}));
    const closed = Object.entries(rest).map(([member, below]) => [member, this.#strictBelow(member, below)]);
    const isOpen = !("properties" in rest) || "additionalProperties" in rest;
    return { ...Object.fromEntries(closed), ...(!isOpen && { additionalProperties: false }) };
  }

  #strictBelow(member: string, below: unknown): unknown {
    if (typeof below !== "object" || below === null || member === "example" || member === "enum") return below;
    if (Array.isArray(below)) return below.map((one) => (isSchema(one) ? this.#strict(one) : one));
    if (member !== "properties") return isSchema(below) ? this.#strict(below) : below;
    return Object.fromEntries(
      Object.entries(below).map(([name, one]) => [name, isSchema(one) ? this.#strict(one) : one]),
    );
  }

  #merged(one: Json, other: Json): Json {
    const [left, right] = [this.#resolved(one), this.#resolved(other)];
    const properties: Record<string, unknown> = { ...membersOf(left) };
    for (const [name, schema] of Object.entries(membersOf(right))) {
      const known = properties[name];
      const isSame = isDeepStrictEqual(known, schema);
      properties[name] = !isSame && isSchema(known) && isSchema(schema) ? this.#merged(known, schema) : schema;
    }
    return { ...left, ...right, ...(Object.keys(properties).length > 0 && { properties }) };
  }
}

const isSchema = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const membersOf = ({ properties }: Json): Json => (isSchema(properties) ? properties : {});

/** The values of a template's parameters in a path that matches it. */
function valuesIn(path: string, template: string): Json | undefined {
  const names = Array.from(template.matchAll(/\{([^}]+)\}/g), ([, name = ""]) => name);
  const found = new RegExp(`^${template.replace(/\{[^}]+\}/g, "([^/]+)")}$`).exec(path);
  return found ? Object.fromEntries(names.map((name, index) => [name, found[index + 1]])) : undefined;
}

/** Undefined if it is no JSON and should be. */
function valueIn(body: string, type: string): unknown {
  if (type === "application/openmetrics-text") return body;
  if (type === "application/x-www-form-urlencoded") return Object.fromEntries(new URLSearchParams(body));
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** A parameter's text as a value of its schema's type. */
function typed(value: unknown, { type }: Json): unknown {
  if (type === "array") return String(value).split(",");
  if (type === "boolean") return value === "true" || (value === "false" ? false : value);
  return type === "integer" && /^-?\d+$/.test(String(value)) ? Number(value) : value;
}

import { configSchema } from "./config-schema.ts";

// The tables of keys in `docs/configuration-reference.md`, generated from the JSON Schema of `drawbridge.yaml`.

/** The members of a JSON Schema that the tables use. */
interface Schema {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly { readonly then?: Schema }[];
}

/** One row of a table. */
export interface Key {
  /** The names from the root to the key, joined by dots. `<name>` stands for a name that the author of the file chooses. */
  readonly path: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

const root = (): Schema => JSON.parse(configSchema());

/** The schema of each entry of a section. */
function entryIn(section: string): Schema {
  const entry = root().properties?.[section]?.additionalProperties;
  if (typeof entry !== "object") throw new Error(`the section "${section}" has no named entries`);
  return entry;
}

/** The keys of the whole file: the sections. */
export const sections = (): readonly Key[] => {
  const { properties = {}, required = [] } = root();
  return Object.entries(properties).map(([path, schema]) => ({ path, schema, isRequired: required.includes(path) }));
};

export const issuerKeys = (): readonly Key[] => keysOf(entryIn("issuers"));
export const authorityKeys = (): readonly Key[] => keysOf(entryIn("certificateAuthorities"));
export const upstreamKeys = (): readonly Key[] => keysOf(entryIn("upstreams"));
export const orderKeys = (): readonly Key[] => keysOf(entryIn("orders"));
export const roleKeys = (): readonly Key[] => keysOf(entryIn("roles"));
export const keysUnder = (section: string): readonly Key[] => keysOf(root().properties?.[section] ?? {});

/** The keys of a claim rule. A rule has `path` and one of the others. */
export const ruleKeys = (): readonly Key[] => keysOf(entryIn("issuers").properties?.["claims"]?.items ?? {});

/** Returns the keys that every source, target or route may have. */
export function commonKeys(section: "sources" | "targets" | "routes"): readonly Key[] {
  const { properties = {}, required = [], allOf = [] } = entryIn(section);
  const own = commonIn(allOf.map(({ then = {} }) => then));
  const { do: actions, ...others } = properties;
  const closed = actions && { do: { ...actions, properties: {} } };
  return keysOf({ properties: { ...others, ...own, ...closed }, required });
}

interface Kind {
  readonly name: string;
  /** The keys that not every kind has. */
  readonly keys: readonly Key[];
}

/** Returns each provider of the sources, each kind of target, or each action of the routes. */
export function kindsIn(section: "sources" | "targets" | "routes"): readonly Kind[] {
  const { properties = {}, required: [kindKey = ""] = [], allOf } = entryIn(section);
  const kinds = allOf
    ? allOf.map(({ then = {} }) => [String(then.properties?.[kindKey]?.const), then] as const)
    : Object.entries(properties["do"]?.properties ?? {});
  const common = Object.keys(commonIn(allOf?.map(({ then = {} }) => then) ?? []));
  return kinds.map(([name, schema]) => ({
    name,
    keys: keysOf(schema).filter(({ path }) => ![kindKey, ...common].includes(path.split(".")[0] ?? "")),
  }));
}

/** Returns the keys that have the same schema in all of these objects. */
const commonIn = (schemas: readonly Schema[]): Readonly<Record<string, Schema>> =>
  Object.fromEntries(
    Object.entries(schemas[0]?.properties ?? {}).filter(([name, value]) =>
      schemas.every(({ properties }) => JSON.stringify(properties?.[name]) === JSON.stringify(value)),
    ),
  );

/** Returns the keys of an object, each followed by the keys below it. A schema with a title is shown as one value. */
function keysOf(schema: Schema, prefix = ""): readonly Key[] {
  const objects = [schema, ...(schema.anyOf ?? [])];
  const keys = objects.flatMap(({ properties = {}, required = [] }) =>
    Object.entries(properties).flatMap(([name, value]) => {
      const isRequired = required.includes(name) && !schema.anyOf;
      const path = `${prefix}${name}`;
      return [{ path, schema: value, isRequired }, ...below(value, path)];
    }),
  );
  return keys.filter(({ path }, at) => keys.findIndex((other) => other.path === path) === at);
}

function below(schema: Schema, path: string): readonly Key[] {
  if (schema.title !== undefined) return [];
  const { additionalProperties, items } = schema;
  const entries = typeof additionalProperties === "object" ? keysOf(additionalProperties, `${path}.<name>.`) : [];
  const listed = items?.type === "object" ? below(items, `${path}[]`) : [];
  return [...keysOf(schema, `${path}.`), ...entries, ...listed];
}

export function keyTable(keys: readonly Key[]): string {
  const rows = keys.map(({ path, schema, isRequired }) => [
    keyName(path),
    valueIn(schema),
    isRequired ? "required" : defaultOf(schema.default),
    schema.description ?? "",
  ]);
  return table(["key", "value", "default", "meaning"], rows);
}

/** A longer name would make the table wider than a page. */
const MAX_NAME = 30;

/** The name in backticks; a long one in two parts, so that the line can break between them. */
function keyName(path: string): string {
  const dot = path.lastIndexOf(".");
  return path.length <= MAX_NAME || dot < 0 ? `\`${path}\`` : `\`${path.slice(0, dot)}\` \`${path.slice(dot)}\``;
}

export const table = (headings: readonly string[], rows: readonly (readonly string[])[]): string =>
  [headings, headings.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");

/** Describes the allowed values in words. */
function valueIn(schema: Schema): string {
  if (schema.title !== undefined) return schema.title;
  if (schema.enum !== undefined) return oneOf(schema.enum.map((value) => `\`${value}\``));
  if (schema.anyOf !== undefined) return alternatives(schema.anyOf);
  switch (schema.type) {
    case "boolean":
      return "`true` or `false`";
    case "integer":
    case "number":
      return numberBetween(schema);
    case "array":
      return `list of: ${valueIn(schema.items ?? {})}`;
    case "object":
      return typeof schema.additionalProperties === "object" ? "named entries" : "keys below";
    default:
      return "text";
  }
}

function alternatives(schemas: readonly Schema[]): string {
  const names = schemas.map(({ properties = {} }) => Object.keys(properties));
  if (names.every(({ length }) => length === 1)) return `exactly one of ${oneOf(names.map(([name]) => `\`${name}\``))}`;
  return oneOf(schemas.map(valueIn));
}

function numberBetween({ minimum, maximum }: Schema): string {
  if (minimum === undefined) return "number";
  return maximum === undefined ? `number from ${count(minimum)}` : `${count(minimum)} to ${count(maximum)}`;
}

const oneOf = (values: readonly string[]): string =>
  values.length < 2 ? values.join("") : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;

function defaultOf(value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "number") return count(value);
  if (typeof value === "object") return Object.keys(value ?? {}).length === 0 ? "none" : "see below";
  return `\`${value}\``;
}

const count = (value: number): string => value.toLocaleString("en-US");

import type * as v from "valibot";
import type { Path } from "./yaml-file.ts";

/**
 * Returns the schemas for the value at `path` below a value of `schema`, one for each alternative. Valibot's schemas are
 * plain objects (https://valibot.dev/api/#schemas). This reads only their members that hold other schemas.
 */
export function schemasAt(schema: v.GenericSchema, path: Path): readonly v.GenericSchema[] {
  return path.reduce<readonly v.GenericSchema[]>(
    (schemas, step) => schemas.flatMap((one) => below(one, step)).flatMap(alternatives),
    alternatives(schema),
  );
}

/** Returns the keys of an object schema; undefined for any other schema. */
export function keysOf(schema: v.GenericSchema): readonly string[] | undefined {
  return "entries" in schema && isObject(schema.entries) ? Object.keys(schema.entries) : undefined;
}

/** Returns the alternative that the value was probably written for; undefined if that is not clear. */
export function intendedFor(value: unknown, schemas: readonly v.GenericSchema[]): v.GenericSchema | undefined {
  const fitting = schemas.filter((schema) => {
    if (Array.isArray(value)) return "item" in schema;
    const keys = keysOf(schema);
    return isObject(value) && keys !== undefined && Object.keys(value).every((key) => keys.includes(key));
  });
  if (fitting.length > 0) return fitting.length === 1 ? fitting[0] : undefined;
  return isObject(value) ? intendedBlock(value, schemas) : undefined;
}

/** Of blocks with keys and a list by any name: the block that has one of the value's keys, else the list. */
function intendedBlock(value: object, schemas: readonly v.GenericSchema[]): v.GenericSchema | undefined {
  const lists = schemas.filter((schema) => "key" in schema && "value" in schema);
  if (lists.length !== 1) return undefined;
  const blocks = schemas.filter((schema) => keysOf(schema)?.some((key) => key in value));
  return blocks.length === 1 ? blocks[0] : lists[0];
}

function below(schema: v.GenericSchema, step: string | number): readonly v.GenericSchema[] {
  const child = "entries" in schema && isObject(schema.entries) ? schema.entries[step] : undefined;
  const others = ["value", "item"].map((member) =>
    member in schema ? schema[member as keyof typeof schema] : undefined,
  );
  return [child, ...others].filter(isSchema);
}

/** Removes `optional` and splits a union into its options. A pipe has the members of its first schema. */
function alternatives(schema: v.GenericSchema): readonly v.GenericSchema[] {
  if ("wrapped" in schema && isSchema(schema.wrapped)) return alternatives(schema.wrapped);
  if (!("options" in schema) || !Array.isArray(schema.options)) return [schema];
  const options = schema.options.filter(isSchema);
  return options.length > 0 ? options.flatMap(alternatives) : [schema];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isSchema = (value: unknown): value is v.GenericSchema => isObject(value) && value["kind"] === "schema";

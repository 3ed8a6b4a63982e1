import type * as v from "valibot";
import type { Path } from "./yaml-file.ts";

/**
 * The schemas for what stands at a path below a value of `schema`, each alternative by itself. Valibot's schemas are plain
 * objects (https://valibot.dev/api/#schemas); only the members that lead on are read.
 */
export function schemasAt(schema: v.GenericSchema, path: Path): readonly v.GenericSchema[] {
  return path.reduce<readonly v.GenericSchema[]>(
    (schemas, step) => schemas.flatMap((one) => below(one, step)).flatMap(alternatives),
    alternatives(schema),
  );
}

/** The keys that a schema of an object names; nothing for another one. */
export function keysOf(schema: v.GenericSchema): readonly string[] | undefined {
  return "entries" in schema && isObject(schema.entries) ? Object.keys(schema.entries) : undefined;
}

/** Of several alternatives, the one that a value was meant for. */
export function meantBy(value: unknown, schemas: readonly v.GenericSchema[]): v.GenericSchema | undefined {
  const fitting = schemas.filter((schema) => {
    if (Array.isArray(value)) return "item" in schema;
    const keys = keysOf(schema);
    return isObject(value) && keys !== undefined && Object.keys(value).every((key) => keys.includes(key));
  });
  return fitting.length === 1 ? fitting[0] : undefined;
}

function below(schema: v.GenericSchema, step: string | number): readonly v.GenericSchema[] {
  const child = "entries" in schema && isObject(schema.entries) ? schema.entries[step] : undefined;
  const others = ["value", "item"].map((member) =>
    member in schema ? schema[member as keyof typeof schema] : undefined,
  );
  return [child, ...others].filter(isSchema);
}

/** Without `optional` around it, and each option of a union by itself. A pipe shows the members of its first schema. */
function alternatives(schema: v.GenericSchema): readonly v.GenericSchema[] {
  if ("wrapped" in schema && isSchema(schema.wrapped)) return alternatives(schema.wrapped);
  if (!("options" in schema) || !Array.isArray(schema.options)) return [schema];
  const options = schema.options.filter(isSchema);
  return options.length > 0 ? options.flatMap(alternatives) : [schema];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isSchema = (value: unknown): value is v.GenericSchema => isObject(value) && value["kind"] === "schema";

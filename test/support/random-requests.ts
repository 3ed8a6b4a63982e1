import fc from "fast-check";

/** The part of JSON Schema that descriptions of requests use. */
export interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly propertyNames?: Schema;
  readonly not?: object;
}

export interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
}

/** Values of a schema. `known`: by the name of a member, values that exist, which half of the values are. */
export function schemaValue(schema: Schema, known: Known, name = ""): fc.Arbitrary<unknown> {
  const values = known[name];
  const random = randomOf(schema, known, name);
  return values === undefined || schema.type === "array" ? random : fc.oneof(fc.constantFrom(...values), random);
}

export type Known = Readonly<Record<string, readonly string[]>>;

function randomOf(schema: Schema, known: Known, name: string): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => schemaValue(one, known, name)));
  switch (schema.type) {
    case "string":
      return textOf(schema);
    case "integer":
      return fc.integer({ min: 1, max: Math.min(schema.maximum ?? 1_000, 1_000) });
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(schemaValue(schema.items ?? {}, known, name), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 3, 3),
      });
    case "object":
      return objectOf(schema, known);
    default:
      return fc.jsonValue();
  }
}

function textOf({ pattern, format, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === "uuid") return fc.uuid();
  if (format === "date-time") {
    const [min, max] = [new Date("2020-01-01"), new Date("2030-01-01")];
    return fc.date({ min, max, noInvalidDate: true }).map((date) => date.toISOString());
  }
  if (pattern !== undefined) {
    // The generator knows no lookahead, so a text is generated without it and then compared with the whole pattern.
    const [whole, generated] = [new RegExp(pattern), new RegExp(pattern.replace(/\(\?[=!][^()]*\)/g, ""))];
    const isFitting = (text: string) => text.length >= minLength && text.length <= 900 && whole.test(text);
    return fc.stringMatching(generated).filter(isFitting);
  }
  return fc
    .string({ minLength, maxLength: Math.min(maxLength, 40), unit: "grapheme" })
    .filter((text) => text.isWellFormed());
}

function objectOf(
  { properties, required = [], additionalProperties, propertyNames }: Schema,
  known: Known,
): fc.Arbitrary<object> {
  if (properties === undefined && typeof additionalProperties === "object") {
    const names = textOf({ ...propertyNames, maxLength: 20 });
    return fc.dictionary(names, schemaValue(additionalProperties, known), { maxKeys: 3 });
  }
  const members = Object.entries(properties ?? {}).filter(([, member]) => member.not === undefined);
  const model = Object.fromEntries(members.map(([name, member]) => [name, schemaValue(member, known, name)]));
  return fc.record(model, { requiredKeys: [...required] });
}

/**
 * An object that one change makes invalid by its schema: a member is of another type, missing, or unknown. `inText`: it is a
 * query or a form, in which every value is a text.
 */
export function invalidOf(
  schema: Schema,
  known: Known,
  { inText }: { readonly inText: boolean },
): fc.Arbitrary<object> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const anyText = (member: Schema): boolean =>
    member.type === "string" && !(member.enum ?? member.pattern ?? member.format);
  const changes: readonly ((valid: object) => object)[] = [
    ...Object.entries(properties)
      .filter(([, member]) => !(inText && anyText(member)))
      .map(([name]) => (valid: object) => ({ ...valid, [name]: { not: ["valid"] } })),
    ...required.map((name) => (valid: object) => without(valid, name)),
    ...(additionalProperties === false ? [(valid: object) => ({ ...valid, unknownMember: 1 })] : []),
  ];
  return fc.tuple(objectOf(schema, known), fc.constantFrom(...changes)).map(([valid, change]) => change(valid));
}

const without = (object: object, member: string): object =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== member));

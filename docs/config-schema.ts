import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { actions } from "../shared/actions/registry.ts";
import { checks } from "../shared/config/checks/registry.ts";
import { outline } from "../shared/config/schema.ts";
import { providers } from "../shared/providers/registry.ts";

/**
 * The JSON Schema of `drawbridge.yaml`, which editors complete from; `npm run docs` writes it to a file. It is made of the
 * schemas that check the file when it is loaded. Checks that JSON Schema cannot express are left out, so a file that fits
 * may still have a mistake; `drawbridge check` finds all of them.
 */
export function configSchema(): string {
  const { properties = {}, ...rest } = partOf(outline);
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "drawbridge.yaml",
    ...rest,
    properties: {
      ...properties,
      sources: named(
        properties["sources"],
        choice(
          "provider",
          properties["sources"],
          providers.map(({ name, settings }) => [name, withOwn(partOf(settings), entryOf(properties["sources"]))]),
        ),
      ),
      targets: named(
        properties["targets"],
        choice(
          "kind",
          properties["targets"],
          actions.map(({ name, target }) => [name, partOf(target)]),
        ),
      ),
      checks: withIds(properties["checks"]),
      routes: named(properties["routes"], routeSchema(entryOf(properties["routes"]))),
    },
    definitions: { pattern: PATTERN },
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** An event pattern, roughly: its operators have no schema. */
const PATTERN: JsonSchema = {
  type: "object",
  minProperties: 1,
  properties: { $or: { type: "array", minItems: 2, items: { $ref: "#/definitions/pattern" } } },
  additionalProperties: { anyOf: [{ type: "array", minItems: 1 }, { $ref: "#/definitions/pattern" }] },
};

function partOf(schema: GenericSchema): JsonSchema {
  const { $schema: _, ...part } = toJsonSchema(schema, { target: "draft-07", typeMode: "input", errorMode: "ignore" });
  return part;
}

type Section = JsonSchema | boolean | undefined;

/** A section of named entries, with another schema for its entries. */
const named = (section: Section, entry: JsonSchema): JsonSchema => ({
  ...(typeof section === "object" ? section : {}),
  additionalProperties: entry,
});

/** The ids of checks that `checks.ignore` may name. */
function withIds(section: JsonSchema | boolean | undefined): JsonSchema {
  const known = checks.filter(({ canBeIgnored }) => canBeIgnored).map(({ id }) => id);
  const ids = { properties: { ignore: { items: { properties: { id: { enum: known } } } } } };
  return { ...(typeof section === "object" ? section : {}), allOf: [ids] };
}

/** The schema that the outline itself has for the entries of a section. */
function entryOf(section: Section): JsonSchema {
  const entry = typeof section === "object" ? section.additionalProperties : undefined;
  return typeof entry === "object" ? entry : {};
}

/** A provider's part, and what every entry of the section may have besides. */
const withOwn = (part: JsonSchema, { properties: { provider: _, ...own } = {} }: JsonSchema): JsonSchema => ({
  ...part,
  properties: { ...own, ...part.properties },
});

/** An object whose keys depend on what stands under `key`. */
function choice(key: string, section: Section, parts: readonly (readonly [string, JsonSchema])[]): JsonSchema {
  const described = entryOf(section).properties?.[key];
  const description = (typeof described === "object" && described.description) || "";
  return {
    type: "object",
    required: [key],
    properties: { [key]: { enum: parts.map(([name]) => name), description } },
    allOf: parts.map(([name, part]) => ({
      if: { required: [key], properties: { [key]: { const: name } } },
      // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so.
      then: withKey(part, key, { const: name }),
    })),
  };
}

function routeSchema({ properties }: JsonSchema): JsonSchema {
  const target: JsonSchema = { type: "string", title: "name", description: "Name of a target of this kind." };
  return {
    type: "object",
    required: ["when", "do"],
    additionalProperties: false,
    properties: {
      ...properties,
      when: {
        title: "event pattern",
        description: "Which events fire the route.",
        allOf: [{ $ref: "#/definitions/pattern" }],
      },
      do: {
        type: "object",
        title: "exactly one action",
        description: "What to do. Another action is another route.",
        minProperties: 1,
        maxProperties: 1,
        additionalProperties: false,
        properties: Object.fromEntries(
          actions.map(({ name, options }) => [name, withKey(partOf(options), "target", target)]),
        ),
      },
    },
  };
}

const withKey = (part: JsonSchema, key: string, value: JsonSchema): JsonSchema => ({
  ...part,
  required: [key, ...(part.required ?? [])],
  properties: { [key]: value, ...part.properties },
});

import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { actions } from "../shared/actions/registry.ts";
import { checks } from "../shared/config/checks/registry.ts";
import { environments } from "../shared/config/environments.ts";
import { grantRules } from "../shared/config/grant-rules.ts";
import { kongSettings } from "../shared/config/kong.ts";
import { outline } from "../shared/config/schema.ts";
import { order } from "../shared/identity/order.ts";
import { providers } from "../shared/providers/registry.ts";
import { flow } from "../shared/routes/flow.ts";

/**
 * Returns the JSON Schema of `drawbridge.yaml`, for completion in editors. `npm run docs` writes it to a file. It is
 * generated from the schemas that validate the file when it is loaded. Rules that JSON Schema cannot express are left out,
 * so a file that matches may still have a mistake. `drawbridge check` finds all mistakes.
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
      roles: named(properties["roles"], withOnRequest(entryOf(properties["roles"]))),
      orders: {
        ...named(properties["orders"], partOf(order)),
        description: "What people, jobs and agents may start by their identity.",
      },
      kong: {
        ...partOf(kongSettings),
        description: "Kong in front of the bridge and of upstreams, for `drawbridge kong`.",
      },
      checks: withIds(properties["checks"]),
      routes: named(properties["routes"], routeSchema(entryOf(properties["routes"]))),
    },
    definitions: { pattern: PATTERN },
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** An event pattern. The schema does not describe its operators. */
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

/** Replaces the schema of the entries in a section of named entries. */
const named = (section: Section, entry: JsonSchema): JsonSchema => ({
  ...(typeof section === "object" ? section : {}),
  additionalProperties: entry,
});

/** Adds the ids of the checks that `checks.ignore` may name. */
function withIds(section: JsonSchema | boolean | undefined): JsonSchema {
  const known = checks.filter(({ canBeIgnored }) => canBeIgnored).map(({ id }) => id);
  const ids = { properties: { ignore: { items: { properties: { id: { enum: known } } } } } };
  return { ...(typeof section === "object" ? section : {}), allOf: [ids] };
}

/** Returns the outline's schema for the entries of a section. */
function entryOf(section: Section): JsonSchema {
  const entry = typeof section === "object" ? section.additionalProperties : undefined;
  return typeof entry === "object" ? entry : {};
}

/** Adds the keys that every source may have to the schema of a provider. */
const withOwn = (part: JsonSchema, { properties: { provider: _, ...own } = {} }: JsonSchema): JsonSchema => ({
  ...part,
  properties: { ...own, ...part.properties },
});

/** Returns the schema of an object whose other keys depend on the value under `key`. */
function choice(key: string, section: Section, parts: readonly (readonly [string, JsonSchema])[]): JsonSchema {
  const described = entryOf(section).properties?.[key];
  const description = (typeof described === "object" && described.description) || "";
  return {
    type: "object",
    required: [key],
    properties: { [key]: { enum: parts.map(([name]) => name), description } },
    allOf: parts.map(([name, part]) => ({
      if: { required: [key], properties: { [key]: { const: name } } },
      // biome-ignore lint/suspicious/noThenProperty: it is a keyword of JSON Schema.
      then: withKey(part, key, { const: name }),
    })),
  };
}

/** Adds the rules that grant runs, which the outline has only the names of. */
function withRules(approval: JsonSchema | boolean | undefined): JsonSchema {
  const { properties, ...rest } = typeof approval === "object" ? approval : {};
  const grantedBy = {
    ...partOf(grantRules),
    description: "Rules that grant a run in place of people. One that holds is enough.",
  };
  return { ...rest, properties: { ...properties, grantedBy } };
}

function routeSchema({ properties }: JsonSchema): JsonSchema {
  const target: JsonSchema = { type: "string", title: "name", description: "Name of a target of this kind." };
  return {
    type: "object",
    required: ["when", "do"],
    additionalProperties: false,
    properties: {
      ...properties,
      approval: withRules(properties?.["approval"]),
      environments: partOf(environments),
      flow: { ...partOf(flow), description: "How the runs for events with the same key follow each other." },
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

/** The descriptions of keys whose schema every function in AWS loads at its start. */
function withOnRequest(role: JsonSchema): JsonSchema {
  const { onRequest, ...others } = role.properties ?? {};
  const { by, approvedBy, maxMinutes, ...rest } = partIn(onRequest).properties ?? {};
  const described = (part: JsonSchema | boolean | undefined, description: string) => ({ ...partIn(part), description });
  return {
    ...role,
    properties: {
      ...others,
      onRequest: {
        ...partIn(onRequest),
        description: "Who may request the role for a time. Without it, nobody may.",
        properties: {
          by: described(by, "Roles whose holders may request it."),
          approvedBy: described(approvedBy, "Another person with one of these roles has to grant it."),
          maxMinutes: described(maxMinutes, "The longest time for which it can be requested, in minutes."),
          ...rest,
        },
      },
    },
  };
}

const partIn = (part: JsonSchema | boolean | undefined): JsonSchema => (typeof part === "object" ? part : {});

const withKey = (part: JsonSchema, key: string, value: JsonSchema): JsonSchema => ({
  ...part,
  required: [key, ...(part.required ?? [])],
  properties: { [key]: value, ...part.properties },
});

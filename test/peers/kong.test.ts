import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { isUnused } from "../../shared/cli/kong/defaults.ts";
import type { KongDocument, KongPlugin } from "../../shared/cli/kong/document.ts";
import { driftOf } from "../../shared/cli/kong/drift.ts";
import type { Edition } from "../../shared/cli/kong/render.ts";
import { kongDocument } from "../../shared/cli/kong.ts";
import { GOLDEN, kongConfig, publishingKeys, withLogSource } from "../support/kong-documents.ts";

const root = process.env["PEER_DATA"];

it.skipIf(root !== undefined)("Kong's schemas are not read: PEER_DATA is not set", () => undefined);

/** As far as the walk for unknown fields reads it. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly items?: Schema;
  readonly default?: unknown;
}

const SCHEMA_FILES: Readonly<Record<string, string>> = { jwt: "Jwt", acl: "ACL", opa: "Opa" };
const fileOf = (plugin: string): string =>
  SCHEMA_FILES[plugin] ?? plugin.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());

const read = (...path: readonly string[]) => JSON.parse(readFileSync(join(root ?? "", "kong", ...path), "utf8"));
const pluginSchema = (name: string) => read("plugin-schemas-3.15", `${fileOf(name)}.json`);

/** The schema names draft-04, whose rules are those of draft-07 in all that it uses. */
const withoutDraft = (text: string): string => text.replace(/"\$schema":\s*"[^"]*",?/g, "");

const pluginsOf = ({ services, consumers }: KongDocument): readonly KongPlugin[] => [
  ...services.flatMap(({ plugins, routes }) => [...plugins, ...routes.flatMap((route) => route.plugins)]),
  ...consumers.flatMap(({ plugins }) => plugins),
];

/** The plugin schemas allow any field, so a misspelt one is looked for. */
function unknownFields(value: unknown, schema: Schema | undefined, path: string): readonly string[] {
  if (schema === undefined) return [path];
  if (Array.isArray(value)) return value.flatMap((one, at) => unknownFields(one, schema.items, `${path}.${at}`));
  if (typeof value !== "object" || value === null || schema.additionalProperties) return [];
  return Object.entries(value).flatMap(([key, one]) => unknownFields(one, schema.properties?.[key], `${path}.${key}`));
}

const withLog = async (name: string, edition: Edition): Promise<KongDocument> =>
  (await kongDocument(withLogSource(kongConfig(name)), edition, { callOut: publishingKeys })).document;

/** What Kong makes of a value: every default of the schema is in it. */
function filledIn(value: unknown, { properties, default: preset }: Schema): unknown {
  if (properties === undefined) return value ?? preset ?? null;
  const given = Object(value ?? {});
  const filled = Object.entries(properties).map(([key, one]) => [key, filledIn(given[key], one)]);
  return { ...given, ...Object.fromEntries(filled) };
}

/** The fields with a default that is not an empty value. */
function presetsOf(
  { properties, default: preset }: Schema,
  path: readonly string[] = [],
): readonly { readonly path: readonly string[]; readonly preset: unknown }[] {
  if (properties !== undefined)
    return Object.entries(properties).flatMap(([key, one]) => presetsOf(one, [...path, key]));
  return !preset || (Array.isArray(preset) && preset.length === 0) ? [] : [{ path, preset }];
}

describe.skipIf(root === undefined)("Kong's own schemas", () => {
  it.each(GOLDEN)("the file rendered from %s for %s passes the schema of decK", async (name, edition) => {
    const ajv = new Ajv({ strict: false, allErrors: true });
    const text = JSON.stringify(read("deck-schema", "kong_json_schema.json"));
    const validate = ajv.compile(JSON.parse(withoutDraft(text)));
    const document = await withLog(name, edition);
    validate(document);
    expect(validate.errors ?? []).toEqual([]);
    expect(validate({ ...document, servics: [] })).toBe(false);
  });

  it.each(GOLDEN)(
    "each plugin rendered from %s for %s passes its schema and has no unknown field",
    async (name, edition) => {
      const ajv = new Ajv({ strict: false, allErrors: true });
      const plugins = pluginsOf(await withLog(name, edition));
      expect(plugins.length).toBeGreaterThan(5);
      for (const { name: plugin, config, protocols } of plugins) {
        const schema = pluginSchema(plugin);
        const validate = ajv.compile(schema);
        validate({ config, protocols });
        expect([plugin, validate.errors ?? []]).toEqual([plugin, []]);
        expect(unknownFields({ config, protocols }, schema, plugin)).toEqual([]);
        for (const field of Object.keys(config)) {
          const { [field]: value, ...rest } = config;
          const misspelt = { config: { ...rest, [`${field}s`]: value } };
          expect(unknownFields(misspelt, schema, plugin)).toEqual([`${plugin}.config.${field}s`]);
        }
      }
    },
  );

  it.each(GOLDEN)(
    "what is rendered from %s for %s does not differ once Kong has filled in its defaults",
    async (name, edition) => {
      const document = await withLog(name, edition);
      const running = structuredClone(document);
      for (const plugin of pluginsOf(running)) {
        const { config } = pluginSchema(plugin.name).properties;
        Object.assign(plugin, { config: filledIn(plugin.config, config) });
      }
      expect(driftOf(document, running)).toEqual([]);
    },
  );

  it.each(GOLDEN)(
    "no default of a plugin rendered from %s for %s is turned off or emptied unseen",
    async (name, edition) => {
      const document = await withLog(name, edition);
      const plugins = [...new Map(pluginsOf(document).map((one) => [one.name, one])).values()];
      let tried = 0;
      for (const plugin of plugins) {
        const { config } = pluginSchema(plugin.name).properties;
        for (const path of presetsOf(config).filter((one) => !isUnused(plugin.name, one.path.join(".")))) {
          for (const value of [false, 0, -1, []]) {
            if (JSON.stringify(value) === JSON.stringify(path.preset)) continue;
            const running = structuredClone(document);
            for (const other of pluginsOf(running)) {
              if (other.id === plugin.id) Object.assign(other, { config: filledIn(other.config, config) });
            }
            let holder = Object(pluginsOf(running).find(({ id }) => id === plugin.id)?.config);
            for (const step of path.path.slice(0, -1)) holder = holder[step];
            const last = path.path.at(-1) ?? "";
            if (JSON.stringify(holder[last]) === JSON.stringify(value)) continue;
            holder[last] = value;
            const field = `config.${path.path.join(".")} is `;
            expect(driftOf(document, running), `${plugin.name} ${field}${JSON.stringify(value)}`).toEqual([
              expect.stringContaining(field),
            ]);
            tried += 1;
          }
        }
      }
      expect(tried).toBeGreaterThan(20);
    },
  );
});

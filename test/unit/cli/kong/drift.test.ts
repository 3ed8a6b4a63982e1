import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULTS } from "../../../../shared/cli/kong/defaults.ts";
import { type KongDocument, type KongPlugin, TAG } from "../../../../shared/cli/kong/document.ts";
import { driftOf } from "../../../../shared/cli/kong/drift.ts";
import { kongDocument } from "../../../../shared/cli/kong.ts";
import { GOLDEN, kongConfig, publishingKeys, renderedGolden, withLogSource } from "../../../support/kong-documents.ts";
import { propertyCases } from "../../../support/property-cases.ts";

type Path = readonly (string | number)[];
const isNested = (value: unknown): value is object => typeof value === "object" && value !== null;

/** The places of all texts, numbers and booleans. */
const leavesOf = (value: unknown, path: Path = []): readonly Path[] =>
  isNested(value)
    ? Object.entries(value).flatMap(([key, one]) => leavesOf(one, [...path, Array.isArray(value) ? Number(key) : key]))
    : [path];

/** A copy in which the value at a place is another one, or is gone. */
function changedAt(document: object, path: Path, change: (value: unknown) => unknown): object {
  const copy = structuredClone(document);
  let holder: Record<string | number, unknown> = Object(copy);
  for (const step of path.slice(0, -1)) holder = Object(holder[step]);
  const last = path.at(-1) ?? "";
  const value = change(holder[last]);
  if (value !== undefined) holder[last] = value;
  else if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else delete holder[last];
  return copy;
}

const another = (value: unknown): unknown => {
  if (typeof value === "boolean") return !value;
  return typeof value === "number" ? value + 1 : `${String(value)}x`;
};

/** The names by which a finding may name a field: of the field, or of what contains it. */
const namesOf = (path: Path): readonly string[] => path.filter((step): step is string => typeof step === "string");

const NAMING = new Set(["name", "username", "group", "key", "cert"]);

const rendered = Object.fromEntries(
  await Promise.all(GOLDEN.map(async ([name, edition]) => [name, await renderedGolden(name, edition)] as const)),
);
const documentOf = (name: string) => {
  const document = rendered[name];
  if (document === undefined) throw new Error(`no golden document ${name}`);
  return document;
};

const withLog = await Promise.all(
  GOLDEN.map(async ([name, edition]) => {
    const { document } = await kongDocument(withLogSource(kongConfig(name)), edition, { callOut: publishingKeys });
    return document;
  }),
);
const pluginsOf = ({ services, consumers }: KongDocument): readonly KongPlugin[] => [
  ...services.flatMap(({ plugins, routes }) => [...plugins, ...routes.flatMap((route) => route.plugins)]),
  ...consumers.flatMap(({ plugins }) => plugins),
];

describe("the comparison with a configuration of Kong", () => {
  it.each(GOLDEN)("what is rendered from %s does not differ from itself", (name) => {
    expect(driftOf(documentOf(name), structuredClone(documentOf(name)))).toEqual([]);
  });

  it("any one value that is changed or taken away is named", () => {
    const cases = GOLDEN.flatMap(([name]) => leavesOf(documentOf(name)).map((path) => ({ name, path })));
    fc.assert(
      fc.property(fc.constantFrom(...cases), fc.boolean(), ({ name, path }, isTaken) => {
        const field = namesOf(path).at(-1) ?? "";
        // An export without ids, or of everything, says no less.
        fc.pre(!isTaken || !["id", "select_tags", "_format_version"].includes(field));
        fc.pre(!isTaken || !NAMING.has(field));
        const lines = driftOf(documentOf(name), changedAt(documentOf(name), path, isTaken ? () => undefined : another));
        const isNamed = (line: string) => (NAMING.has(field) ? /^missing: /.test(line) : line.includes(field));
        expect(lines.filter(isNamed), `${path.join(".")} of ${name}`).not.toEqual([]);
      }),
      propertyCases("a changed value of a rendered file"),
    );
  });

  it("every value of the smallest file is tried, changed", () => {
    const document = documentOf("registry");
    for (const path of leavesOf(document)) {
      expect(driftOf(document, changedAt(document, path, another)), path.join(".")).not.toEqual([]);
    }
  });

  it.each([
    ["anonymous of the plugin jwt", "jwt", { anonymous: "guest" }],
    ["a further condition", "acl", { always_use_authenticated_groups: true }],
  ])("%s that nobody rendered is named", (_, plugin, more) => {
    const document = structuredClone(documentOf("registry"));
    const all = document.services.flatMap((one) => [...one.plugins, ...one.routes.flatMap((route) => route.plugins)]);
    Object.assign(all.find(({ name }) => name === plugin)?.config ?? {}, more);
    expect(driftOf(documentOf("registry"), document)).toEqual([
      expect.stringContaining(`config.${Object.keys(more)[0]} is set and not rendered`),
    ]);
  });

  it.each(
    Object.entries(DEFAULTS).flatMap(([plugin, presets]) =>
      Object.entries(presets).map(([field, preset]) => [plugin, field, preset] as const),
    ),
  )("%s: the default of %s is named as soon as it is another or an empty value", (plugin, field, preset) => {
    const document = withLog.find((one) => pluginsOf(one).some(({ name }) => name === plugin));
    if (document === undefined) throw new Error(`no golden document has ${plugin}`);
    for (const value of [false, 0, -1, [], {}, "", null, preset]) {
      const running = structuredClone(document);
      const steps = field.split(".");
      let holder = Object(pluginsOf(running).find(({ name }) => name === plugin)?.config);
      for (const step of steps.slice(0, -1)) {
        holder[step] ??= {};
        holder = holder[step];
      }
      holder[steps.at(-1) ?? ""] = value;
      const named = [expect.stringContaining(`config.${field} is set and not rendered`)];
      expect(driftOf(document, running), JSON.stringify(value)).toEqual(value === preset ? [] : named);
    }
  });

  it("a plugin that is switched off, a key of another consumer, and a route of another service are named", () => {
    const document = documentOf("job-types");
    const [bridge, agents, ...rest] = structuredClone(document.consumers);
    const moved = { ...bridge, jwt_secrets: [...(bridge?.jwt_secrets ?? []), ...(agents?.jwt_secrets ?? [])] };
    expect(driftOf(document, { ...document, consumers: [moved, { ...agents, jwt_secrets: [] }, ...rest] })).toEqual([
      'changed: key agents-1: of is "drawbridge-bridge"; rendered is "drawbridge-agents-build"',
    ]);
  });

  it.each(GOLDEN)("an entity of %s that is gone is missing, and nothing else is", (name) => {
    const document = documentOf(name);
    const [, ...services] = document.services;
    const [first] = document.services;
    const lines = driftOf(document, { ...document, services });
    expect(lines).toContain(`missing: service ${first?.name}`);
    for (const line of lines) expect(line).toMatch(/^missing: (service|route|plugin) /);
  });

  it("what has our tag and is not rendered is unknown; what others have there is theirs", () => {
    const document = documentOf("registry");
    const more = [
      { name: "old", host: "old.internal", tags: [TAG] },
      { name: "theirs", host: "theirs.internal", tags: ["team"], plugins: [{ name: "cors", config: {} }] },
    ];
    const plugins = [{ name: "request-termination", tags: [TAG], config: {} }];
    const jwt_secrets = [{ key: "shared-name", id: "7", consumer: "x", tags: [TAG], secret: "hunter2" }];
    const lines = driftOf(document, { ...document, services: [...document.services, ...more], plugins, jwt_secrets });
    expect(lines).toEqual([
      "unknown: service old",
      "unknown: key with the id 7 of consumer x",
      "unknown: plugin request-termination of everything",
    ]);
  });

  it("what has our tag among kinds that are never rendered is unknown, at any depth", () => {
    const document = documentOf("registry");
    const ours = { id: "7", tags: [TAG], key: "hunter2" };
    const lines = driftOf(document, {
      ...document,
      vaults: [ours, { id: "8", tags: ["team"] }, { id: "9", tags: {} }],
      consumer_groups: [{ name: "all", plugins: [{ ...ours, name: "cors" }] }],
      keyauth_credentials: [ours],
    });
    expect(lines).toEqual([
      "unknown: vaults with the id 7",
      "unknown: plugins cors",
      "unknown: keyauth_credentials with the id 7",
    ]);
  });

  it.each([[["team"]], [null]])("an upstream with the name of a rendered host and the tags %j is named", (tags) => {
    const document = documentOf("registry");
    const host = document.services.at(-1)?.host ?? "";
    const upstreams = [
      { name: host.toUpperCase(), tags },
      { name: "theirs.internal", tags },
    ];
    expect(driftOf(document, { ...document, upstreams })).toEqual([
      `unknown: upstream ${host.toUpperCase()} takes the requests to service ${document.services.at(-1)?.name}`,
    ]);
  });

  it("defaults in a file are named, and an empty list in the form of Lua is none", () => {
    const document = documentOf("registry");
    const _info = { ...document._info, defaults: { service: { tls_verify: false } } };
    expect(driftOf(document, { ...document, _info, vaults: {}, upstreams: {} })).toEqual([
      "changed: the file: _info.defaults is set and not rendered",
    ]);
  });

  it("a text that somebody wrote in place of ours is never shown", () => {
    const document = documentOf("registry");
    for (const path of leavesOf(document)) {
      const lines = driftOf(
        document,
        changedAt(document, path, (value) => (typeof value === "string" ? "hunter2" : value)),
      );
      const isPublic = /(hosts|methods|paths|protocols|protocol|host|tags|allow|algorithm|name|username|group)$/;
      const field = namesOf(path).at(-1) ?? "";
      if (!isPublic.test(field)) expect(lines.join("\n"), path.join(".")).not.toContain("hunter2");
    }
  });

  it("an export with the defaults of Kong, without ids and in another order does not differ", () => {
    const document = structuredClone(documentOf("agents"));
    const text = JSON.stringify(document, (key, value) => (key === "id" ? undefined : value));
    const exported = JSON.parse(text);
    for (const service of exported.services) {
      Object.assign(service, { created_at: 1, updated_at: 2, path: null, tls_sans: null });
      service.routes.reverse();
      for (const route of service.routes) Object.assign(route, { headers: null, snis: [], created_at: 3 });
      for (const route of service.routes) route.hosts.reverse();
      for (const plugin of service.plugins) {
        for (const [path, value] of Object.entries(DEFAULTS[plugin.name] ?? {})) {
          const steps = path.split(".");
          let holder = plugin.config;
          for (const step of steps.slice(0, -1)) {
            holder[step] ??= {};
            holder = holder[step];
          }
          holder[steps.at(-1) ?? ""] ??= value;
        }
        Object.assign(plugin, { instance_name: null, ordering: null });
      }
    }
    expect(driftOf(document, exported)).toEqual([]);
  });
});

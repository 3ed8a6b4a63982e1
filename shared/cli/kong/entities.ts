import { createHash } from "node:crypto";
import * as v from "valibot";
import { listOf, parseAnswer } from "./admin-api.ts";
import { TAG, type Values } from "./document.ts";

/** One entity of a configuration, as it is compared. */
export interface Found {
  /** Kind and name for people. The same entity has the same label on both sides. */
  readonly label: string;
  readonly isOurs: boolean;
  /** The plugin whose defaults count; undefined for other kinds. */
  readonly plugin: string | undefined;
  /** Without what Kong itself keeps, and without the entities below it. `of` names what it belongs to. */
  readonly values: Values;
}

const list = v.optional(v.nullable(listOf(v.looseObject({}))), []);
/** By name in a file, and by id in an answer of the Admin API. */
const reference = v.nullish(
  v.union([v.string(), v.looseObject({ id: v.nullish(v.string()), name: v.nullish(v.string()) })]),
);
const text = v.nullish(v.string());

const plugin = v.looseObject({ name: v.string(), service: reference, route: reference, consumer: reference });
const route = v.looseObject({ id: text, name: text, service: reference, plugins: list });
const service = v.looseObject({ id: text, name: text, plugins: list, routes: list });
const acl = v.looseObject({ group: v.string(), consumer: reference });
const key = v.looseObject({ key: v.string(), consumer: reference });
const consumer = v.looseObject({ id: text, username: text, acls: list, jwt_secrets: list, plugins: list });
const certificate = v.looseObject({ cert: v.string() });
const own = v.looseObject({ tags: v.nullish(listOf(v.string())) });

/** A declarative file, nested or flat, or the lists of the Admin API under the same names. */
const configuration = v.looseObject({
  services: list,
  routes: list,
  consumers: list,
  acls: list,
  jwt_secrets: list,
  ca_certificates: list,
  plugins: list,
});

/** Returns the entities of the kinds that are rendered. Throws `target_unreachable` for what is no configuration of Kong. */
export function entitiesIn(value: unknown): readonly Found[] {
  const root = parseAnswer(configuration, value, "");
  const found: Found[] = [];
  const names = namesIn(root);
  const add = (kind: string, label: string, entity: object, of?: string, pluginName?: string): void => {
    const { tags } = parseAnswer(own, entity, kind);
    const values = { ...valuesOf(entity), ...(of !== undefined && { of }) };
    found.push({ label, isOurs: tags?.includes(TAG) === true, plugin: pluginName, values });
  };
  const addPlugins = (entities: readonly object[], owner?: string): void => {
    for (const entity of entities) {
      const one = parseAnswer(plugin, entity, "plugins");
      const { service, route, consumer, ...rest } = one;
      const scopes = [
        ...(owner === undefined ? [] : [owner]),
        ...(service ? [`service ${names(service)}`] : []),
        ...(route ? [`route ${names(route)}`] : []),
        ...(consumer ? [`consumer ${names(consumer)}`] : []),
      ];
      add("plugins", `plugin ${one.name} of ${scopes.join(" and ") || "everything"}`, rest, undefined, one.name);
    }
  };
  const addRoutes = (entities: readonly object[], owner?: string): void => {
    for (const entity of entities) {
      const { service, plugins, ...rest } = parseAnswer(route, entity, "routes");
      const name = rest.name ?? rest.id ?? "without a name";
      add("routes", `route ${name}`, rest, owner ?? names(service));
      addPlugins(plugins ?? [], `route ${name}`);
    }
  };
  for (const entity of root.services ?? []) {
    const { plugins, routes, ...rest } = parseAnswer(service, entity, "services");
    const name = rest.name ?? rest.id ?? "without a name";
    add("services", `service ${name}`, rest);
    addPlugins(plugins ?? [], `service ${name}`);
    addRoutes(routes ?? [], name);
  }
  const addAcls = (entities: readonly object[], owner?: string): void => {
    for (const entity of entities) {
      const { consumer, ...rest } = parseAnswer(acl, entity, "acls");
      add("acls", `group ${rest.group} of consumer ${owner ?? names(consumer)}`, rest);
    }
  };
  const addKeys = (entities: readonly object[], owner?: string): void => {
    for (const entity of entities) {
      const { consumer, ...rest } = parseAnswer(key, entity, "jwts");
      add("jwts", `key ${rest.key}`, rest, owner ?? names(consumer));
    }
  };
  for (const entity of root.consumers ?? []) {
    const { acls, jwt_secrets: keys, plugins, ...rest } = parseAnswer(consumer, entity, "consumers");
    const name = rest.username ?? rest.id ?? "without a name";
    add("consumers", `consumer ${name}`, rest);
    addAcls(acls ?? [], name);
    addKeys(keys ?? [], name);
    addPlugins(plugins ?? [], `consumer ${name}`);
  }
  for (const entity of root.ca_certificates ?? []) {
    const { cert } = parseAnswer(certificate, entity, "ca_certificates");
    add(
      "ca_certificates",
      `certificate ${createHash("sha256").update(cert.trim()).digest("hex").slice(0, 16)}`,
      entity,
    );
  }
  addRoutes(root.routes ?? []);
  addAcls(root.acls ?? []);
  addKeys(root.jwt_secrets ?? []);
  addPlugins(root.plugins ?? []);
  return found;
}

const named = v.looseObject({ id: text, name: text, username: text });

/** Resolves references: in the Admin API they are ids. */
function namesIn(root: v.InferOutput<typeof configuration>): (to: v.InferOutput<typeof reference>) => string {
  const byId = new Map<string, string>();
  for (const entity of [...(root.services ?? []), ...(root.routes ?? []), ...(root.consumers ?? [])]) {
    const { id, name, username } = parseAnswer(named, entity, "consumers");
    const text = name ?? username;
    if (id && text) byId.set(id, text);
  }
  return (to) => {
    const text = typeof to === "string" ? to : (to?.id ?? to?.name ?? "");
    return byId.get(text) ?? text;
  };
}

/** Kong keeps these itself. */
const KEPT_BY_KONG = new Set(["created_at", "updated_at", "cert_digest", "ws_id"]);

const valuesOf = (entity: object): Values =>
  Object.fromEntries(Object.entries(entity).filter(([name]) => !KEPT_BY_KONG.has(name)));

/** Where the entities of the kinds that are compared are in a file. */
const COMPARED = new Set([
  "services",
  "services.plugins",
  "services.routes",
  "services.routes.plugins",
  "routes",
  "routes.plugins",
  "consumers",
  "consumers.plugins",
  "consumers.acls",
  "consumers.jwt_secrets",
  "plugins",
  "acls",
  "jwt_secrets",
  "ca_certificates",
]);

/** Names what has our tag at every other place: kinds that are never rendered, and what is below them. */
export function taggedElsewhere(value: object, place: readonly string[] = []): readonly string[] {
  return Object.entries(value).flatMap(([kind, all]) => {
    const here = [...place, kind];
    const entities = v.safeParse(v.array(other), all);
    if (!entities.success) return [];
    return entities.output.flatMap((one) => {
      const isOurs = Array.isArray(one.tags) && one.tags.includes(TAG) && !COMPARED.has(here.join("."));
      const name = one.name ?? (one.id === undefined ? "without a name" : `with the id ${one.id}`);
      return [...(isOurs ? [`${kind} ${name}`] : []), ...taggedElsewhere(one, here)];
    });
  });
}

const other = v.looseObject({
  id: v.fallback(v.optional(v.string()), undefined),
  name: v.fallback(v.optional(v.string()), undefined),
  tags: v.optional(v.unknown()),
});

/** The names of the upstreams, under which Kong balances the requests to a host of the same name. */
export const upstreamsIn = (value: unknown): readonly string[] =>
  (parseAnswer(v.looseObject({ upstreams: list }), value, "upstreams").upstreams ?? []).map(
    (one) => parseAnswer(v.looseObject({ name: v.string() }), one, "upstreams").name,
  );

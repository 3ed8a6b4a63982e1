import { createHash } from "node:crypto";
import * as v from "valibot";
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

const list = v.optional(v.nullable(v.array(v.looseObject({}))), []);
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
const own = v.looseObject({ tags: v.nullish(v.array(v.string())) });

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

/** Returns the entities of the kinds that are rendered. Throws a `ValiError` for what is no configuration of Kong. */
export function entitiesIn(value: unknown): readonly Found[] {
  const root = v.parse(configuration, value);
  const found: Found[] = [];
  const names = namesIn(root);
  const add = (label: string, entity: object, of?: string, pluginName?: string): void => {
    const { tags } = v.parse(own, entity);
    const values = { ...valuesOf(entity), ...(of !== undefined && { of }) };
    found.push({ label, isOurs: tags?.includes(TAG) === true, plugin: pluginName, values });
  };
  const addPlugins = (entities: readonly object[], owner?: string): void => {
    for (const entity of entities) {
      const one = v.parse(plugin, entity);
      const { service, route, consumer, ...rest } = one;
      const scopes = [
        ...(owner === undefined ? [] : [owner]),
        ...(service ? [`service ${names(service)}`] : []),
        ...(route ? [`route ${names(route)}`] : []),
        ...(consumer ? [`consumer ${names(consumer)}`] : []),
      ];
      add(`plugin ${one.name} of ${scopes.join(" and ") || "everything"}`, rest, undefined, one.name);
    }
  };
  const addRoutes = (entities: readonly object[], owner?: string): void => {
    for (const entity of entities) {
      const { service, plugins, ...rest } = v.parse(route, entity);
      const name = rest.name ?? rest.id ?? "without a name";
      add(`route ${name}`, rest, owner ?? names(service));
      addPlugins(plugins ?? [], `route ${name}`);
    }
  };
  for (const entity of root.services ?? []) {
    const { plugins, routes, ...rest } = v.parse(service, entity);
    const name = rest.name ?? rest.id ?? "without a name";
    add(`service ${name}`, rest);
    addPlugins(plugins ?? [], `service ${name}`);
    addRoutes(routes ?? [], name);
  }
  const addAcls = (entities: readonly object[], owner?: string): void => {
    for (const entity of entities) {
      const { consumer, ...rest } = v.parse(acl, entity);
      add(`group ${rest.group} of consumer ${owner ?? names(consumer)}`, rest);
    }
  };
  const addKeys = (entities: readonly object[], owner?: string): void => {
    for (const entity of entities) {
      const { consumer, ...rest } = v.parse(key, entity);
      add(`key ${rest.key}`, rest, owner ?? names(consumer));
    }
  };
  for (const entity of root.consumers ?? []) {
    const { acls, jwt_secrets: keys, plugins, ...rest } = v.parse(consumer, entity);
    const name = rest.username ?? rest.id ?? "without a name";
    add(`consumer ${name}`, rest);
    addAcls(acls ?? [], name);
    addKeys(keys ?? [], name);
    addPlugins(plugins ?? [], `consumer ${name}`);
  }
  for (const entity of root.ca_certificates ?? []) {
    const { cert } = v.parse(certificate, entity);
    add(`certificate ${createHash("sha256").update(cert.trim()).digest("hex").slice(0, 16)}`, entity);
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
    const { id, name, username } = v.parse(named, entity);
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

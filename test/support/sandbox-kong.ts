import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { KongDocument } from "../../shared/cli/kong/document.ts";
import { serveOnLoopback } from "./loopback.ts";

type Entity = Readonly<Record<string, unknown>> & { readonly id: string };

/** An Admin API over HTTP with small pages: lists of entities, and writes of the keys of consumers. */
export async function startSandboxKong(document: KongDocument, { pageSize = 3 } = {}) {
  /** The entities by kind, as the Admin API names them. A test may change them. */
  const entities = listsOf(document);
  const requests: string[] = [];
  /** How many more writes are done. Others are answered 500. */
  const left = { writes: Number.POSITIVE_INFINITY };
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use(async (c, next) => {
    requests.push(`${c.req.method} ${c.req.path}`);
    if (c.req.method !== "GET" && left.writes-- <= 0) return c.json({ message: "An unexpected error occurred" }, 500);
    await next();
  });
  app.get("/tags/:tag", (c) => {
    const { tag } = c.req.param();
    const found = Object.entries(entities).flatMap(([kind, all]) =>
      all
        .filter(({ tags }) => Array.isArray(tags) && tags.includes(tag))
        .map(({ id }) => ({ id, entity_name: kind === "jwts" ? "jwt_secrets" : kind, entity_id: id, tag })),
    );
    return c.json(pageOf(found, c.req.query("offset"), pageSize));
  });
  app.get("/:kind", (c) => {
    const page = pageOf(entities[c.req.param("kind")], c.req.query("offset"), pageSize);
    return page === undefined ? c.json({ message: "Not found" }, 404) : c.json(page);
  });
  app.on(["PUT", "DELETE"], "/consumers/:username/jwt/:id", async (c) => {
    const { username, id } = c.req.param();
    const consumer = entities["consumers"]?.find((one) => one["username"] === username);
    const keys = entities["jwts"] ?? [];
    if (consumer === undefined) return c.json({ message: "Not found" }, 404);
    const at = keys.findIndex((one) => one.id === id);
    if (c.req.method === "DELETE") {
      if (at >= 0) keys.splice(at, 1);
      return c.body(null, 204);
    }
    const entity = { ...Object(await c.req.json()), id, consumer: { id: consumer.id } };
    // The key is unique over all consumers.
    if (keys.some((one) => one["key"] === entity.key && one.id !== id))
      return c.json({ name: "unique constraint" }, 409);
    if (at >= 0) keys[at] = entity;
    else keys.push(entity);
    return c.json(entity);
  });
  const { url, close } = await serveOnLoopback(app, 0);
  return { url: url.origin, entities, requests, left, close };
}

function pageOf(all: readonly Entity[] | undefined, after: string | undefined, pageSize: number): object | undefined {
  if (all === undefined) return undefined;
  const from = Number(after ?? 0);
  const data = all.slice(from, from + pageSize);
  const offset = from + pageSize < all.length ? String(from + pageSize) : undefined;
  return { data: data.length === 0 ? {} : data, next: null, ...(offset && { offset }) };
}

/** Each kind in a list of its own, with references by id and what Kong keeps itself. */
function listsOf({ services, consumers, ca_certificates }: KongDocument): Record<string, Entity[]> {
  const kept = (entity: { readonly id: string }, references: object = {}): Entity => ({
    ...structuredClone({ ...entity, ...references }),
    created_at: 1_790_000_000,
    updated_at: 1_790_000_000,
  });
  const lists: Record<string, Entity[]> = { ca_certificates: ca_certificates.map((one) => kept(one)) };
  const plugins: Entity[] = [];
  const routes: Entity[] = [];
  const acls: Entity[] = [];
  const jwts: Entity[] = [];
  const none = { service: null, route: null, consumer: null };
  const own = services.map(({ plugins: ofService, routes: ofRoutes, ...service }) => {
    plugins.push(...ofService.map((one) => kept(one, { ...none, service: { id: service.id } })));
    for (const { plugins: ofRoute, ...route } of ofRoutes) {
      routes.push(kept(route, { service: { id: service.id } }));
      plugins.push(...ofRoute.map((one) => kept(one, { ...none, route: { id: route.id } })));
    }
    return kept(service);
  });
  const people = consumers.map(({ plugins: ofConsumer, acls: groups, jwt_secrets: keys, ...consumer }) => {
    const reference = { consumer: { id: consumer.id } };
    plugins.push(...ofConsumer.map((one) => kept(one, { ...none, ...reference })));
    acls.push(...groups.map((one) => kept(one, reference)));
    jwts.push(...keys.map((one) => kept(one, reference)));
    return kept(consumer);
  });
  return { ...lists, upstreams: [], services: own, consumers: people, plugins, routes, acls, jwts };
}

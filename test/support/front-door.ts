import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { serveOnLoopback } from "./loopback.ts";

/** A proxy in front of a bridge. Its address is known before the bridge's. */
export async function startFrontDoor() {
  let behind: URL | undefined;
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.all("*", ({ req }) => {
    const { pathname, search } = new URL(req.url);
    if (behind === undefined) return new Response("nothing is behind it yet", { status: 503 });
    const { method, headers } = req.raw;
    const body = method === "GET" || method === "HEAD" ? null : req.raw.body;
    return fetch(new URL(pathname + search, behind), { method, headers, body, redirect: "manual", duplex: "half" });
  });
  const { url, close } = await serveOnLoopback(app, 0);
  return {
    url,
    close,
    leadTo: (bridge: URL) => {
      behind = bridge;
    },
  };
}

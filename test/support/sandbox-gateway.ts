import { randomUUID } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { serveOnLoopback } from "./loopback.ts";

/** Where a gateway sends its log. Called for every record, because a bridge has no address before it runs. */
type LogSink = () => { readonly url: URL; readonly token: string };

/**
 * A gateway in front of a service that is down, for tests: it asks for a bearer token, passes the request on, and answers
 * 502 if that fails. As Kong does, it then sends a record of the request to its log.
 * https://developer.konghq.com/plugins/http-log/
 */
export async function startSandboxGateway({ log }: { readonly log: LogSink }) {
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.all("*", async ({ req }) => {
    const isKnown = req.header("authorization")?.startsWith("Bearer ") === true;
    const id = randomUUID().replaceAll("-", "");
    // Nothing listens at port 1.
    const answer = isKnown ? await fetch("http://127.0.0.1:1").catch(() => undefined) : undefined;
    const status = isKnown ? (answer?.status ?? 502) : 401;
    const { url, token } = log();
    await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "x-kong-token": token },
      body: JSON.stringify({
        request: { id, method: req.method, uri: req.path, headers: {} },
        response: { status, headers: {} },
        tries: isKnown ? [{ ip: "127.0.0.1", port: 1, state: "failed", code: 502 }] : [],
        upstream_status: "",
        source: "kong",
        route: { name: "registry-push" },
        service: { name: "registry" },
        started_at: Date.now(),
      }),
    });
    const text = isKnown ? "An invalid response was received from the upstream server" : "Unauthorized";
    return Response.json({ message: text, request_id: id }, { status });
  });
  return serveOnLoopback(app, 0);
}

import type { Counters } from "./counters.ts";

/** Answers `GET /healthz`, `/readyz` and `/metrics`; undefined for anything else. */
export function serveHealth(method: string, path: string, counters: Counters): Response | undefined {
  if (method !== "GET") return undefined;
  if (path === "/healthz" || path === "/readyz") return Response.json({ status: "up" });
  if (path !== "/metrics") return undefined;
  return new Response(counters.text(), { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
}

export const plain = (status: number, text: string): Response =>
  new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8" } });

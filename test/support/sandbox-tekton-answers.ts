import { randomUUID } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";

/** A response to the next request in place of the 202. */
export type InjectedAnswer =
  | { readonly kind: "bad_request"; readonly errorMessage: string }
  /** 500 with an empty body: nothing was done. */
  | { readonly kind: "server_error" }
  /** 503 with the listener's own text: the work continues. */
  | { readonly kind: "handler_timeout" }
  | { readonly kind: "login_redirect" }
  | { readonly kind: "unauthorized" }
  | { readonly kind: "too_large" }
  | { readonly kind: "too_many_requests"; readonly retryAfter: string }
  /** 200 of a gateway, with a page. */
  | { readonly kind: "not_a_listener" }
  /** 202 without a body. */
  | { readonly kind: "bare_accepted" }
  /** No response; the work is done. */
  | { readonly kind: "hang" }
  /** The connection is reset; nothing was done. */
  | { readonly kind: "reset" };

export interface SandboxRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Headers;
  /** The body as it arrived. */
  readonly text: string;
  /** Parsed JSON, or the text if it is not JSON. */
  readonly body: unknown;
}

export type ListenerContext = Context<{ Bindings: HttpBindings }>;

export const NAMESPACE = "ci";
export const LISTENER = "drawbridge";
const IDENTITY = { eventListener: LISTENER, namespace: NAMESPACE };

/** Reads a request to its end. */
export async function received(c: ListenerContext): Promise<SandboxRequest> {
  const { pathname, search } = new URL(c.req.url);
  const text = await c.req.text();
  return { method: c.req.method, path: pathname + search, headers: c.req.raw.headers, text, body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Responds before the trigger runs, so no response shows the trigger's outcome. */
export function accept(
  c: ListenerContext,
  request: SandboxRequest,
  trigger: (eventID: string, request: SandboxRequest) => void,
): Response {
  const { body, headers } = request;
  if (typeof body !== "object" || body === null || Array.isArray(body)) return reject(c, "the body is no JSON object");
  const eventID = randomUUID();
  queueMicrotask(() => trigger(eventID, request));
  const isCloudEvent =
    headers.has("ce-specversion") || headers.get("content-type")?.startsWith("application/cloudevents+json");
  if (isCloudEvent) {
    c.header("ce-specversion", "1.0");
    c.header("ce-type", "dev.tekton.event.triggers.accepted.v1");
    c.header("ce-id", eventID);
    c.header("ce-source", LISTENER);
    c.header("ce-subject", `${NAMESPACE}.${LISTENER} accepted ${eventID}`);
  }
  return c.json({ ...IDENTITY, eventListenerUID: LISTENER_UID, eventID }, 202);
}

const LISTENER_UID = "0d8e5a0c-97a4-4f66-8d2b-3c5ab9f0e6d1";

const reject = (c: ListenerContext, why: string): Response =>
  c.json({ ...IDENTITY, eventListenerUID: "", errorMessage: `Invalid event body format : ${why}` }, 400);

/** Responds as injected. `work` is what the request would have triggered. */
export async function answerWith(injected: InjectedAnswer, c: ListenerContext, work: () => void): Promise<Response> {
  switch (injected.kind) {
    case "bad_request":
      return reject(c, injected.errorMessage);
    case "server_error":
      return c.body(null, 500);
    case "handler_timeout":
      work();
      return c.text("EventListener Timeout!", 503);
    case "login_redirect":
      return c.redirect("https://login.example.test/oauth2/sign_in", 302);
    case "unauthorized":
      return c.text("Unauthorized", 401);
    case "too_large":
      return c.text("request body too large", 413);
    case "too_many_requests":
      return c.text("slow down", 429, { "retry-after": injected.retryAfter });
    case "not_a_listener":
      return c.html("<h1>Welcome</h1>");
    case "bare_accepted":
      work();
      return c.body(null, 202);
    case "hang":
      work();
      return new Promise<never>(() => undefined);
    case "reset":
      c.env.incoming.socket.resetAndDestroy();
      return RESPONSE_ALREADY_SENT;
  }
}

import * as v from "valibot";
import type { EpochMillis } from "../host/clock.ts";
import type { Secret } from "../host/secrets.ts";
import type { ServedApp } from "../http/connection.ts";
import type { Principal } from "../model/principal.ts";
import type { Html } from "./html.ts";

/** What a page may need of the person who asks for it. */
export interface Visit {
  readonly url: URL;
  readonly now: EpochMillis;
  /** As the ID token proved it at the sign-in. It decides what is offered, and nothing else: that is up to the interface. */
  readonly me: Principal;
  /** As people call this person, as far as the token tells. */
  readonly name: string;
  /** To be in every form that changes something. */
  readonly formToken: string;
  /** Names of the configured routes. */
  readonly routes: readonly string[];
  readonly may: (verb: "replay" | "approve", route: string) => boolean;
  readonly isMe: (who: Principal & { readonly actor?: string }) => boolean;
  /** Calls the bridge's own interface in this person's name. */
  readonly ask: <T>(path: string, order?: Order) => Promise<Answer<T>>;
}

/** What is posted. `key` is the same for the same order. */
export interface Order {
  readonly body: object;
  readonly key: string;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

const problem = v.object({
  title: v.string(),
  status: v.number(),
  instance: v.optional(v.string()),
  reason: v.optional(v.string()),
});
/** A refusal or a failure, as the interface answers it (RFC 9457). */
export type Problem = v.InferOutput<typeof problem>;

/** What stands in a page, and how often it is asked for anew. */
export interface Page {
  readonly title: string;
  readonly main: Html;
  readonly refreshSeconds?: number;
}

/**
 * The console's one way to everything it shows and does: requests to the bridge's interface, answered in the same process,
 * with the person's own token. So who may do what, what is counted, recorded and logged is decided there, as for anyone.
 */
export const asker =
  (api: ServedApp, origin: string, token: Secret): Visit["ask"] =>
  async <T>(path: string, order?: Order): Promise<Answer<T>> => {
    const headers = new Headers({ authorization: `Bearer ${token.reveal()}` });
    if (order !== undefined) {
      headers.set("content-type", "application/json");
      headers.set("idempotency-key", order.key);
    }
    const sent = order === undefined ? {} : { method: "POST", body: JSON.stringify(order.body) };
    const answer = await api.fetch(new Request(new URL(path, origin), { headers, ...sent }), {});
    const told: unknown = await answer.json();
    // The answers' shapes are those of our own interface, of the same version.
    return answer.ok ? { ok: true, value: told as T } : { ok: false, problem: v.parse(problem, told) };
  };

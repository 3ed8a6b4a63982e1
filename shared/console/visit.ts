import * as v from "valibot";
import type { PromotionPlace } from "../delivery/judge-promotion.ts";
import type { EpochMillis } from "../host/clock.ts";
import type { Secret } from "../host/secrets.ts";
import type { ListedApproval } from "../http/approvals.ts";
import type { ServedApp } from "../http/connection.ts";
import type { About } from "../identity/policy.ts";
import type { Principal } from "../model/principal.ts";
import type { Html } from "./html.ts";

/** The request for a page, and the person who is signed in. */
export interface Visit {
  readonly url: URL;
  readonly now: EpochMillis;
  /**
   * Verified at the sign-in, with the roles that are held for a time. It decides only what a page offers; the API decides
   * what the person may do.
   */
  readonly me: Principal;
  /** The person's name in the token's claims, else the subject. For display only. */
  readonly name: string;
  /** CSRF token, in every form that has an effect. */
  readonly formToken: string;
  /** Names of the configured routes. */
  readonly routes: readonly string[];
  /** Between which environments of a route a run can be promoted. */
  readonly promotions: readonly PromotionPlace[];
  readonly may: (verb: "replay" | "approve" | "promote", route: string, about: About) => boolean;
  /** Whether the person may read deliveries at all. */
  readonly mayReadDeliveries: boolean;
  /** Whether the person may read about the bridge itself, as opposed to what a role confines them to. */
  readonly mayReadBridge: boolean;
  /** Whether the person may read the request of a delivery about this. */
  readonly mayReadPayload: (about: About) => boolean;
  /** The approvals and the requests for roles that wait for this person. */
  readonly waiting: () => Promise<WaitingApprovals>;
  /** Whether there are roles that can be requested for a time. */
  readonly hasAccess: boolean;
  readonly isMe: (who: Principal & { readonly actor?: string }) => boolean;
  /** Calls the bridge's API with this person's token. A `post` makes it a POST. */
  readonly ask: <T>(path: string, post?: ApiPost) => Promise<ApiResult<T>>;
}

/** What a person may grant; the approvals that expire first come first. */
export interface WaitingApprovals {
  readonly approvals: readonly ListedApproval[];
  /** The number of requests for roles that the person may grant. */
  readonly roleRequests: number;
  /** More approvals are open than were looked at. */
  readonly hasMore: boolean;
}

/** What a form posts to the API. */
export interface ApiPost {
  readonly body: object;
  /** The idempotency key: a form that is sent twice has an effect once. */
  readonly key: string;
}

export type ApiResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

const problem = v.object({
  title: v.string(),
  status: v.number(),
  instance: v.optional(v.string()),
  reason: v.optional(v.string()),
  input: v.optional(v.string()),
});
/** A rejection or a fault, as the API answers it (RFC 9457). */
export type Problem = v.InferOutput<typeof problem>;

/** Content of a page. */
export interface Page {
  readonly title: string;
  readonly main: Html;
  /** How often the browser fetches the page again. Undefined if it does not. */
  readonly refreshSeconds?: number;
}

/**
 * The only way for the console to read or change anything: requests to the bridge's API, in the same process, with the
 * person's own token. The API authorizes, counts, records and logs them as it does for every caller.
 */
export const createApiClient =
  (api: ServedApp, origin: string, token: Secret): Visit["ask"] =>
  async <T>(path: string, post?: ApiPost): Promise<ApiResult<T>> => {
    const headers = new Headers({ authorization: `Bearer ${token.reveal()}` });
    if (post !== undefined) {
      headers.set("content-type", "application/json");
      headers.set("idempotency-key", post.key);
    }
    const init = post === undefined ? { headers } : { headers, method: "POST", body: JSON.stringify(post.body) };
    const response = await api.fetch(new Request(new URL(path, origin), init), {});
    const body: unknown = await response.json();
    // `as`: the API is part of this program, so a successful response has the shape of the same version.
    return response.ok ? { ok: true, value: body as T } : { ok: false, problem: v.parse(problem, body) };
  };

import { authenticate } from "../../../../shared/model/authentic-delivery.ts";
import type { Reading } from "../../../../shared/model/reading.ts";
import { credentials, hubSignature, requestOf, sourceWith } from "./sources.ts";

export const AT = "2026-11-01T09:00:00.000Z";
export const TIMESTAMP = Date.parse(AT);

/** What the source reads from a body; `query` is that of the registered address. */
export async function read(content: unknown, query = "", ownAccounts: readonly string[] = []): Promise<Reading> {
  const source = sourceWith({ ...credentials.hub, ownAccounts });
  const body = typeof content === "string" ? content : JSON.stringify(content);
  const address = `https://bridge.example.test/webhooks/wiki${query}`;
  const request = requestOf({ "x-hub-signature": hubSignature(body) }, { body, address });
  const delivery = await authenticate(request, { name: "wiki", authenticate: source.authenticate });
  if (!delivery.ok) throw new Error(delivery.rejection.reason);
  return source.read(delivery.value);
}

// A body of each format, to be filled in.
export const dataCenter = (event: string, rest: object) => ({ timestamp: TIMESTAMP, event, userKey: "key-1", ...rest });
export const connectPage = { id: 98310, contentType: "page", version: 7, spaceKey: "ENG", title: "Release" };
export const connect = (rest: object) => ({ timestamp: TIMESTAMP, userAccountId: "557058:a", ...rest });
export const forge = (name: string, rest: object = {}) => ({
  eventType: `avi:confluence:${name}`,
  eventCreatedDate: AT,
  atlassianId: "5b10",
  content: { id: "98310", type: "page", title: "Release", space: { id: 7, key: "ENG" }, version: { number: 7 } },
  ...rest,
});
export const automation = (action: string, rest: object = {}) => ({
  schema: "confluence-automation/1",
  pageId: "98310",
  action,
  at: AT,
  ...rest,
});

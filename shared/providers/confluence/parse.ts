import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import type { Reading } from "../../model/reading.ts";
import { ignored, unusable } from "./page-reading.ts";
import { readAutomation } from "./read-automation.ts";
import { forgeEventIn, readForge } from "./read-forge.ts";
import { readWebhook } from "./read-webhook.ts";
import type { ConfluenceSettings } from "./settings.ts";

/**
 * Distinguishes the four formats by members that only one of them has. A name in the body has precedence over the name
 * in the address: a Data Center signature covers only the body, so an address must not change one event into another.
 */
export function readDelivery(delivery: AuthenticDelivery, settings: ConfluenceSettings): Reading {
  const reading = readAny(delivery, settings.site);
  if (reading.outcome !== "event") return reading;
  const [{ type, actor }] = reading.events;
  if (actor === undefined || !settings.ownAccounts.includes(actor.id)) return reading;
  const { deliveryKey } = reading;
  return { ...ignored(`${type} by our own account`), ...(deliveryKey && { deliveryKey }) };
}

function readAny({ body: bytes, bodyDigest, url }: AuthenticDelivery, site: string): Reading {
  const json = readJsonObject(bytes);
  if (!json.ok) return unusable(json.problem);
  const body = json.value;
  if (typeof body["event"] === "string") return readWebhook(body["event"], body, site);
  if (body["schema"] !== undefined) return readAutomation(body, site);
  const forge = forgeEventIn(body);
  if (forge) return readForge(forge.eventType, forge.body, site);
  // The "Test connection" button of Data Center.
  if (body["test"] === true) return ignored("test");
  const [name, ...others] = url.searchParams.getAll("event");
  if (name === undefined || others.length > 0) return unusable("neither the body nor `?event=` names one event");
  // A Connect body does not name its event: two events may have the same bytes.
  return { ...readWebhook(name, body, site), deliveryKey: [name, bodyDigest] };
}

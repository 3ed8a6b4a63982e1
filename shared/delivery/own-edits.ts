import type { Clock } from "../host/clock.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { OwnAccountStore, SiteAccount } from "../store/own-accounts.ts";

export interface OwnEditDeps {
  readonly ownAccounts: Pick<OwnAccountStore, "isOwn">;
  readonly deliveries: Pick<DeliveryStore, "addToTimeline">;
  readonly clock: Clock;
}

/**
 * Whether an event was made by an account with which the bridge itself writes; if so its timeline says that it is ignored.
 * This breaks the feedback loop in which each status on a page starts the next run. A replay is never ignored: a person
 * asked for it, for the routes that it names. One read for an event whose author and site are known, none for others.
 * Throws `store_unavailable`.
 */
export async function isOwnEdit(
  { detail }: BusEvent,
  { receivedAt }: Pick<RecordedDelivery, "receivedAt">,
  { ownAccounts, deliveries, clock }: OwnEditDeps,
): Promise<boolean> {
  const author = detail.replay === undefined ? authorOf(detail) : undefined;
  if (author === undefined || !(await ownAccounts.isOwn(author, receivedAt))) return false;
  const { account } = author;
  await deliveries.addToTimeline(detail.delivery, { at: clock.now(), kind: "ignored", reason: "own_account", account });
  return true;
}

/** Who made it on which site; undefined if the event does not say both. */
function authorOf(detail: BusEvent["detail"]): SiteAccount | undefined {
  const site = siteOf(detail);
  return site === undefined || detail.actor === undefined ? undefined : { site, account: detail.actor.id };
}

/** The types that hold a page, an attachment or a comment hold its site. */
function siteOf(detail: BusEvent["detail"]): string | undefined {
  if ("page" in detail) return detail.page.site;
  if ("attachment" in detail) return detail.attachment.site;
  return detail.type === "page.commented" && "comment" in detail ? detail.comment.site : undefined;
}

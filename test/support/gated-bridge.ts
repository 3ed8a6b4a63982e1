import { relayBus } from "../../functions/relay-bus.ts";
import { decide, type Verdict } from "../../shared/approvals/decide.ts";
import type { Config } from "../../shared/config/schema.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { replay } from "../../shared/delivery/replay.ts";
import { toIso } from "../../shared/host/clock.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { Approval } from "../../shared/model/approval.ts";
import type { PageEvent } from "../../shared/model/event.ts";
import { approvalIdOf, deliveryIdOf } from "../../shared/model/idempotency-keys.ts";
import type { Principal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { Route } from "../../shared/routes/route.ts";
import { entryOf } from "../unit/identity/tokens.ts";
import { bridgeParts, type PartsOptions, routeOf, scripted } from "./bridge-parts.ts";
import { busEventOf, sampleDelivery } from "./samples.ts";
import { silentLog } from "./test-doubles.ts";

/** The actor of every sample delivery. */
export const EDITOR = "ff80aa01";

const ISSUER = "https://idp.example.test";

const permissions = { call: [], fire: [], replay: [], approve: [], promote: [], summarise: [], pause: [] };

/** Ann is the editor under another account's name, Max and Mia may approve, Mia and Sam order, and Tom has no role. */
const CONFIG: Pick<Config, "issuers" | "roles" | "sources" | "orders"> = {
  issuers: { people: entryOf({ issuer: ISSUER }) },
  roles: {
    manager: { ...permissions, approve: ["docs"] },
    "on-call": { ...permissions, replay: ["*"] },
    // The environments of an order that its holders place.
    staging: { ...permissions, in: { environments: ["staging"] } },
  },
  orders: {
    "deploy-docs": {
      roles: ["on-call", "staging"],
      agents: "approved",
      inputs: { environment: { choice: ["staging", "production"] }, ref: { ref: "branch" } },
    },
  },
  sources: [
    {
      name: "wiki",
      provider: "confluence",
      roles: [],
      mode: "enforce",
      settings: {},
      people: {
        [EDITOR]: { roles: ["manager"], token: { trust: "people", subject: "ann" } },
        max: { roles: ["manager"] },
        mia: { roles: ["manager", "on-call"] },
        tom: { roles: [] },
        sam: { roles: ["staging"] },
      },
    },
  ],
};

/** The principal of a person's token. */
export const holder = (subject: string, roles: readonly string[] = ["manager"]): Principal => ({
  issuer: ISSUER,
  subject,
  method: "oidc",
  credential: "key-1",
  trustEntry: "people",
  roles,
});

/**
 * A bridge with a route that waits up to an hour for an approval, and the operations of its senders and people. `others`
 * are additional routes.
 */
export async function gatedBridge(
  outcomes: readonly ActionOutcome[],
  changes: Partial<Route> = {},
  others: readonly Route[] = [],
  log = silentLog,
  parts: Pick<
    PartsOptions,
    | "clock"
    | "database"
    | "verifiers"
    | "groupSources"
    | "rules"
    | "grantRules"
    | "callOut"
    | "secrets"
    | "approvalPollSeconds"
    | "patterns"
    | "recorded"
  > & {
    readonly roles?: Config["roles"];
    readonly configuration?: string;
  } = {},
) {
  const script = scripted(outcomes);
  const route = routeOf(script.run, {
    matches: (busEvent) => busEvent["detail-type"] === "page.updated",
    approval: { expiresMinutes: 60, approvers: () => ["manager"] },
    ...changes,
  });
  const { roles = CONFIG.roles, ...given } = parts;
  const groupsOf = ({ name }: { readonly name: string }) => {
    const groups = given.groupSources?.[name];
    return groups && { map: groups.map };
  };
  const [wiki] = CONFIG.sources;
  const added = Object.entries(given.groupSources ?? {}).filter(([name]) => name !== "wiki");
  const sources = [
    ...CONFIG.sources,
    ...added.flatMap(([name, { target }]) => (wiki ? [{ ...wiki, name, provider: target.kind, people: {} }] : [])),
  ].map((source) => ({ ...source, groups: groupsOf(source) }));
  const config = { ...CONFIG, roles, sources };
  const opened = await bridgeParts([route, ...others], { log, config, ...given });
  const { deliveries, clock } = opened;
  return {
    ...opened,
    fired: script.contexts,
    ...operationsOn(route.name, opened),
    /** Lets a minute pass, and runs what is due. */
    later: async (minutes = 1) => {
      clock.advance(minutes * 60_000);
      return opened.runDue();
    },
    /** The approval's steps in the delivery's timeline. */
    steps: async ({ id }: RecordedDelivery) =>
      (await deliveries.timeline(id)).flatMap((timelineEvent) =>
        timelineEvent.kind === "approval" ? [timelineEvent] : [],
      ),
    /** The decisions of a label or a comment, with the reason of a rejection. */
    decided: async ({ id }: RecordedDelivery) =>
      (await deliveries.timeline(id)).flatMap((timelineEvent) =>
        timelineEvent.kind === "decided" ? [timelineEvent] : [],
      ),
  };
}

type Parts = Awaited<ReturnType<typeof bridgeParts>>;

/** The operations of senders and people on the bridge. `gated` is the route that waits. */
function operationsOn(gated: string, { bridge, bus: inner }: Parts) {
  const { deliveries, approvals, ownAccounts, clock } = bridge;
  const bus = relayBus(bridge, inner);
  const takeIn = async (delivery: RecordedDelivery): Promise<RecordedDelivery> => {
    await deliveries.record(delivery);
    await relay(delivery, { bus, deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog });
    return delivery;
  };
  const approvalOf = async (delivery: RecordedDelivery): Promise<Approval> => {
    const eventKey = busEventOf(delivery)?.detail.eventKey ?? "";
    const approval = await approvals.get(approvalIdOf(gated, eventKey));
    if (!approval) throw new Error("nothing was requested");
    return approval;
  };
  let labels = 0;
  const report = (type: PageEvent["type"], version: number, page: Partial<PageEvent["page"]> = {}) => {
    const {
      events: [event],
      ...delivery
    } = sampleDelivery(version);
    const time = toIso(clock.now());
    const receivedAt = clock.now();
    return takeIn({
      ...delivery,
      receivedAt,
      what: type,
      events: [{ ...event, type, time, page: { ...event.page, ...page } }],
    });
  };
  return {
    approvalOf,
    takeIn,
    /** Reports an event of this version of the page, at the clock's time. */
    report,
    edit: (version: number, page?: Partial<PageEvent["page"]>) => report("page.updated", version, page),
    /** Somebody puts a label on the page; `given` changes the delivery. */
    label: (
      label: string,
      actor: string,
      given: Partial<RecordedDelivery> = {},
      time = toIso(clock.now()),
      type: PageEvent["type"] = "page.labeled",
    ) => {
      const {
        events: [event],
        ...delivery
      } = sampleDelivery();
      const keyParts = [event.page.id, time, label];
      // Data Center reports no version with a label.
      const { version: _, ...page } = event.page;
      const labeled: PageEvent = { ...event, page, type, keyParts, time, label, actor: { id: actor } };
      const id = deliveryIdOf("wiki", ["label", String(++labels)]);
      return takeIn({ ...delivery, id, receivedAt: clock.now(), what: labeled.type, events: [labeled], ...given });
    },
    decide: async (delivery: RecordedDelivery, decision: Verdict["decision"], by: Verdict["by"], comment?: string) =>
      decide(await approvalOf(delivery), { decision, by, comment, requestId: "request-2" }, bridge),
    replay: async (of: RecordedDelivery, by: Principal, routes: readonly string[] = ["docs"]) => {
      const order = { of, routes, by, isRollback: false, key: [of.id], requestId: "request-3" };
      const { delivery } = await replay(order, bridge);
      const recorded = await deliveries.get(delivery);
      if (!recorded) throw new Error("it is recorded");
      return takeIn(recorded);
    },
  };
}

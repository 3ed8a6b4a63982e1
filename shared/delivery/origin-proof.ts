import { timingSafeEqual } from "node:crypto";
import { hmacSha256 } from "../host/hmac.ts";
import type { Log } from "../host/log.ts";
import { readBoth, type Secrets } from "../host/secrets.ts";
import type { OriginProof, ProvedOrigin } from "../model/event.ts";
import type { PresentedProof } from "../model/reading.ts";
import type { Route } from "../routes/route.ts";
import type { OriginStore } from "../store/origins.ts";

/**
 * The facts that a proof of origin binds. Each proof is for one run: no other run, route, target or source has the same
 * facts.
 */
interface ProvedFacts {
  /** The source that reports the run. */
  readonly source: string;
  readonly target: string;
  readonly route: string;
  readonly delivery: string;
  /** The key with which the route acts on the event. With the route it is the run's name. */
  readonly eventKey: string;
  /** The namespace of the run; empty if the target does not fix it. */
  readonly namespace: string;
}

/** The part of a route that its proofs need. */
export type ProvingRoute = Pick<Route, "name" | "target" | "runsReportedBy" | "runNamespaces" | "originKey">;

/**
 * The name of the run that a route starts for an event. The rendered template gives it this name, and no second run of
 * this name is created.
 */
export const runNameOf = (route: string, eventKey: string): string => `${route}-${eventKey}`;

/**
 * Returns the proof that the bridge asked for a run, for the annotation that the run's events bring back. Undefined if the
 * route's target has no key. Throws like {@link Secrets.read}.
 */
export async function makeOriginProof(
  route: ProvingRoute,
  { delivery, eventKey }: { readonly delivery: string; readonly eventKey: string },
  secrets: Secrets,
): Promise<string | undefined> {
  const { originKey, runsReportedBy: source, target, name } = route;
  if (originKey === undefined || source === undefined) return undefined;
  const namespace = fixedNamespace(route) ?? "";
  const key = await secrets.read(originKey.current);
  return macOf(key.reveal(), { source, target, route: name, delivery, eventKey, namespace }).toString("base64url");
}

/**
 * Checks the proof that a run presents with the key of the route that its name names, current or next. Undefined if it
 * does not hold. Reads no secret unless the name is one that a route with a key gives its runs. Throws like
 * {@link Secrets.read}.
 */
export async function checkOriginProof(
  { delivery, namespace, run, proof }: Omit<PresentedProof, "uid" | "isOfTask">,
  source: string,
  { runReporters, secrets }: { readonly runReporters: readonly ProvingRoute[]; readonly secrets: Secrets },
): Promise<ProvedOrigin | undefined> {
  const { route: name, eventKey } = routeInRunName(run) ?? {};
  const presented = Buffer.from(proof, "base64url");
  if (name === undefined || eventKey === undefined || presented.length !== MAC_BYTES) return undefined;
  const route = runReporters.find((one) => one.name === name && one.runsReportedBy === source);
  if (route?.originKey === undefined) return undefined;
  const bound = fixedNamespace(route) === undefined ? "" : namespace;
  const facts = { source, target: route.target, route: name, delivery, eventKey, namespace: bound };
  const live = await readBoth(secrets, route.originKey);
  // Both keys are tried, so that the time does not reveal which one fits.
  const fitting = live.filter(({ secret }) => timingSafeEqual(macOf(secret.reveal(), facts), presented));
  return fitting.length > 0 ? { route: name, eventKey } : undefined;
}

/**
 * Whether a run whose proof holds is the first one of its name, so that the proof was made for it. Kubernetes lets nobody
 * choose a uid, and a run of the same name in another namespace, or after the first was deleted, has another. A task names
 * its run by a label that whoever creates it writes: it never makes a run the first. Throws `store_unavailable`.
 */
export async function isFirstRun(
  { namespace, run: name, uid, isOfTask }: PresentedProof,
  source: string,
  { origins, log }: { readonly origins: Pick<OriginStore, "provedRun" | "firstProvedRun">; readonly log: Log },
): Promise<boolean> {
  if (uid === undefined) return true;
  const first = await (isOfTask ? origins.provedRun(source, name) : origins.firstProvedRun(source, { name, uid }));
  if (first === undefined || first === uid) return true;
  log.warn(
    { source, run: `${namespace}/${name}`, uid, first },
    "a run presents the proof of an earlier run of its name",
  );
  return false;
}

/**
 * How far the origin of an event is known: `proved` is what {@link checkOriginProof} found at receipt, `routes` those
 * whose runs the event's source reports. One key protects the whole source, so that a run cannot pass for one of a
 * target without a key.
 */
export function proofFor(
  proved: ProvedOrigin | undefined,
  acted: ProvedOrigin,
  routes: readonly Pick<Route, "originKey">[],
): OriginProof {
  if (proved?.route === acted.route && proved.eventKey === acted.eventKey) return "proved";
  return routes.some(({ originKey }) => originKey !== undefined) ? "claimed" : "unprovable";
}

/**
 * The only namespace in which the target's runs can be. With several names or a pattern, the bridge does not know before
 * the listener's answer in which one the run is, and the proof fits each namespace of the list.
 */
export function fixedNamespace({ runNamespaces }: Pick<Route, "runNamespaces">): string | undefined {
  const [only, ...others] = runNamespaces ?? [];
  return only === undefined || others.length > 0 || only.includes("*") ? undefined : only;
}

/** JSON keeps the members apart, and the first one keeps other uses of the key apart. */
const macOf = (key: string, { source, target, route, delivery, eventKey, namespace }: ProvedFacts): Buffer =>
  hmacSha256(key, [
    JSON.stringify([PURPOSE, source, target, route, delivery, eventKey, namespace, runNameOf(route, eventKey)]),
  ]);

const PURPOSE = "drawbridge origin of a run, 1";
const MAC_BYTES = 32;
/** The route and event that a run is named after, if the template gives runs the names of {@link runNameOf}. */
export function routeInRunName(run: string): { readonly route: string; readonly eventKey: string } | undefined {
  const [, route, eventKey] = RUN_NAME.exec(run) ?? [];
  return route === undefined || eventKey === undefined ? undefined : { route, eventKey };
}

/** As {@link runNameOf} makes it. An event key has a fixed length, so a name has one reading. */
const RUN_NAME = /^([a-z0-9][a-z0-9-]*)-(e-[a-z2-7]{26})$/;

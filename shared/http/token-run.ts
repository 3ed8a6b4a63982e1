import * as v from "valibot";
import { checkOriginProof, fixedNamespace, type ProvingRoute } from "../delivery/origin-proof.ts";
import { type EpochSeconds, epochSeconds, toMillis } from "../host/clock.ts";
import type { Secrets } from "../host/secrets.ts";
import type { TokenPod } from "../identity/presets/preset.ts";
import type { VerifiedToken } from "../identity/token-verifier.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import { busEventsOf } from "../model/bus-event.ts";
import { namedPrincipal } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { type RunKey, runKeyOf } from "../model/run-key.ts";
import type { Initiator } from "../outbound/issuer.ts";
import type { ClusterSource, JobSource } from "../providers/provider.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { EndedRunStore } from "../store/ended-runs.ts";

export interface TokenRunDeps {
  readonly config: { readonly issuers: Readonly<Record<string, TrustEntry>> };
  /** Returns the sources that report the runs of the cluster whose tokens the trust entry accepts. */
  readonly sourcesOfCluster: (entry: TrustEntry | undefined) => readonly ClusterSource[];
  /** The sources that report the runs of CI systems whose jobs have tokens. */
  readonly jobs: readonly JobSource[];
  readonly runReporters: readonly ProvingRoute[];
  readonly secrets: Secrets;
  readonly deliveries: Pick<DeliveryStore, "get">;
}

/** What a pod sends of its run, with the proof that the bridge made for it. */
export interface RunForm {
  readonly drawbridge_run?: string | undefined;
  readonly drawbridge_delivery?: string | undefined;
  readonly drawbridge_proof?: string | undefined;
}

/** The run that a token belongs to. */
export interface TokenRun {
  /** One for each source that may report the end of the run. */
  readonly keys: readonly RunKey[];
  /** An end counts if it is not before this time: a run that starts again has later tokens. */
  readonly since: EpochSeconds;
  readonly initiator?: Initiator;
  /** The delivery for which the bridge started the run. */
  readonly delivery?: string;
}

/** The claim `run` of an access token that the bridge made. */
export const runClaim = v.object({
  keys: v.array(
    v.pipe(
      v.string(),
      v.transform((key) => key as RunKey),
    ),
  ),
  since: v.pipe(v.number(), v.transform(epochSeconds)),
});

/** Whether the run has ended, as its source reported. Throws `store_unavailable`. */
export async function hasEnded(
  { keys, since }: Pick<TokenRun, "keys" | "since">,
  { endedRuns }: { readonly endedRuns: Pick<EndedRunStore, "hasEndedSince"> },
): Promise<boolean> {
  const ended = await Promise.all(keys.map((key) => endedRuns.hasEndedSince(key, toMillis(since))));
  return ended.includes(true);
}

/**
 * Returns the run that a token belongs to; undefined if it belongs to none whose end a source would report. The token of a
 * CI job names its run. The token of a pod names the pod, so the pod also sends the name and the annotations of its run,
 * whose proof the bridge made: it holds for one run in one namespace, that of the token. Throws like {@link Secrets.read}
 * and the store.
 */
export async function runOf(token: VerifiedToken, form: RunForm, deps: TokenRunDeps): Promise<TokenRun | undefined> {
  const { principal, claims } = token;
  const { trustEntry = "" } = principal;
  const entry = deps.config.issuers[trustEntry];
  const pod = entry?.preset.pod?.(claims);
  if (pod !== undefined) return runOfPod({ pod, entry }, form, deps);
  const run = entry?.preset.run?.(claims);
  const { iat } = claims;
  if (entry === undefined || run === undefined || typeof iat !== "number") return undefined;
  const sources = deps.jobs.filter(({ preset, rejectJob }) => preset === entry.preset.name && !rejectJob(claims));
  if (sources.length === 0) return undefined;
  const person = entry.preset.initiator?.(claims);
  return {
    keys: sources.map(({ source }) => runKeyOf(source, run.id)),
    since: epochSeconds(Math.floor(iat)),
    ...(person && { initiator: { ...person, proof: trustEntry } }),
  };
}

interface Pod {
  readonly pod: TokenPod;
  readonly entry: TrustEntry | undefined;
}

async function runOfPod(
  { pod: { namespace }, entry }: Pod,
  form: RunForm,
  deps: TokenRunDeps,
): Promise<TokenRun | undefined> {
  const { drawbridge_run: run, drawbridge_delivery: id, drawbridge_proof: proof } = form;
  if (run === undefined || id === undefined || proof === undefined) return undefined;
  for (const { source } of deps.sourcesOfCluster(entry)) {
    const proved = await checkOriginProof({ delivery: id, namespace, run, proof }, source, deps);
    const route = deps.runReporters.find(({ name }) => name === proved?.route);
    // Without one fixed namespace the proof would hold in several, for runs that nobody reports.
    if (proved === undefined || route === undefined || fixedNamespace(route) !== namespace) continue;
    const delivery = await deps.deliveries.get(id);
    // The end of a run is known as long as its delivery.
    if (delivery === undefined) return undefined;
    const initiator = initiatorOf(delivery, proved.eventKey);
    return {
      keys: [runKeyOf(source, `${namespace}/${run}`)],
      // Only one run ever has this name.
      since: epochSeconds(0),
      delivery: id,
      ...(initiator && { initiator }),
    };
  }
  return undefined;
}

/** Who replayed the delivery, or the person whom its sender names. */
function initiatorOf(delivery: RecordedDelivery, eventKey: string): Initiator | undefined {
  const { id: proof } = namedPrincipal(delivery.principal);
  if (delivery.replay !== undefined) return { id: delivery.replay.actor ?? proof, proof };
  const event = busEventsOf(delivery).find(({ detail }) => detail.eventKey === eventKey);
  const { id, name } = event?.detail.actor ?? {};
  return id === undefined ? undefined : { id, ...(name !== undefined && { name }), proof };
}

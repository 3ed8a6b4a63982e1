import type * as v from "valibot";
import type { Clock, EpochMillis } from "../host/clock.ts";
import type { Secret, Secrets } from "../host/secrets.ts";
import type { TokenVerifier } from "../identity/token-verifier.ts";
import type { Authenticate, AuthenticDelivery, SelectedRecords } from "../model/authentic-delivery.ts";
import type { EventType } from "../model/event.ts";
import type { Reading } from "../model/reading.ts";
import type { Rejection } from "../model/rejection.ts";

/**
 * The adapter for one kind of sender. No code outside its folder knows its name, except the line in `registry.ts`.
 */
export interface Provider {
  /** The name in `drawbridge.yaml` and in the published `source`: `drawbridge.<name>`. */
  readonly name: string;
  /** Schema of the source's settings in `drawbridge.yaml`, next to `provider`. Secrets are references. */
  readonly settings: v.GenericSchema<unknown, object>;
  /**
   * Prepares one configured source. Throws a valibot error if `settings` are invalid. Uses no network and reads no
   * secret.
   */
  connect(source: { readonly name: string; readonly settings: unknown }, deps: ProviderDeps): ConnectedSource;
  /**
   * The settings that may hold a rotating secret: the path, with keys joined by dots, and the `Principal.method` of a
   * sender that the secret proves. The method distinguishes the secret from the source's other secrets.
   */
  readonly secrets: Readonly<Record<string, string>>;
  /** Types of the events that it can publish: `docs/events.md` lists them. */
  readonly publishes: readonly EventType[];
  /**
   * How a source with these settings may report a run for a fork's change request like a run for a branch of the project,
   * without `change`. Undefined if it distinguishes them. `check` warns of routes on a branch.
   */
  hiddenForks?(settings: object): HiddenForks | undefined;
  /** The cluster of a source with these settings, if its provider reports runs of Kubernetes clusters. */
  clusterOf?(settings: object): Omit<ClusterSource, "source">;
  /** The CI jobs that belong to a source with these settings, if its settings can list their projects or pipelines. */
  jobsOf?(source: { readonly name: string; readonly settings: unknown }): JobSource;
  /** Content types taken besides `application/json`. */
  readonly contentTypes?: readonly string[];
  /** Paths in its payloads to the numbers that distinguish one event from the next. For `drawbridge send --new`. */
  readonly counters?: readonly string[];
}

/** A source that reports the runs of a Kubernetes cluster, as its provider's `clusterOf` describes it. */
export interface ClusterSource {
  readonly source: string;
  /** The namespaces that may report; all if undefined. */
  readonly namespaces: readonly string[] | undefined;
  /** Names of the trust entries that prove the cluster. */
  readonly trust: readonly string[];
}

/** A source of a CI system whose jobs prove themselves with the system's own tokens. */
export interface JobSource {
  readonly source: string;
  /** The preset of the trust entries that accept these tokens. */
  readonly preset: string;
  /** The setting that is missing to list what the source accepts; undefined if it accepts only what it lists. */
  readonly openWithout: string | undefined;
  /** Why the source excludes a job with these claims; undefined if it does not. */
  readonly rejectJob: (claims: Readonly<Record<string, unknown>>) => Rejection | undefined;
}

interface HiddenForks {
  readonly parts: readonly ("build" | "job")[];
  /** The values that `source` can then have; none if it is absent. */
  readonly startedBy: readonly string[];
  /** `pipeline` is then one of the fork. */
  readonly inPipelineOfFork?: true;
}

/** One configured sender, ready to authenticate and read its deliveries. */
export interface ConnectedSource {
  readonly authenticate: Authenticate;
  /** Pure: the same delivery gives the same reading. Never throws, whatever the body contains. */
  readonly read: (delivery: AuthenticDelivery) => Reading;
  /**
   * Selects what is recorded of a request with any number of records, each as a delivery of its own. Absent if every request
   * is one delivery. Never throws.
   */
  readonly select?: (delivery: AuthenticDelivery) => Promise<SelectedRecords>;
  /** Stores the token that a proved delivery carries for calls back to its sender. Never throws. */
  readonly keep?: (delivery: AuthenticDelivery) => Promise<void>;
  /**
   * Signs a fixture as the sender would, with the source's current secret. For `drawbridge send` and the tests.
   * Undefined if only the real sender has the key.
   */
  readonly sign?: (request: UnsignedRequest) => Promise<Headers>;
}

export interface UnsignedRequest {
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** A token that a sender sends to the bridge for calls back to it. */
export interface CarriedToken {
  readonly source: string;
  /** The id of the app that the token belongs to. The source's trust entry has it as audience. */
  readonly app: string;
  /** The base address that it is valid for. */
  readonly base: string;
  readonly token: Secret;
  readonly receivedAt: EpochMillis;
}

export interface ProviderDeps {
  readonly secrets: Secrets;
  readonly tokens: TokenVerifier;
  readonly clock: Clock;
  /** Stores a token, encrypted, if the source is configured to do so. Never throws. */
  readonly keepToken: (carried: CarriedToken) => Promise<void>;
}

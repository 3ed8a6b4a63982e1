import * as v from "valibot";
import { receiveApp } from "../../functions/receive-app.ts";
import { relayBus } from "../../functions/relay-bus.ts";
import { tekton } from "../../shared/actions/tekton/index.ts";
import type { ActDeps } from "../../shared/delivery/act.ts";
import { Paused } from "../../shared/delivery/paused.ts";
import { relay, sweep } from "../../shared/delivery/relay.ts";
import { showSilentRuns } from "../../shared/delivery/silent-runs.ts";
import { callOut } from "../../shared/host/call-out.ts";
import type { EpochMillis } from "../../shared/host/clock.ts";
import { ADMISSION_LIMITS, Admission } from "../../shared/http/admission.ts";
import { listDeliveries } from "../../shared/http/deliveries.ts";
import { expectedRunsOf } from "../../shared/http/expected-runs.ts";
import { listen } from "../../shared/http/listen.ts";
import { DEFAULT_ROLES, policyOf, role } from "../../shared/identity/policy.ts";
import { actionIdOf } from "../../shared/model/idempotency-keys.ts";
import type { Principal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { ReceivedRequest } from "../../shared/model/request.ts";
import { ok } from "../../shared/model/result.ts";
import type { Route } from "../../shared/routes/route.ts";
import { bridgeParts, requestPorts, routeOf } from "./bridge-parts.ts";
import { busEventOf, sampleDelivery } from "./samples.ts";
import type { SandboxConfluence } from "./sandbox-confluence.ts";
import { benchFor } from "./sandbox-confluence-action.ts";
import { type SandboxListenerOptions, startSandboxListener } from "./sandbox-listener.ts";
import { actionDeps, secretsOf, silentLog, testClock } from "./test-doubles.ts";

const ROUTE = "docs-build";
/** Time without a report after which a run is shown as stale. */
const STALE_MS = 90 * 60_000;
const SECRETS = secretsOf({ PASSWORD: "sandbox", ORIGIN: "key-of-the-origin-for-tests" });
const HEADERS = { authorization: `Basic ${Buffer.from("cluster:sandbox").toString("base64")}` };

/** A person who may read every delivery. */
const PERSON: Principal = {
  issuer: "https://login.example.test",
  subject: "dana",
  method: "oidc",
  credential: "key-1",
  trustEntry: "people",
  roles: ["on-call"],
};
const READER = {
  tokens: { verify: async () => ok({ principal: PERSON, claims: {} }) },
  trustEntries: ["people"],
  policy: policyOf(v.parse(v.record(v.string(), role), DEFAULT_ROLES)),
};

const listRequest = (receivedAt: EpochMillis): ReceivedRequest => ({
  method: "GET",
  url: new URL("https://bridge.example.test/v1/deliveries"),
  body: new Uint8Array(),
  headers: new Headers({ authorization: "Bearer token" }),
  receivedAt,
  requestId: "request-1",
});

interface ExpectingOptions extends Pick<SandboxListenerOptions, "annotate" | "reportsTriggers" | "reportsRuns"> {
  /** Settings of the listener's target. An `originKey` is `env:ORIGIN`. */
  readonly target?: object;
  /** A second route, `page`, acts on every report of a run: it does nothing, or shows it on page 98310 of this site. */
  readonly showsRuns?: boolean | SandboxConfluence;
  /** The gate of the route. Default: it lets everything through. */
  readonly hold?: ActDeps["hold"];
}

/**
 * A bridge with the action `tekton` and the source `cluster`, a listener that behaves as measured, and real HTTP between
 * both. The bridge's clock stands still. Each step waits until every event of the cluster was answered and relayed.
 */
export async function expectingBridge({
  target = { runName: "fixed" },
  hold,
  showsRuns = false,
  ...sandboxOptions
}: ExpectingOptions = {}) {
  const clock = testClock();
  let isLost = (_type: string): boolean => false;
  const sandbox = await startSandboxListener({
    runMs: 0,
    clock,
    sink: ({ type }) => ({ url: new URL("/webhooks/cluster", sink.url), headers: isLost(type) ? {} : HEADERS }),
    ...sandboxOptions,
  });
  const settings = { url: sandbox.url.href, runsReportedBy: "cluster", ...target };
  const source = {
    name: "cluster",
    provider: "tekton",
    roles: [],
    mode: "enforce",
    settings: { basic: { username: "cluster", password: { current: "env:PASSWORD" } } },
    people: {},
  } as const;
  const trigger = (): ReturnType<typeof tekton.connect> =>
    tekton.connect(
      { route: ROUTE, targetName: "listener", target: settings, options: {} },
      actionDeps({ secrets: SECRETS, clock, callOut, origins: parts.origins }),
    );
  const route = routeOf((context) => trigger().run(context), {
    name: ROUTE,
    runsReportedBy: "cluster",
    runsStaleAfterMs: STALE_MS,
    explainMissingRun: (request) => trigger().explainMissingRun?.(request) ?? "",
    matches: (busEvent) => busEvent["detail-type"] === "page.updated",
    ...("originKey" in target && { originKey: { current: "env:ORIGIN" } }),
  });
  const connected = (): Pick<Route, "run"> =>
    typeof showsRuns === "object"
      ? benchFor(showsRuns, "cloud", { boards: parts.boards, clock }).connected
      : { run: async () => ({ outcome: "done", summary: "the row is shown" }) };
  const page = routeOf((context) => connected().run(context), {
    name: "page",
    action: "confluence",
    target: "wiki",
    maxAttemptMs: 60_000,
    matches: (busEvent) => busEvent["detail-type"].startsWith("build."),
  });
  const parts = await bridgeParts(showsRuns ? [route, page] : [route], {
    clock,
    secrets: SECRETS,
    config: { sources: [source] },
    targetHosts: showsRuns ? { wiki: [] } : {},
  });
  if (hold) Object.assign(parts.deps, { hold });
  const { deliveries, ownAccounts, actions } = parts;
  const app = receiveApp(parts.bridge, requestPorts(parts.bridge));
  const admission = new Admission({ limits: ADMISSION_LIMITS, maxBodyBytes: () => 1_048_576, log: silentLog });
  const sink = await listen(app, { hostname: "127.0.0.1", port: 0, tls: undefined }, admission);
  const bus = relayBus(parts.bridge, parts.bus);
  const relaying = { bus, deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog };
  const arrived = async (): Promise<void> => {
    await sandbox.settled();
    clock.advance(2_000);
    await showSilentRuns(parts.bridge);
    await sweep(relaying, new Paused());
  };
  const runDue = async (): Promise<void> => {
    await parts.runDue();
    await parts.runDue("wiki");
    await arrived();
  };
  return {
    ...parts,
    sandbox,
    /** Everything that the cluster has sent is answered and relayed. */
    arrived,
    /** The cluster's credential is wrong for these events, so that Tekton drops each at once. */
    lose: (types: RegExp | undefined) => {
      isLost = (type) => types?.test(type) ?? false;
    },
    fire: async (delivery: RecordedDelivery = sampleDelivery()): Promise<void> => {
      await deliveries.record(delivery);
      await relay(delivery, relaying);
      await runDue();
    },
    /** Lets the minutes pass one by one, and runs what is due. */
    later: async (minutes: number): Promise<void> => {
      const end = clock.now() + minutes * 60_000;
      while (clock.now() < end) {
        clock.advance(Math.min(20_000, end - clock.now()));
        await runDue();
      }
    },
    status: (delivery: RecordedDelivery = sampleDelivery()) =>
      actions.status(actionIdOf(ROUTE, busEventOf(delivery)?.detail.eventKey ?? "")),
    /** The member `runs` of the delivery in the HTTP interface. */
    shown: async (delivery: RecordedDelivery = sampleDelivery()) => {
      const timeline = await deliveries.timeline(delivery.id);
      const recorded = await deliveries.get(delivery.id);
      return recorded === undefined ? [] : expectedRunsOf(recorded, timeline, parts.bridge);
    },
    /** Since when the list of deliveries shows each of them without a report. */
    listedSince: async (): Promise<Readonly<Record<string, string | undefined>>> => {
      const listed = await listDeliveries(listRequest(clock.now()), {
        ...parts.bridge,
        ...READER,
        patterns: async () => [],
      });
      if (!listed.ok) throw new Error(listed.rejection.reason);
      return Object.fromEntries(listed.value.deliveries.map(({ id, noReportSince }) => [id, noReportSince]));
    },
    /** The lines about the expected run. */
    lines: async (delivery: RecordedDelivery = sampleDelivery()) =>
      (await deliveries.timeline(delivery.id)).flatMap((line) => (line.kind === "run" ? [line] : [])),
    close: async () => {
      await sandbox.close();
      await sink.close();
      await parts.stop();
    },
  };
}

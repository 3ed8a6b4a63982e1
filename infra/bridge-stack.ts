import { CfnOutput, Stack, Tags } from "aws-cdk-lib";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { actions } from "../shared/actions/registry.ts";
import { type Facts, isSatisfiable } from "../shared/config/checks/is-satisfiable.ts";
import { digestOf } from "../shared/config/digest.ts";
import { groupSourcesOf } from "../shared/config/group-sources.ts";
import { routeOutline } from "../shared/config/route-outline.ts";
import { tokenEncryptionsFor } from "../shared/config/system-tokens.ts";
import { partnerSources } from "../shared/providers/buildkite/partner-source.ts";
import { STATUS_SOURCE } from "../shared/providers/status/index.ts";
import { Act } from "./act.ts";
import { ActionQueue } from "./action-queue.ts";
import { Alarms } from "./alarms.ts";
import type { BridgeFunction } from "./bridge-function.ts";
import { awsSecretRefs, type CompiledConfig } from "./compile-config.ts";
import { Console } from "./console.ts";
import { BridgeDashboard } from "./dashboard.ts";
import { DeliveryTable } from "./delivery-table.ts";
import { BridgeBus } from "./event-bus.ts";
import { FailureQueue } from "./failure-queue.ts";
import { BridgeUrl } from "./function-url.ts";
import { BridgeApi } from "./http-api.ts";
import { Receive } from "./receive.ts";
import { ReceivePartner } from "./receive-partner.ts";
import { Relay } from "./relay.ts";
import type { SecretGrant } from "./secret-grants.ts";
import type { Settings } from "./settings.ts";
import { SigningKeys } from "./signing-keys.ts";
import { SpillQueue } from "./spill-queue.ts";
import { Sweep } from "./sweep.ts";
import { identitiesOf, needSigning } from "./target-identities.ts";
import { decidedKinds, wokenKinds, wokenQueues } from "./woken-queues.ts";

export interface BridgeStackProps {
  readonly settings: Settings;
  readonly compiled: CompiledConfig;
}

/** The resources that store deliveries, events and actions. */
interface Stores {
  readonly table: DeliveryTable;
  readonly bus: BridgeBus;
  /** By kind of action. */
  readonly queues: ReadonlyMap<string, ActionQueue>;
  readonly failures: Queue;
  /** The records of deliveries that the table did not take. */
  readonly spill: Queue;
  /** Batches that the table's stream gave up on. */
  readonly streamDeadLetters: Queue;
}

/** One installation: all resources of the bridge in an account. */
export class BridgeStack extends Stack {
  constructor(app: Construct, props: BridgeStackProps) {
    const { settings } = props;
    super(app, `drawbridge-${settings.stage}`, {
      description: "Drawbridge: identity-aware webhook event bridge",
      terminationProtection: settings.keep,
      ...(settings.region !== undefined && { env: { region: settings.region } }),
    });
    Tags.of(this).add("application", "drawbridge");
    Tags.of(this).add("stage", settings.stage);
    const stores = this.#stores(props);
    const { receive, relay, sweep, partner, pages, others } = this.#functions(props, stores);
    const ingress =
      settings.ingress === "http-api"
        ? new BridgeApi(this, "Api", { handler: receive.handler, pages: pages?.handler, settings })
        : new BridgeUrl(this, "Url", { handler: receive.handler });

    // A function URL serves one function only, so the console gets its own.
    const consoleIngress =
      pages && settings.ingress === "function-url" ? new BridgeUrl(this, "ConsoleUrl", pages) : pages && ingress;
    const functions = new Map<string, BridgeFunction>([["receive", receive], ["relay", relay], ...others]);
    const targets = props.compiled.config.targets.map(({ name }) => name);
    const hasEmergencyRoles = props.compiled.config.routes.some(({ approval }) => approval?.emergency.length);
    const { config } = props.compiled;
    const takesStatus = Object.keys(config.issuers).length > 0;
    const sources = [...config.sources.map(({ name }) => name), ...(takesStatus ? [STATUS_SOURCE] : [])];
    const { tableName } = stores.table.table;
    const parts = {
      ...stores,
      tableName,
      ingress,
      receive,
      relay,
      sweep,
      partner,
      sources,
      targets,
      hasEmergencyRoles,
    };
    const monitored = { ...parts, functions };
    new Alarms(this, "Alarms", { ...monitored, stage: settings.stage, topic: settings.alarmTopic });
    new BridgeDashboard(this, "Dashboard", { ...monitored, table: stores.table.table });
    new CfnOutput(this, "Endpoint", {
      description: "Senders post webhooks to <this>/webhooks/<source>",
      value: ingress.url,
    });
    if (consoleIngress)
      new CfnOutput(this, "ConsoleAddress", {
        description: "The console is at <this>/console",
        value: consoleIngress.url,
      });
    new CfnOutput(this, "TableName", { value: stores.table.table.tableName });
    new CfnOutput(this, "BusName", { value: stores.bus.bus.eventBusName });
  }

  #stores({ settings, compiled: { config } }: BridgeStackProps): Stores {
    const table = new DeliveryTable(this, "Deliveries", settings);
    const failures = new FailureQueue(this, "Failures").queue;
    const streamDeadLetters = new FailureQueue(this, "Unrelayed").queue;
    const spill = new SpillQueue(this, "Spill").queue;
    const kinds = actions.filter(({ name }) => config.targets.some(({ kind }) => kind === name));
    const queues = new Map(kinds.map((action) => [action.name, new ActionQueue(this, `Queue-${action.name}`, action)]));
    const bus = new BridgeBus(this, "Bus", {
      routes: config.routes,
      queues: new Map([...queues].map(([kind, { queue }]) => [kind, queue])),
      failures,
      archiveDays: config.limits.retentionDays,
    });
    return { table, bus, queues, failures, spill, streamDeadLetters };
  }

  #functions({ settings, compiled: { config, value } }: BridgeStackProps, stores: Stores) {
    const { table, failures, spill, streamDeadLetters } = stores;
    const { bus } = stores.bus;
    const { stage, logDays: logRetention, tracing } = settings;
    const defaults = { stage, configuration: value, logRetention, tracing, table };
    const { identity } = config;
    const { keep, signingKeys: names, secretsKey } = settings;
    const signingKeys = identity && new SigningKeys(this, "SigningKeys", { identity, names, keep });
    const secretsOf = (...parts: readonly object[]): SecretGrant => ({ refs: awsSecretRefs(parts), key: secretsKey });
    const keyRefs = identity?.keys ?? [];
    // Each function that can grant an approval may ask the sites that routes name.
    const verifying = verifyingSettings(config);
    // It checks the proofs that runs carry.
    const originKeys = routeOutline(config).runReporters.flatMap(({ originKey }) => originKey ?? []);
    const digest = digestOf(config);
    const decided = decidedKinds(config.routes);
    const receive = new Receive(this, "Receive", {
      ...defaults,
      digest,
      spill,
      signingKeys,
      reservedConcurrency: settings.receiveConcurrency,
      secrets: secretsOf(...config.sources.map((source) => source.settings), ...originKeys, keyRefs, ...verifying),
    });
    // A label may be the decision of a person who is known by groups.
    const secrets = secretsOf(...verifying, ...groupSettings(config));
    const outline = routeOutline(config);
    const executesCommands = hasPeople(config) || outline.hasGates;
    const recording = { executesCommands, secrets };
    const relay = new Relay(this, "Relay", {
      ...defaults,
      ...recording,
      bus,
      streamDeadLetters,
      woken: wokenQueues(wokenKinds(config.routes), stores.queues),
    });
    const sweep = new Sweep(this, "Sweep", {
      ...defaults,
      bus,
      failures,
      spill,
      streamDeadLetters,
      ...recording,
      woken: wokenQueues(new Set(stores.queues.keys()), stores.queues),
    });
    stores.bus.takeOnlyFrom([relay, sweep]);
    const eventSources = [...partnerSources(config.sources).keys()];
    const partner =
      eventSources.length > 0
        ? new ReceivePartner(this, "ReceivePartner", { ...defaults, eventSources, failures })
        : undefined;
    const pages =
      config.console &&
      new Console(this, "Console", {
        ...defaults,
        digest,
        secrets: secretsOf(config.console, ...verifying),
        woken: wokenQueues(decided, stores.queues),
      });
    const acts = [...stores.queues].map(([kind, queue]) => {
      const { identities, withSecrets, signs, acceptsCommands } = needsOfKind(kind, config);
      const act = new Act(this, `Act-${kind}`, {
        ...defaults,
        kind,
        queue,
        digest,
        identities,
        acceptsCommands,
        woken: wokenQueues(acceptsCommands ? without(kind, decided) : new Set(), stores.queues),
        concurrency: settings.actionConcurrency,
        secrets: secretsOf(...withSecrets, signs ? keyRefs : []),
        signingKeys: signs ? signingKeys : undefined,
      });
      stores.bus.routeAfter(kind, act.handler);
      return [`act-${kind}`, act] as const;
    });
    const others = [
      ["sweep", sweep] as const,
      ...acts,
      ...(partner ? [["receive-partner", partner] as const] : []),
      ...(pages ? [["console", pages] as const] : []),
    ];
    return { receive, relay, sweep, partner, pages, others };
  }
}

const without = (kind: string, kinds: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...kinds].filter((one) => one !== kind));

type Config = CompiledConfig["config"];

const hasPeople = ({ sources }: Config): boolean =>
  sources.some(({ people, groups }) => groups !== undefined || Object.keys(people).length > 0);

/** The settings of the targets that these routes name under `approval.verifyWith`. */
const verifyingSettings = (config: Config, routes = config.routes): readonly object[] =>
  settingsOf(Object.values(routeOutline({ ...config, routes }).verifiers), config);

/** The settings of the targets that are asked who is in a group. */
const groupSettings = (config: Config): readonly object[] =>
  settingsOf(
    Object.values(groupSourcesOf(config)).map(({ target }) => target),
    config,
  );

const settingsOf = (targets: Config["targets"], config: Config): readonly object[] => [
  ...targets.map(({ settings }) => settings),
  ...tokenEncryptionsFor(targets, config),
];

/** What the function that runs the actions of one kind needs for this configuration. */
function needsOfKind(kind: string, config: Config) {
  const targets = config.targets.filter((target) => target.kind === kind);
  const identities = identitiesOf(targets);
  const acceptsCommands = hasPeople(config) && takesCommands(kind, config.routes);
  // It fires its own routes. A command may grant any.
  const verified = config.routes.filter(({ action }) => acceptsCommands || action === kind);
  const isGated = verified.some(({ approval }) => approval !== undefined);
  return {
    identities,
    withSecrets: [
      ...targets.map(({ settings }) => settings),
      ...tokenEncryptionsFor(targets, config),
      ...verifyingSettings(config, verified),
      ...(isGated || acceptsCommands ? groupSettings(config) : []),
    ],
    signs: needSigning(identities),
    acceptsCommands,
  };
}

/** Whether a route of this kind matches events that may contain commands of people. */
function takesCommands(kind: string, routes: Config["routes"]): boolean {
  const { commandEvents = [] } = actions.find(({ name }) => name === kind) ?? {};
  const commanding: Facts = (field) => (field === "detail-type" ? commandEvents : undefined);
  return (
    commandEvents.length > 0 &&
    routes.some(({ action, pattern }) => action === kind && isSatisfiable(pattern, commanding))
  );
}

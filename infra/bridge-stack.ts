import { CfnOutput, Stack, Tags } from "aws-cdk-lib";
import type { EventBus } from "aws-cdk-lib/aws-events";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { actions } from "../shared/actions/registry.ts";
import { partnerSources } from "../shared/providers/buildkite/partner-source.ts";
import { Act } from "./act.ts";
import { ActionQueue } from "./action-queue.ts";
import { Alarms } from "./alarms.ts";
import type { BridgeFunction } from "./bridge-function.ts";
import { awsSecretRefs, type CompiledConfig } from "./compile-config.ts";
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
import { Sweep } from "./sweep.ts";
import { identitiesOf, needSigning } from "./target-identities.ts";

export interface BridgeStackProps {
  readonly settings: Settings;
  readonly compiled: CompiledConfig;
}

/** Where deliveries, events and actions wait or stay. */
interface Places {
  readonly table: DeliveryTable;
  readonly bus: EventBus;
  /** By kind of action. */
  readonly queues: ReadonlyMap<string, ActionQueue>;
  readonly failures: Queue;
}

/** One installation: everything that the bridge is in an account. */
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
    const { table, bus, queues, failures } = this.#places(props);
    const { receive, relay, partner, others } = this.#functions(props, { table, bus, queues, failures });
    const ingress =
      settings.ingress === "http-api"
        ? new BridgeApi(this, "Api", { handler: receive.handler, settings })
        : new BridgeUrl(this, "Url", { handler: receive.handler });

    const functions = new Map<string, BridgeFunction>([["receive", receive], ["relay", relay], ...others]);
    const parts = { ingress, receive, relay, partner, failures, queues, functions };
    new Alarms(this, "Alarms", { ...parts, topic: settings.alarmTopic });
    new BridgeDashboard(this, "Dashboard", { ...parts, table: table.table });
    new CfnOutput(this, "Endpoint", { description: "Webhooks go to <this>/webhooks/<source>", value: ingress.url });
    new CfnOutput(this, "TableName", { value: table.table.tableName });
    new CfnOutput(this, "BusName", { value: bus.eventBusName });
  }

  #places({ settings, compiled: { config } }: BridgeStackProps): Places {
    const table = new DeliveryTable(this, "Deliveries", settings);
    const failures = new FailureQueue(this, "Failures").queue;
    const kinds = actions.filter(({ name }) => config.targets.some(({ kind }) => kind === name));
    const queues = new Map(kinds.map((action) => [action.name, new ActionQueue(this, `Queue-${action.name}`, action)]));
    const { bus } = new BridgeBus(this, "Bus", {
      routes: config.routes,
      queues: new Map([...queues].map(([kind, { queue }]) => [kind, queue])),
      failures,
      archiveDays: config.limits.retentionDays,
    });
    return { table, bus, queues, failures };
  }

  #functions({ settings, compiled: { config, value } }: BridgeStackProps, places: Places) {
    const { table, failures } = places;
    const defaults = { stage: settings.stage, configuration: value, logRetention: settings.logDays, table };
    const { identity } = config;
    const { keep, signingKeys: names, secretsKey } = settings;
    const signingKeys = identity && new SigningKeys(this, "SigningKeys", { identity, names, keep });
    const secretsOf = (...parts: readonly object[]): SecretGrant => ({ refs: awsSecretRefs(parts), key: secretsKey });
    const keyRefs = identity?.keys ?? [];
    const receive = new Receive(this, "Receive", {
      ...{ ...defaults, signingKeys, reservedConcurrency: settings.receiveConcurrency },
      secrets: secretsOf(...config.sources.map((source) => source.settings), keyRefs),
    });
    const heeds =
      config.routes.some(({ approval }) => approval !== undefined) ||
      config.sources.some(({ people }) => Object.keys(people).length > 0);
    const relay = new Relay(this, "Relay", { ...defaults, bus: places.bus, failures, heeds });
    const sweep = new Sweep(this, "Sweep", { ...defaults, bus: places.bus, failures, heeds });
    const eventSources = [...partnerSources(config.sources).keys()];
    const partner =
      eventSources.length > 0
        ? new ReceivePartner(this, "ReceivePartner", { ...defaults, eventSources, failures })
        : undefined;
    const acts = [...places.queues].map(([kind, queue]) => {
      const targets = config.targets.filter((target) => target.kind === kind);
      const identities = identitiesOf(targets);
      const signs = needSigning(identities);
      const act = new Act(this, `Act-${kind}`, {
        ...{ ...defaults, kind, queue, identities, concurrency: settings.actionConcurrency },
        secrets: secretsOf(...targets.map((target) => target.settings), signs ? keyRefs : []),
        signingKeys: signs ? signingKeys : undefined,
      });
      return [`act-${kind}`, act] as const;
    });
    const others = [["sweep", sweep] as const, ...acts, ...(partner ? [["receive-partner", partner] as const] : [])];
    return { receive, relay, partner, others };
  }
}

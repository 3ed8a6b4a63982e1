import { CfnOutput, Stack, Tags } from "aws-cdk-lib";
import type { EventBus } from "aws-cdk-lib/aws-events";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { actions } from "../shared/actions/registry.ts";
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
import { Relay } from "./relay.ts";
import type { SecretGrant } from "./secret-grants.ts";
import type { Settings } from "./settings.ts";
import { Sweep } from "./sweep.ts";

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
    });
    Tags.of(this).add("application", "drawbridge");
    Tags.of(this).add("stage", settings.stage);
    const { table, bus, queues, failures } = this.#places(props);
    const { receive, relay, others } = this.#functions(props, { table, bus, queues, failures });
    const ingress =
      settings.ingress === "http-api"
        ? new BridgeApi(this, "Api", { handler: receive.handler, settings })
        : new BridgeUrl(this, "Url", { handler: receive.handler });

    const functions = new Map<string, BridgeFunction>([["receive", receive], ["relay", relay], ...others]);
    const parts = { ingress, receive, relay, failures, queues, functions };
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

  #functions({ settings, compiled: { config, value } }: BridgeStackProps, { table, bus, queues, failures }: Places) {
    const defaults = { stage: settings.stage, configuration: value, logRetention: settings.logDays, table };
    const secretsOf = (parts: readonly { readonly settings: object }[]): SecretGrant => ({
      refs: awsSecretRefs(parts.map((part) => part.settings)),
      key: settings.secretsKey,
    });
    const receive = new Receive(this, "Receive", {
      ...defaults,
      secrets: secretsOf(config.sources),
      reservedConcurrency: settings.receiveConcurrency,
    });
    const relay = new Relay(this, "Relay", { ...defaults, bus, failures });
    const sweep = new Sweep(this, "Sweep", { ...defaults, bus, failures });
    const acts = [...queues].map(([kind, queue]) => {
      const secrets = secretsOf(config.targets.filter((target) => target.kind === kind));
      const act = { ...defaults, kind, queue, secrets, concurrency: settings.actionConcurrency };
      return [`act-${kind}`, new Act(this, `Act-${kind}`, act)] as const;
    });
    return { receive, relay, others: [["sweep", sweep] as const, ...acts] };
  }
}

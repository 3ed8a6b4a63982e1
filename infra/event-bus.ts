import { Duration, Stack } from "aws-cdk-lib";
import { CfnRule, EventBus, Match } from "aws-cdk-lib/aws-events";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct, type IDependable } from "constructs";
import type { ConfiguredRoute } from "../shared/config/schema.ts";

export interface BridgeBusProps {
  readonly routes: readonly ConfiguredRoute[];
  /** By kind of action. */
  readonly queues: ReadonlyMap<string, Queue>;
  /** Takes what could not be put into a queue. */
  readonly failures: Queue;
  /** How long the archive holds events for a replay. */
  readonly archiveDays: number;
}

/** As long and as often as EventBridge tries at all (API reference, RetryPolicy). */
export const RETRY = { maxEventAge: Duration.days(1), retryAttempts: 185 };

/** The bus, its archive, and one rule for each route, which puts the event into the queue of the route's action. */
export class BridgeBus extends Construct {
  readonly bus: EventBus;
  /** By kind of action. */
  readonly #rules = new Map<string, CfnRule[]>();

  constructor(scope: Construct, id: string, props: BridgeBusProps) {
    super(scope, id);
    const { routes, queues, failures, archiveDays } = props;
    this.bus = new EventBus(this, "Bus", { description: "Events of Drawbridge" });
    this.bus.archive("Archive", {
      description: "Every event published, for a replay",
      eventPattern: { source: Match.prefix("drawbridge.") },
      retention: Duration.days(archiveDays),
    });
    for (const queue of [...queues.values(), failures]) this.#mayFill(queue);
    for (const route of routes) {
      const queue = queues.get(route.action);
      if (queue === undefined) continue;
      const rules = this.#rules.get(route.action) ?? [];
      this.#rules.set(route.action, [...rules, this.#rule(route, { queue, failures })]);
    }
  }

  /**
   * Has a deployment make the rules of a kind after what runs its actions: that has to know a route before it gets its
   * events. Of what a deployment takes out CloudFormation does the reverse: rules go last.
   */
  routeAfter(kind: string, what: IDependable): void {
    for (const rule of this.#rules.get(kind) ?? []) rule.node.addDependency(what);
  }

  #rule(
    { name, when }: ConfiguredRoute,
    { queue, failures }: { readonly queue: Queue; readonly failures: Queue },
  ): CfnRule {
    return new CfnRule(this, `Route-${name}`, {
      description: `Route ${name}`,
      eventBusName: this.bus.eventBusName,
      eventPattern: when,
      targets: [
        {
          id: "queue",
          arn: queue.queueArn,
          inputTransformer: messageOf(name),
          deadLetterConfig: { arn: failures.queueArn },
          retryPolicy: {
            maximumEventAgeInSeconds: RETRY.maxEventAge.toSeconds(),
            maximumRetryAttempts: RETRY.retryAttempts,
          },
        },
      ],
    });
  }

  /** One statement for all rules: a queue's policy holds twenty statements, fewer than there may be routes. */
  #mayFill(queue: Queue): void {
    const rules = Stack.of(this).formatArn({
      service: "events",
      resource: "rule",
      resourceName: `${this.bus.eventBusName}/*`,
    });
    queue.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal("events.amazonaws.com")],
        actions: ["sqs:SendMessage"],
        resources: [queue.queueArn],
        conditions: { ArnLike: { "aws:SourceArn": rules } },
      }),
    );
  }
}

/**
 * The message that an act function takes: the route, and the entry as the in-process bus would have it. A variable that
 * stands alone becomes JSON: a text gets its quotes, an object stays one.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 */
const messageOf = (route: string): CfnRule.InputTransformerProperty => ({
  inputPathsMap: { source: "$.source", type: "$.detail-type", time: "$.time", detail: "$.detail" },
  inputTemplate: `{"route":${JSON.stringify(route)},"entry":{"source":<source>,"detail-type":<type>,"time":<time>,"detail":<detail>}}`,
});

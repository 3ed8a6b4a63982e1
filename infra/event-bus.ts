import { Duration, Fn, Stack } from "aws-cdk-lib";
import { CfnRule, EventBus, Match } from "aws-cdk-lib/aws-events";
import { Effect, PolicyStatement, ServicePrincipal, StarPrincipal } from "aws-cdk-lib/aws-iam";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct, type IDependable } from "constructs";
import type { ConfiguredRoute } from "../shared/config/schema.ts";
import type { BridgeFunction } from "./bridge-function.ts";

export interface BridgeBusProps {
  readonly routes: readonly ConfiguredRoute[];
  /** By kind of action. */
  readonly queues: ReadonlyMap<string, Queue>;
  /** Receives events that could not be put into a queue. */
  readonly failures: Queue;
  /** How long the archive stores events for a replay. */
  readonly archiveDays: number;
}

/** The maximum of EventBridge (API reference, RetryPolicy). */
export const RETRY = { maxEventAge: Duration.days(1), retryAttempts: 185 };

/** The bus, its archive, and one rule for each route, which puts the event into the queue of the route's action. */
export class BridgeBus extends Construct {
  readonly bus: EventBus;
  /** By kind of action. */
  readonly #rules = new Map<string, CfnRule[]>();

  constructor(scope: Construct, id: string, props: BridgeBusProps) {
    super(scope, id);
    const { routes, queues, failures, archiveDays } = props;
    this.bus = new EventBus(this, "Bus", { description: "Events that Drawbridge publishes" });
    this.bus.archive("Archive", {
      description: "Every published event, for a replay",
      eventPattern: { source: Match.prefix("drawbridge.") },
      retention: Duration.days(archiveDays),
    });
    for (const queue of [...queues.values(), failures]) this.#allowRules(queue);
    for (const route of routes) {
      const queue = queues.get(route.action);
      if (queue === undefined) continue;
      const rules = this.#rules.get(route.action) ?? [];
      this.#rules.set(route.action, [...rules, this.#rule(route, { queue, failures })]);
    }
  }

  /** The names of all rules, for their metrics. An ARN ends in bus and rule; `Ref` of a rule has both too. */
  ruleNames(): readonly string[] {
    return [...this.#rules.values()].flat().map(({ attrArn }) => Fn.select(2, Fn.split("/", attrArn)));
  }

  /**
   * Makes a deployment create the rules of a kind after the function that runs its actions, which must know a route before
   * it receives the route's events. When resources are removed, CloudFormation uses the reverse order: rules go last.
   */
  routeAfter(kind: string, handler: IDependable): void {
    for (const rule of this.#rules.get(kind) ?? []) rule.node.addDependency(handler);
  }

  /**
   * Denies everybody but these functions to put events, whatever the policies of the account's users and roles allow. A
   * service that puts events for itself has no right here anyway; the exception leaves replays of the archive alone.
   * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html
   */
  takeOnlyFrom(publishers: readonly BridgeFunction[]): void {
    this.bus.addToResourcePolicy(
      new PolicyStatement({
        sid: "OnlyThePublishers",
        effect: Effect.DENY,
        principals: [new StarPrincipal()],
        actions: ["events:PutEvents"],
        resources: [this.bus.eventBusArn],
        conditions: {
          ArnNotEquals: { "aws:PrincipalArn": publishers.map(({ role }) => role.roleArn) },
          Bool: { "aws:PrincipalIsAWSService": "false" },
        },
      }),
    );
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

  /** One statement for all rules: a queue's policy may have twenty statements, and there may be more routes. */
  #allowRules(queue: Queue): void {
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
 * The message for an act function: the route, and the ids of the delivery and of its event, nested as in a bus event. The
 * function reads everything else from the record. A variable without quotes around it becomes JSON, so a text gets quotes.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 */
const messageOf = (route: string): CfnRule.InputTransformerProperty => ({
  inputPathsMap: { id: "$.detail.id", delivery: "$.detail.delivery" },
  inputTemplate: `{"route":${JSON.stringify(route)},"entry":{"detail":{"id":<id>,"delivery":<delivery>}}}`,
});

import { PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
} from "@aws-sdk/client-sqs";
import * as v from "valibot";
import type { Account } from "./account.ts";

const NAME = "rehearsal-witness";
const published = v.pipe(v.string(), v.parseJson(), v.object({ detail: v.object({ delivery: v.string() }) }));

/** An additional rule on the bus, with its own queue, that receives all published events. */
export class Witness {
  /** Ids of the deliveries whose events were published. */
  readonly seen = new Set<string>();
  readonly #account: Account;
  readonly #queueUrl: string;

  private constructor(account: Account, queueUrl: string) {
    this.#account = account;
    this.#queueUrl = queueUrl;
  }

  static async place(account: Account, bus: string): Promise<Witness> {
    const { QueueUrl = "" } = await account.sqs.send(new CreateQueueCommand({ QueueName: NAME }));
    const queueUrl = account.queueAt(QueueUrl);
    const { Attributes } = await account.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ["QueueArn"] }),
    );
    const rule = { EventBusName: bus, EventPattern: JSON.stringify({ source: [{ prefix: "drawbridge." }] }) };
    await account.events.send(new PutRuleCommand({ Name: NAME, ...rule }));
    const Targets = [{ Id: "queue", Arn: Attributes?.QueueArn }];
    await account.events.send(new PutTargetsCommand({ Rule: NAME, EventBusName: bus, Targets }));
    return new Witness(account, queueUrl);
  }

  async look(): Promise<void> {
    const QueueUrl = this.#queueUrl;
    const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 });
    for (;;) {
      const { Messages = [] } = await this.#account.sqs.send(receive);
      if (Messages.length === 0) return;
      for (const { Body, ReceiptHandle } of Messages) {
        this.seen.add(v.parse(published, Body).detail.delivery);
        await this.#account.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
    }
  }
}

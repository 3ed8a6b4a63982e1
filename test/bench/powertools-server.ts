import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
import { CreateTableCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { Context } from "aws-lambda";
import { loopbackClient } from "../support/embedded-dynamodb.ts";
import { reportToParent } from "./child.ts";
import { fire, isToMain, type PushPayload } from "./fire.ts";
import { isSigned } from "./signed-hook.ts";

/**
 * The usual durable receiver: an idempotency record of Powertools for AWS Lambda, an audit record with the body, and the
 * call of the listener before the answer. Its database is a process of its own, on the port given.
 */
const [port = "", listener = ""] = process.argv.slice(2);
const client = loopbackClient(Number(port));
for (const TableName of ["idempotency", "audit"]) {
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    }),
  );
}

interface Hook {
  readonly id: string;
  readonly body: string;
}

const config = new IdempotencyConfig({ eventKeyJmesPath: "id" });
// It reads this member alone, for the time after which a repeat may start a delivery again.
config.registerLambdaContext({ getRemainingTimeInMillis: () => 10_000 } as Context);
const handle = makeIdempotent(
  async ({ id, body }: Hook) => {
    await client.send(new PutItemCommand({ TableName: "audit", Item: { id: { S: id }, body: { S: body } } }));
    // GitLab signed it.
    const push = JSON.parse(body) as PushPayload;
    if (isToMain(push)) await fire(listener, push.after);
    return { status: "accepted" };
  },
  {
    persistenceStore: new DynamoDBPersistenceLayer({ tableName: "idempotency", awsSdkV3Client: client }),
    config,
  },
);

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const respond = (status: number, answer: object): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  };
  if (!isSigned(request.headers, body)) return respond(401, { status: "refused" });
  try {
    respond(202, await handle({ id: String(request.headers["webhook-id"]), body: body.toString("utf8") }));
  } catch {
    // Such as a repeat while the first request is in progress.
    respond(503, { status: "failed" });
  }
});
server.listen(0, "127.0.0.1", () => {
  // A server that listens on a port has an AddressInfo.
  reportToParent(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});

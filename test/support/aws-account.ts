import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { vi } from "vitest";
import { createTable } from "./create-table.ts";

interface AwsCall {
  /** As in `X-Amz-Target`, such as `AWSEvents.PutEvents`. */
  readonly target: string;
  readonly input: AwsInput;
}

/** The members of requests to the services that tests read. */
export interface AwsInput {
  readonly Entries?: readonly { readonly Source: string; readonly DetailType: string; readonly Detail: string }[];
  readonly QueueUrl?: string;
  readonly ReceiptHandle?: string;
  readonly VisibilityTimeout?: number;
  readonly MessageBody?: string;
  readonly DelaySeconds?: number;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue: string }>>;
  /** Of a secret. */
  readonly SecretId?: string;
  /** Of parameters. */
  readonly Names?: readonly string[];
}

/** The response of a service. An `error` is a failure that the SDK does not retry. */
type Answer = Readonly<Record<string, unknown>> | { readonly error: string };

/**
 * An account on loopback: a table in dynalite, and stand-ins for EventBridge, SQS, Secrets Manager and Systems Manager
 * that speak their protocols. Every call to any of them is recorded in `calls`, and each line that functions log in `lines`.
 */
export async function startAwsAccount() {
  const calls: AwsCall[] = [];
  const lines: string[] = [];
  let writes = 0;
  const output = vi.spyOn(process.stdout, "write").mockImplementation((line) => lines.push(String(line)) > 0);
  // `trace`: the header by which Lambda counts how often a message leads to a call that sends a message.
  const answers = new Map<string, (input: AwsInput, trace: string) => Answer>([
    ["AWSEvents.PutEvents", ({ Entries = [] }) => ({ Entries: Entries.map(() => ({ EventId: "1" })) })],
    ["AmazonSQS.SendMessage", ({ MessageBody = "" }) => sent(MessageBody)],
    ["AmazonSQS.ChangeMessageVisibility", () => ({})],
    ["AmazonSQS.ReceiveMessage", () => ({ Messages: [] })],
  ]);
  const services = await listening(async (request, response) => {
    const target = targetOf(request);
    const input = JSON.parse(await textOf(request)) as AwsInput;
    calls.push({ target, input });
    reply(
      response,
      answers.get(target)?.(input, String(request.headers["x-amzn-trace-id"])) ?? {
        error: "UnknownOperationException",
      },
    );
  });
  const tables = dynalite({ createTableMs: 0 });
  const tableErrors = new Map<string, string>();
  const database = await listening(async (request, response) => {
    const target = targetOf(request);
    calls.push({ target, input: {} });
    const error = tableErrors.get(target.split(".")[1] ?? "");
    if (error === undefined) {
      if (/(Put|Update)Item$/.test(target)) writes += 1;
      return tables.emit("request", request, response);
    }
    await textOf(request);
    return reply(response, { error });
  });
  const environment = environmentOf(services.url, database.url);
  const client = new DynamoDBClient({
    endpoint: database.url,
    region: environment.AWS_REGION,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  await createTable(client, environment.TABLE_NAME);
  calls.length = 0;
  return {
    client,
    calls,
    lines,
    answers,
    /** The error with which the table answers an operation, such as `PutItem`. */
    tableErrors,
    environment,
    /** How many items the functions have written so far. */
    writes: () => writes,
    stop: async () => {
      client.destroy();
      output.mockRestore();
      await Promise.all([services.close(), database.close()]);
      vi.unstubAllEnvs();
      vi.unstubAllGlobals();
    },
  };
}

export type AwsAccount = Awaited<ReturnType<typeof startAwsAccount>>;

/** Loads a function as Lambda does: sets its environment, and puts `config` where the bundler writes it. */
export async function loadFunction<T>(
  account: Pick<AwsAccount, "environment">,
  config: unknown,
  load: () => Promise<T>,
  environment: Readonly<Record<string, string>> = {},
): Promise<T> {
  vi.resetModules();
  vi.stubGlobal("DRAWBRIDGE_CONFIG", JSON.stringify(config));
  for (const [name, value] of Object.entries({ ...account.environment, ...environment })) vi.stubEnv(name, value);
  return load();
}

const environmentOf = (services: string, database: string) => ({
  AWS_REGION: "eu-central-1",
  AWS_ACCESS_KEY_ID: "local",
  AWS_SECRET_ACCESS_KEY: "local",
  AWS_ENDPOINT_URL: services,
  AWS_ENDPOINT_URL_DYNAMODB: database,
  STAGE: "test",
  TABLE_NAME: "drawbridge",
  BUS_NAME: "drawbridge-bus",
  QUEUE_URL: `${services}/queue`,
  DEAD_LETTER_QUEUE_URL: `${services}/dead-letters`,
  SPILL_QUEUE_URL: `${services}/spilled`,
});

const targetOf = ({ headers }: IncomingMessage): string => String(headers["x-amz-target"]);

function reply(response: ServerResponse, answer: Answer): void {
  const failed = "error" in answer;
  response.writeHead(failed ? 400 : 200, { "Content-Type": "application/x-amz-json-1.1" });
  response.end(JSON.stringify(failed ? { __type: answer.error } : answer));
}

async function listening(handle: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const server: Server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

/** The response of SQS to an accepted message. The SDK checks the digest. */
export const sent = (body: string): Answer => ({
  MessageId: "1",
  MD5OfMessageBody: createHash("md5").update(body).digest("hex"),
});

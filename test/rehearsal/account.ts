import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import { SSMClient } from "@aws-sdk/client-ssm";

export const REGION = "eu-central-1";
const CREDENTIALS = { accessKeyId: "rehearsal", secretAccessKey: "rehearsal" };

/** The emulated account: the project's own clients, and plain calls to services without such a client. */
export class Account {
  readonly dynamoDb: DynamoDBClient;
  readonly events: EventBridgeClient;
  readonly secrets: SecretsManagerClient;
  readonly sqs: SQSClient;
  readonly ssm: SSMClient;
  /** What the functions need to find the account. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #endpoint: string;

  constructor(endpoint: string) {
    const options = { endpoint, region: REGION, credentials: CREDENTIALS };
    this.#endpoint = endpoint;
    this.dynamoDb = new DynamoDBClient(options);
    this.events = new EventBridgeClient(options);
    this.secrets = new SecretsManagerClient(options);
    this.sqs = new SQSClient(options);
    this.ssm = new SSMClient(options);
    this.environment = {
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL: endpoint,
    };
  }

  /** The address of a queue in the emulator; any other text unchanged. */
  queueAt(text: string): string {
    return text.replace(/^https:\/\/sqs\.[^/]+\.amazonaws\.com(?=\/)/, this.#endpoint);
  }

  /** A call in AWS's query protocol, which answers XML. */
  query(service: string, version: string, action: string, input: Readonly<Record<string, string>>): Promise<string> {
    const body = new URLSearchParams({ Action: action, Version: version, ...input });
    return this.#call(service, action, "/", { method: "POST", body });
  }

  /** A call in AWS's JSON protocol, `target` as in `X-Amz-Target`. */
  async json(service: string, target: string, input: object): Promise<unknown> {
    const headers = { "x-amz-target": target, "content-type": "application/x-amz-json-1.0" };
    return JSON.parse(
      await this.#call(service, target, "/", { method: "POST", headers, body: JSON.stringify(input) }),
    ) as unknown;
  }

  /** A call in AWS's REST protocol. */
  rest(service: string, method: "GET" | "PUT", path: string, body?: Uint8Array): Promise<string> {
    return this.#call(service, `${method} ${path}`, path, { method, ...(body && { body: new Uint8Array(body) }) });
  }

  /** moto reads the service from the scope of a signature, and ignores the signature. */
  async #call(service: string, what: string, path: string, request: RequestInit): Promise<string> {
    const scope = `${CREDENTIALS.accessKeyId}/20260101/${REGION}/${service}/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none`;
    const headers = { ...request.headers, authorization };
    const answer = await fetch(new URL(path, this.#endpoint), { ...request, headers });
    const text = await answer.text();
    if (answer.ok) return text;
    const [, message = "no reason given"] = /(?:<Message>|"message": ?")([^<"]*)/i.exec(text) ?? [];
    throw new Error(`${service} ${what}: ${answer.status}, ${message}`);
  }
}

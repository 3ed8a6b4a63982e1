import { createHash } from "node:crypto";
import { ScanCommand } from "@aws-sdk/client-dynamodb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { DEFAULT_RETRY } from "../../shared/delivery/backoff.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { tekton } from "../../shared/providers/tekton/index.ts";
import { type AwsAccount, loadFunction, startAwsAccount } from "../support/aws-account.ts";
import { type GatewayForm, gatewayEvent } from "../support/aws-gateway.ts";
import { connectFixtureSource, fixtureSourceOf, SOURCE } from "../support/provider-fixtures.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: payload of a synchronous invocation. */
const LAMBDA_PAYLOAD_BYTES = 6_291_456;
/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html: an item. */
const ITEM_BYTES = 400_000;

const { settings, environment } = fixtureSourceOf("tekton");
const config = { sources: { [SOURCE]: { provider: "tekton", ...settings } } };
const PATH = `/webhooks/${SOURCE}`;
const HEADERS = {
  "content-type": "application/json",
  "ce-id": "9e2a4b7c-1d3f-4a5b-8c6d-0000000000ff",
  "ce-type": "dev.tekton.event.pipelinerun.running.v1",
};

/** A run of a pipeline with scripts inline, whose event has about this many bytes. */
function eventOf(bytes: number, script: (n: number) => string): Buffer {
  const tasks: object[] = [];
  for (let size = 0; size < bytes; size += JSON.stringify(tasks.at(-1)).length + 1) {
    const n = tasks.length;
    tasks.push({ name: `task-${n}`, taskSpec: { steps: [{ name: "run", image: "alpine", script: script(n) }] } });
  }
  const metadata = { name: "large-k4x2p", generateName: "large-", namespace: "ci", uid: "uid-of-large" };
  const status = { conditions: [{ type: "Succeeded", status: "Unknown", reason: "Running" }] };
  return Buffer.from(JSON.stringify({ pipelineRun: { metadata, spec: { pipelineSpec: { tasks } }, status } }));
}

const ordinary = (n: number) => `#!/bin/sh\nset -eu\necho "step ${n}: \${HOME}" > "/tmp/out-${n}"\n`.repeat(30);
/** Text in which nothing repeats, as of certificates or archives. */
const incompressible = (n: number) =>
  Array.from({ length: 30 }, (_, at) => createHash("sha512").update(`${n} ${at}`).digest("base64")).join("");

const BODIES: readonly (readonly [string, Buffer])[] = [
  ["1 MB", eventOf(1_050_000, ordinary)],
  ["1.5 MB", eventOf(1_500_000, ordinary)],
  ["2 MB", eventOf(1_990_000, ordinary)],
  ["2 MB that hardly compress", eventOf(1_990_000, incompressible)],
];

const FORMS: readonly GatewayForm[] = [
  { kind: "http-api", base64: false },
  { kind: "http-api", base64: true },
  { kind: "function-url", base64: false },
  { kind: "function-url", base64: true },
];

async function signed(body: Buffer): Promise<Record<string, string>> {
  const source = connectFixtureSource(tekton, { settings, environment }, systemClock);
  const url = new URL(PATH, "https://bridge.example.test");
  const headers = await source.sign?.({ url, headers: new Headers(HEADERS), body });
  return Object.fromEntries(headers ?? []);
}

describe("a large event of Tekton, with the default limits", () => {
  it.each(BODIES)("an event of %s is taken on one machine", async (_, body) => {
    const loaded = parseConfig(stringify(config), "test.yaml");
    if (!loaded.ok) throw new Error("the configuration of the fixtures is valid");
    const bridge = await startStandalone({
      config: loaded.config,
      secrets: secretsOf(environment),
      log: silentLog,
      retry: DEFAULT_RETRY,
      address: { hostname: "127.0.0.1", port: 0 },
    });
    const request = { method: "POST", headers: await signed(body), body };
    expect((await fetch(new URL(PATH, bridge.url), request)).status).toBe(202);
    await bridge.stop();
  });
});

describe("a large event of Tekton in AWS, with the default limits", () => {
  let account: AwsAccount;
  beforeEach(async () => {
    account = await startAwsAccount();
  });
  afterEach(() => account.stop());

  it.each(BODIES)(
    "an event of %s fits into what a function takes and a table stores, in each form of the gateway",
    async (_, body) => {
      const handler = await loadFunction(
        account,
        config,
        async () => (await import("../../functions/receive.ts")).handler,
        environment,
      );
      const headers = await signed(body);
      for (const [at, form] of FORMS.entries()) {
        const event = gatewayEvent(form, { method: "POST", path: PATH, headers, body });
        expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThan(LAMBDA_PAYLOAD_BYTES);
        expect((await handler(event)).statusCode, JSON.stringify(form)).toBe(at === 0 ? 202 : 200);
      }
      const stored = await storedBytes();
      expect(stored).toBeGreaterThan(0);
      expect(stored).toBeLessThan(ITEM_BYTES);
    },
  );

  async function storedBytes(): Promise<number> {
    const { Items = [] } = await account.client.send(new ScanCommand({ TableName: account.environment.TABLE_NAME }));
    return Math.max(...Items.map(({ content }) => content?.B?.length ?? 0));
  }
});

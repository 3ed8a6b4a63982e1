import { createHmac, randomUUID } from "node:crypto";
import type { Source } from "../../shared/delivery/receive.ts";
import type { Log } from "../../shared/host/log.ts";
import { type AppDeps, createApp } from "../../shared/http/app.ts";
import { listen } from "../../shared/http/listen.ts";
import type { TlsSettings } from "../../shared/http/tls.ts";
import { policyOf } from "../../shared/identity/policy.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { gitlab } from "../../shared/providers/gitlab/index.ts";
import type { ProviderDeps } from "../../shared/providers/provider.ts";
import { statusSource } from "../../shared/providers/status/index.ts";
import { secretsOf, testClock } from "./test-doubles.ts";

export const CANARY = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=";

/** The HTTP interface on loopback with one GitLab source, a store in memory, and all that was logged. */
export async function httpBridge(changes: Partial<AppDeps> = {}, tls?: TlsSettings) {
  const records = new Map<string, RecordedDelivery>();
  const lines: string[] = [];
  const line: Log["info"] = (fields, message) => void lines.push(JSON.stringify({ ...fields, message }));
  const log: Log = { info: line, warn: line, error: line };
  const clock = testClock();
  const tokens: ProviderDeps["tokens"] = { verify: () => Promise.reject(new Error("no tokens here")) };
  const secrets = secretsOf({ GITLAB_SIGNING: CANARY });
  const settings = { signingToken: { current: "env:GITLAB_SIGNING" } };
  const connected = gitlab.connect({ name: "gitlab", settings }, { secrets, tokens, clock });
  const source: Source = { name: "gitlab", provider: "gitlab", contentTypes: ["application/json"], ...connected };
  const app = createApp({
    sources: new Map([["gitlab", source]]),
    maxBodyBytes: 1_048_576,
    trustEntries: [],
    policy: policyOf({}),
    status: statusSource({ tokens, trustEntries: [], policy: policyOf({}), issuers: {} }),
    refusals: { record: async () => undefined },
    uses: { list: async () => [] },
    ready: async () => undefined,
    newRequestId: randomUUID,
    tokens,
    clock,
    log,
    deliveries: {
      record: async (delivery) => {
        if (records.has(delivery.id)) return "duplicate";
        records.set(delivery.id, delivery);
        return "recorded";
      },
      get: async (id) => records.get(id),
      timeline: async () => [],
      list: async () => ({ deliveries: [] }),
    },
    ...changes,
  });
  const server = await listen(app, { hostname: "127.0.0.1", port: 0, tls });
  return { url: new URL("/webhooks/gitlab", server.url), records, lines, clock, close: server.close };
}

/** Headers of a body as GitLab signs it (Standard Webhooks). */
export function gitlabHeaders(body: string | Uint8Array, at: number, id = "delivery-1"): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const key = Buffer.from(CANARY.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return {
    "content-type": "application/json",
    "x-gitlab-event": "Push Hook",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${signature}`,
  };
}

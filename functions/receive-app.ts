import { randomUUID } from "node:crypto";
import { clusterSources, connectSources } from "../shared/config/connect.ts";
import { RejectionAudit } from "../shared/delivery/rejection-audit.ts";
import { type AppDeps, createApp } from "../shared/http/app.ts";
import { statusSource } from "../shared/providers/status/index.ts";
import type { Bridge } from "./bridge.ts";

/** GitLab gives up after 10 seconds, and other senders later. */
export const ANSWER_WITHIN_MS = 8_000;

/** Returns the HTTP interface of a bridge. */
export function receiveApp(bridge: Bridge, ready: AppDeps["ready"]): ReturnType<typeof createApp> {
  const { config, secrets, tokens, trustEntries, policy, clock, log, systemTokens } = bridge;
  const keepToken = systemTokens.keep.bind(systemTokens);
  return createApp({
    receiving: bridge,
    calls: bridge,
    sources: connectSources(config, { secrets, tokens, clock, keepToken }),
    status: statusSource({ tokens, trustEntries, policy, issuers: config.issuers, clusters: clusterSources(config) }),
    rejectionAudit: new RejectionAudit({ deliveries: bridge.deliveries, log }),
    issuer: bridge.issuer,
    maxBodyBytes: config.limits.bodyBytes,
    answerWithinMs: ANSWER_WITHIN_MS,
    newRequestId: randomUUID,
    ready,
    clock,
    log,
  });
}

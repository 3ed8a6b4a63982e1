import { randomUUID } from "node:crypto";
import { clusterSources, connectSources, jobSources } from "../shared/config/connect.ts";
import type { RefusalCounts } from "../shared/delivery/refusal-counts.ts";
import { RejectionAudit } from "../shared/delivery/rejection-audit.ts";
import { type AppDeps, createApp } from "../shared/http/app.ts";
import { sourcesOfCluster } from "../shared/providers/status/cluster.ts";
import { statusSource } from "../shared/providers/status/index.ts";
import type { Bridge } from "./bridge.ts";

/** GitLab gives up after 10 seconds, and other senders later. */
export const ANSWER_WITHIN_MS = 8_000;

/** What differs between one machine and AWS, of the functions that answer requests only. */
export interface RequestPorts extends Pick<AppDeps, "ready" | "metrics"> {
  /** One for each process: it holds the counts that are not written yet. */
  readonly refusalCounts: RefusalCounts;
}

/** Returns the HTTP interface of a bridge. */
export function receiveApp(
  bridge: Bridge,
  { ready, metrics, refusalCounts }: RequestPorts,
): ReturnType<typeof createApp> {
  const { config, secrets, tokens, trustEntries, policy, clock, log, systemTokens } = bridge;
  const [clusters, jobs] = [clusterSources(config), jobSources(config)];
  const keepToken = systemTokens.keep.bind(systemTokens);
  const rejectionAudit = new RejectionAudit({ deliveries: bridge.deliveries, refusals: bridge.refusals, log });
  return createApp({
    receiving: bridge,
    calls: {
      ...bridge,
      sourcesOfCluster: (entry) => sourcesOfCluster(entry, { clusters, issuers: config.issuers }),
      jobs,
      refusalCounts,
      rejectionAudit,
      ready,
      latencyOf: (target) => metrics?.log.latencyOf(target),
    },
    sources: connectSources(config, { secrets, tokens, clock, keepToken }),
    status: statusSource({
      tokens,
      trustEntries,
      policy,
      issuers: config.issuers,
      clusters,
      jobs,
    }),
    refusalCounts,
    rejectionAudit,
    issuer: bridge.issuer,
    maxBodyBytes: config.limits.bodyBytes,
    answerWithinMs: ANSWER_WITHIN_MS,
    newRequestId: randomUUID,
    ready,
    metrics,
    clock,
    log,
  });
}

import type { AuthorizeApi } from "../../shared/http/authorize.ts";
import type { VerifiedToken } from "../../shared/identity/token-verifier.ts";
import { silentLog } from "./test-doubles.ts";

const SUBJECT = "project_path:platform/docs";

/** A token of a GitLab job as its trust entry verified it. */
export const verifiedJob = (claims: Readonly<Record<string, unknown>>): VerifiedToken => ({
  principal: {
    issuer: "https://gitlab.example.test",
    subject: SUBJECT,
    method: "oidc",
    credential: "k1",
    trustEntry: "jobs",
    roles: ["builders"],
  },
  claims,
});

/** What decides about requests to the upstream `registry`, for jobs of GitLab whose run has not ended. */
export function decidingApi(
  parts: Pick<AuthorizeApi, "clock" | "tokens" | "issuer"> & Partial<Pick<AuthorizeApi, "endedRuns" | "auditLog">>,
): AuthorizeApi {
  const others = {
    trustEntries: ["jobs"],
    rejectOverRate: async () => undefined,
    config: {
      issuers: { jobs: { preset: { name: "gitlab", run: () => ({ id: "901" }) } } },
      roles: { builders: {} },
      upstreams: {
        registry: {
          audience: "https://registry.example.test",
          minutes: 10,
          mode: "enforce",
          allow: [{ role: "builders", scopes: ["pull"], run: "required" }],
          requests: [{ methods: ["GET"], paths: ["/**"], scope: "pull" }],
        },
      },
    },
    jobs: [{ source: "gitlab", preset: "gitlab", rejectJob: () => undefined }],
    sourcesOfCluster: () => [],
    runReporters: [],
    endedRuns: { hasEndedSince: async () => false },
    deliveries: { get: async () => undefined, addToTimeline: async () => undefined },
    auditLog: { record: async () => undefined },
    rejectionAudit: { record: async () => undefined },
    log: silentLog,
    ...parts,
  };
  return others as unknown as AuthorizeApi;
}

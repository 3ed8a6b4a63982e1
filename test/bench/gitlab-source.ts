import type { Source } from "../../shared/delivery/receive.ts";
import { type Clock, systemClock } from "../../shared/host/clock.ts";
import type { ReceivedRequest } from "../../shared/model/request.ts";
import { gitlab } from "../../shared/providers/gitlab/index.ts";
import { CANARY, gitlabHeaders } from "../support/http-bridge.ts";
import { providerDeps, secretsOf } from "../support/test-doubles.ts";

/** A GitLab source whose signing token is the tests' own. */
export function gitlabSource(clock: Clock = systemClock): Source {
  const deps = providerDeps({ secrets: secretsOf({ GITLAB_SIGNING: CANARY }), clock });
  const settings = { signingToken: { current: "env:GITLAB_SIGNING" } };
  const connected = gitlab.connect({ name: "gitlab", settings }, deps);
  return { name: "gitlab", provider: "gitlab", contentTypes: ["application/json"], ...connected };
}

/** A push hook as it arrives, signed at that time; `id` makes it another delivery. */
export function signedRequest(body: Uint8Array, id: string, receivedAt = systemClock.now()): ReceivedRequest {
  return {
    method: "POST",
    url: new URL("http://127.0.0.1/webhooks/gitlab"),
    headers: new Headers(gitlabHeaders(body, receivedAt, id)),
    body,
    receivedAt,
    requestId: id,
  };
}

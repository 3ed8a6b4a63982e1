import { inspect } from "node:util";
import { connectSources } from "../../shared/config/connect.ts";
import type { Config } from "../../shared/config/schema.ts";
import { readinessByRead } from "../../shared/delivery/readiness.ts";
import { RejectionAudit } from "../../shared/delivery/rejection-audit.ts";
import { callOut } from "../../shared/host/call-out.ts";
import { systemClock as clock } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { Log } from "../../shared/host/log.ts";
import { LocalSecrets, Secret, type Secrets } from "../../shared/host/secrets.ts";
import { signingKey as gitlabKey } from "../../shared/host/standard-webhooks.ts";
import { policyOf } from "../../shared/identity/policy.ts";
import { createTokenVerifier } from "../../shared/identity/verify-token.ts";
import { clientCredentials, exchange } from "../../shared/outbound/oauth.ts";
import { localSigningKey } from "../../shared/outbound/signing-key.ts";
import { requestToken } from "../../shared/outbound/token-request.ts";
import { statusSource } from "../../shared/providers/status/index.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { entryOf } from "../unit/identity/tokens.ts";
import { openAllStores } from "./all-stores.ts";
import { canary, type Output } from "./canaries.ts";
import { type issuerKeys, PUBLIC_URL } from "./canaries-bridge.ts";
import { liveToken } from "./canaries-traffic.ts";
import { loopbackClient } from "./embedded-dynamodb.ts";
import { httpBridge } from "./http-bridge.ts";
import { sampleDelivery } from "./samples.ts";
import { bindingDeps, secretsOf } from "./test-doubles.ts";

interface Surroundings {
  /** Repeats each request in its response. */
  readonly reflector: string;
  readonly keys: ReturnType<typeof issuerKeys>;
}

const DEAD = "http://127.0.0.1:9";
const deadStores = () =>
  openAllStores(new DynamoDbTable(loopbackClient(9), "drawbridge"), {
    retentionDays: 1,
    markUnrelayed: true,
    singleProcess: false,
    clock,
  });

/** The HTTP interface with all its sources and trust entries, without a store. */
export function bridgeWithoutStore(config: Config, { secrets, log }: { readonly secrets: Secrets; readonly log: Log }) {
  const { deliveries, credentialUses, approvals, replayCache, refusals } = deadStores();
  const tokens = createTokenVerifier(config.issuers, { clock, replayCache, publicUrl: PUBLIC_URL });
  const policy = policyOf(config.roles);
  const trustEntries = Object.keys(config.issuers);
  return httpBridge({
    sources: connectSources(config, { secrets, tokens, clock, keepToken: async () => undefined }),
    status: statusSource({ tokens, trustEntries, policy, issuers: config.issuers, clusters: [], jobs: [] }),
    rejectionAudit: new RejectionAudit({ deliveries, refusals, log }),
    ready: () => readinessByRead(() => deliveries.get("readiness")),
    receiving: { deliveries },
    calls: { deliveries, credentialUses, approvals, tokens, policy, trustEntries },
    clock,
    log,
  });
}

/** Provoked faults, with their stacks and all their causes, as a log would print them at worst. */
export async function faultsOf({ reflector, keys }: Surroundings): Promise<readonly Output[]> {
  const secrets = secretsOf({ A: canary("a") });
  const client = { tokenUrl: `${reflector}/token/rejected`, clientId: "bridge", clientSecret: "env:A" };
  const account = { token: "env:A", namespace: "ci", serviceAccount: "bridge", audience: "el" };
  const deps = { secrets, callOut, clock };
  const stores = deadStores();
  const token = liveToken(DEAD, keys);
  const verifier = createTokenVerifier({ down: entryOf({ issuer: DEAD }) }, bindingDeps(clock));
  const presented = { scheme: "bearer", token, request: tokenRequest(token) } as const;
  const headers = { authorization: `Bearer ${canary("call")}`, cookie: canary("cookie") };
  const limits = { timeoutMs: 2_000, maxResponseBytes: 10 };
  const call = (address: string) =>
    callOut({ method: "POST", url: new URL(address), headers, body: canary("body"), ...limits });
  const provoked: Readonly<Record<string, () => unknown>> = {
    "a secret that is not there": () => new LocalSecrets({}).read("file:/nowhere"),
    "a signing key that is none": () => localSigningKey(new Secret(canary("pem"))),
    "a signing key of another kind": () =>
      localSigningKey(new Secret(String(keys.forge.privateKey.export({ type: "pkcs8", format: "pem" })))),
    "a signing token that is none": () => gitlabKey(new Secret(canary("signing")), "env:A"),
    "a grant that is rejected": () => clientCredentials(client, deps),
    "a grant that nobody answers": () => clientCredentials({ ...client, tokenUrl: `${DEAD}/token` }, deps),
    "an exchange that is rejected": () => exchange(new Secret(token), client, deps),
    "a cluster that rejects": () => requestToken({ ...account, api: reflector }, deps),
    "a target that is not there": () => call(`${DEAD}/${canary("path")}`),
    "a target that says too much": () => call(`${reflector}/other`),
    "a store that is not there": () => stores.deliveries.record(sampleDelivery(1)),
    "an issuer that is not there": () => verifier.verify(presented, ["down"]),
  };
  const faults = Object.entries(provoked).map(async ([where, provoke]) => {
    const error = await Promise.resolve()
      .then(provoke)
      .then(nothingThrown, (thrown: unknown) => thrown);
    if (!(error instanceof Fault)) throw error;
    return { where, text: `${inspect(error, { depth: 20, showHidden: true })}\n${JSON.stringify(error)}\n${error}` };
  });
  const secret = new Secret(canary("shown"));
  const shown = {
    where: "a secret",
    text: `${inspect(secret, { showHidden: true })} ${JSON.stringify({ secret })} ${secret}`,
  };
  return [shown, ...(await Promise.all(faults))];
}

function nothingThrown(): never {
  throw new Error("this was to fail");
}

const tokenRequest = (token: string) => ({
  method: "POST",
  url: new URL("/v1/status", PUBLIC_URL),
  body: new Uint8Array(),
  receivedAt: clock.now(),
  headers: new Headers({ authorization: `Bearer ${token}` }),
});

import * as v from "valibot";
import { Fault } from "../../host/fault.ts";
import { rotatingSecret } from "../../host/secrets.ts";
import { UnusableFileError } from "../../host/small-file.ts";
import { signingKey } from "../../host/standard-webhooks.ts";
import { jwksLoader } from "../../identity/load-jwks.ts";
import { certificatesOf } from "../../outbound/certificate-authorities.ts";
import { connectSources } from "../connect.ts";
import type { ConfigProblem } from "../explain.ts";
import { signingDeps } from "../signing-deps.ts";
import type { Check } from "./check.ts";

/** A source that can sign must accept its own signature. A malformed secret fails this test. */
export const unfitSecret: Check = {
  id: "unfit-secret",
  level: "error",
  finds: "a source whose secret can be read but is malformed, so that it proves no request",
  remedy: "set the secret in the form that the provider's README gives",
  canBeIgnored: false,
  needs: ["issuers"],
  run: async (config, { secrets, here, found }) => {
    if (here === undefined) return [];
    const { clock } = here;
    const unread = found
      .filter(({ check }) => check.id === "unreadable-secret")
      .map(({ problem }) => problem.path)
      .filter(([section]) => section === "sources");
    const sources = config.sources.filter(({ name }) => !unread.some(([, unreadable]) => unreadable === name));
    const deps = signingDeps(config, secrets, clock);
    const problems: ConfigProblem[] = [];
    for (const [name, { sign, authenticate }] of connectSources({ ...config, sources }, deps)) {
      if (sign === undefined) continue;
      const url = new URL(`https://bridge.invalid/webhooks/${name}`);
      const request = { method: "POST", url, body: new Uint8Array() };
      const path = ["sources", name];
      try {
        const headers = await sign({ ...request, headers: new Headers() });
        const proved = await authenticate({ ...request, headers, receivedAt: clock.now(), requestId: "check" });
        if (!proved.ok) problems.push({ path, message: `it rejects its own signature: ${proved.rejection.reason}` });
      } catch (error) {
        problems.push({ path, message: messageOf(error) });
      }
    }
    return problems;
  },
};

/** A target with a malformed secret would sign no request: each of its runs would fail. */
export const unfitTargetSecret: Check = {
  id: "unfit-target-secret",
  level: "error",
  finds: "a target's `secret` that can be read but is no signing token, so that no request to it can be signed",
  remedy: "set the secret that the receiver shows: `whsec_` and a key in base64",
  canBeIgnored: false,
  needs: [],
  run: async ({ targets }, { secrets, here }) => {
    if (here === undefined) return [];
    const refs = targets.flatMap(({ name, settings }) => {
      const { success, output } = v.safeParse(signedRequests, settings);
      if (!success) return [];
      return Object.entries(output.secret).flatMap(([label, ref]) => (ref === undefined ? [] : [{ name, label, ref }]));
    });
    const problems = refs.map(async ({ name, label, ref }): Promise<readonly ConfigProblem[]> => {
      // `unreadable-secret` reports the others.
      const secret = await secrets.read(ref).catch(() => undefined);
      if (secret === undefined) return [];
      try {
        signingKey(secret, ref);
        return [];
      } catch (error) {
        return [{ path: ["targets", name, "secret", label], message: messageOf(error) }];
      }
    });
    return (await Promise.all(problems)).flat();
  },
};

/** The targets that sign each request as Standard Webhooks. */
const signedRequests = v.object({ secret: rotatingSecret });

export const unreadableKeyFile: Check = {
  id: "unreadable-key-file",
  level: "error",
  finds: "a file in `jwks.file` that cannot be read or is not a set of public keys",
  remedy: "correct the path, or write the issuer's key set there",
  canBeIgnored: false,
  needs: [],
  run: async ({ issuers }, { here }) => {
    if (here === undefined) return [];
    const entries = Object.entries(issuers).filter(([, { jwks }]) => jwks !== undefined && "file" in jwks);
    const problems = entries.map(async ([name, entry]) => {
      const path = ["issuers", name, "jwks", "file"];
      return jwksLoader(entry)().then(
        () => [],
        (error: unknown) => [{ path, message: `no usable keys: ${messageOf(error)}` }],
      );
    });
    return (await Promise.all(problems)).flat();
  },
};

export const unreadableAuthority: Check = {
  id: "unreadable-authority",
  level: "error",
  finds: "a file in `certificateAuthorities` that cannot be read or has no certificate in PEM",
  remedy: "correct the path, or write the certificates there",
  canBeIgnored: false,
  needs: [],
  run: async ({ certificateAuthorities }, { here }) => {
    if (here === undefined) return [];
    const problems = Object.entries(certificateAuthorities).map(async ([name, authority]) =>
      certificatesOf(authority).then(
        () => [],
        (error: unknown) => [{ path: ["certificateAuthorities", name, "file"], message: messageOf(error) }],
      ),
    );
    return (await Promise.all(problems)).flat();
  },
};

/** Returns the message of a fault, or why a file cannot be used. Rethrows other errors. */
function messageOf(error: unknown): string {
  if (error instanceof Fault) return error.message;
  if (error instanceof UnusableFileError) return error.cause instanceof Error ? error.cause.message : error.message;
  throw error;
}

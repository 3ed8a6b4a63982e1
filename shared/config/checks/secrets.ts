import type { Secrets } from "../../host/secrets.ts";
import type { ConfigProblem } from "../explain.ts";
import { refsIn } from "../references.ts";
import type { Config } from "../schema.ts";
import type { Check } from "./check.ts";

export const unreadableSecret: Check = {
  id: "unreadable-secret",
  level: "error",
  finds: "a secret that cannot be read or is empty; under `identity`, the signing key",
  remedy: "set the secret, or correct the reference",
  canBeIgnored: false,
  needs: [],
  run: (config, { secrets }) =>
    unreadable([...keyRefs(config, 0, 1), ...sharedRefs(config), ...refsIn(config.otlp, ["otlp"])], secrets),
};

export const weakSecret: Check = {
  id: "weak-secret",
  level: "error",
  finds:
    "a secret of fewer than 16 bytes, which others can guess; not for AWS, where the deployment does not read the secrets",
  remedy: "use a long random text on both sides, such as that of `openssl rand -base64 32`",
  canBeIgnored: false,
  needs: [],
  run: async (config, { secrets, here }) => {
    // A check on another machine, such as that of a deployment to AWS, does not know the values.
    if (here === undefined) return [];
    const problems = sharedRefs(config).map(async ([path, ref]) => {
      // `unreadable-secret` reports the others.
      const secret = await secrets.read(ref).catch(() => undefined);
      if (secret === undefined || Buffer.byteLength(secret.reveal()) >= MIN_SECRET_BYTES) return [];
      return [{ path, message: `it has fewer than ${MIN_SECRET_BYTES} bytes, so that others can guess it` }];
    });
    return (await Promise.all(problems)).flat();
  },
};

/** 128 bits, if all of them are random. */
const MIN_SECRET_BYTES = 16;

/** The secrets that the bridge shares with another system, or with itself for the cookies of the console. */
const sharedRefs = (config: Config): Refs => [
  ...config.sources.flatMap(({ name, settings }) => refsIn(settings, ["sources", name])),
  ...config.targets.flatMap(({ name, settings }) => refsIn(settings, ["targets", name])),
  ...refsIn(config.console, ["console"]),
];

/** An unreadable key besides the signing key is left out of the published key set, so it is only a warning. */
export const unreadablePublishedKey: Check = {
  id: "unreadable-published-key",
  level: "warning",
  finds: "a key under `identity`, besides the signing key, that cannot be read",
  remedy: "set the key, or remove it from the list",
  canBeIgnored: true,
  needs: [],
  run: (config, { secrets }) => unreadable(keyRefs(config, 1), secrets),
};

type Refs = ReturnType<typeof refsIn>;

/** Keys in AWS KMS, `kms:<key id>`, are not references to secrets. */
const keyRefs = ({ identity }: Config, from: number, to?: number): Refs =>
  (identity?.keys ?? [])
    .map((ref, at) => refsIn(ref, ["identity", "keys", at]))
    .slice(from, to)
    .flat();

async function unreadable(refs: Refs, secrets: Secrets): Promise<readonly ConfigProblem[]> {
  const problems = await Promise.all(
    refs.map(([path, ref]) =>
      secrets.read(ref).then(
        () => [],
        (fault: Error) => [{ path, message: fault.message }],
      ),
    ),
  );
  return problems.flat();
}

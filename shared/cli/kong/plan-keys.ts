import * as v from "valibot";
import { type EpochMillis, epochMillis, toIso, toSeconds } from "../../host/clock.ts";
import { type AdminApi, listOf, parseAnswer } from "./admin-api.ts";
import { type Caller, callersOf, type Issuer } from "./callers.ts";
import { LEAVING_TAG, TAG } from "./document.ts";
import { consumerName, isApartIn, jwtSecretOf, type RenderInput, upstreamsBehind } from "./render.ts";

interface KeyPlan {
  /** In the order in which they are done. Each is done once: after a failure the rest follows from the next plan. */
  readonly steps: readonly KeyStep[];
  /** What a person has to do. */
  readonly problems: readonly string[];
}

interface KeyStep {
  readonly line: string;
  /** Undefined for a key that waits. */
  readonly apply?: () => Promise<void>;
}

interface KeyPlanInput {
  readonly config: RenderInput["config"];
  readonly issuers: readonly Issuer[];
  /** Whether the keys of all issuers are known. If not, a key may be one of theirs, and none leaves. */
  readonly isComplete: boolean;
  readonly api: AdminApi;
  readonly now: EpochMillis;
}

/** A token of an issuer that is no longer configured lives for a day at most, with a minute of difference between clocks. */
const LONGEST_TOKEN_SECONDS = 86_460;

/**
 * Compares the keys of a running Kong with those that are published. New keys come first. A key that is no longer published
 * keeps verifying until the last token that it may have signed has expired. Since when is a tag of the key, in place of the
 * tag by which a file that is rendered meanwhile would remove it.
 */
export async function planKeys({ config, issuers, isComplete, api, now }: KeyPlanInput): Promise<KeyPlan> {
  const consumers = parseAnswer(v.array(consumer), await api.list("consumers"), "consumers");
  const present = parseAnswer(v.array(credential), await api.list("jwts"), "jwts");
  // A consumer without a name is addressed by its id.
  const names = new Map(consumers.map(({ id, username }) => [id, username ?? id]));
  const callers = callersOf(issuers, {
    isApart: isApartIn({ edition: "oss" }),
    config,
    upstreams: upstreamsBehind(config),
  });
  const bridge = config.kong.bridge.url;
  const problems: string[] = [];
  const [added, leaving, removed]: [KeyStep[], KeyStep[], KeyStep[]] = [[], [], []];
  const byKey = new Map(present.map((one) => [one.key, one]));
  const published = new Set<string>();
  const endOf = (username: string, since: number): number => since + longestToken(callers, username);
  const usernames = new Set(issuers.map((one) => consumerName([one])));
  /** Whether a key is of another consumer, which may still need it. A key that moves with its issuer is not. */
  const isLiveElsewhere = (old: Credential, wanted: Wanted, username: string): boolean => {
    const owner = names.get(old.consumer.id);
    if (owner === undefined || owner === username || (isComplete && isSameKey(old, wanted))) return false;
    const since = leavingSince(old);
    return since === undefined ? usernames.has(owner) : toSeconds(now) <= endOf(owner, since);
  };
  for (const caller of callers) {
    const username = consumerName(caller.issuers);
    for (const key of caller.keys) {
      published.add(key.kid);
      const wanted = jwtSecretOf(bridge, key);
      const old = byKey.get(key.kid);
      if (old && isSame(old, wanted) && names.get(old.consumer.id) === username) continue;
      if (old && !isOurs(old)) problems.push(`key ${key.kid}: somebody else has it at Kong`);
      else if (![...names.values()].includes(username))
        problems.push(`consumer ${username} is missing: bring what is rendered to Kong first`);
      else if (old && isLiveElsewhere(old, wanted, username))
        problems.push(`key ${key.kid}: ${names.get(old.consumer.id)} has another one with this kid, which stays`);
      else added.push(putting(api, username, wanted, old?.id ?? wanted.id));
    }
  }
  for (const old of present.filter((one) => isComplete && isOurs(one) && !published.has(one.key))) {
    const username = names.get(old.consumer.id);
    // Kong removes the keys of a consumer with it.
    if (username === undefined) continue;
    const since = leavingSince(old);
    if (since === undefined) {
      leaving.push(marking(api, username, old, now));
      continue;
    }
    const end = endOf(username, since);
    const path = keyPath(username, old.id);
    if (toSeconds(now) > end)
      removed.push({ line: `removed: key ${old.key} of ${username}`, apply: () => api.remove(path) });
    else removed.push({ line: `waits: key ${old.key} of ${username} until ${toIso(epochMillis(end * 1_000))}` });
  }
  return { steps: [...added, ...leaving, ...removed], problems: [...new Set(problems)] };
}

const consumer = v.object({ id: v.string(), username: v.nullish(v.string()) });

const credential = v.object({
  id: v.string(),
  key: v.string(),
  algorithm: v.nullish(v.string()),
  rsa_public_key: v.nullish(v.string()),
  secret: v.nullish(v.string()),
  tags: v.nullish(listOf(v.string())),
  consumer: v.object({ id: v.string() }),
});
type Credential = v.InferOutput<typeof credential>;
type Wanted = ReturnType<typeof jwtSecretOf>;

const isOurs = (one: Credential): boolean => one.tags?.includes(TAG) === true || leavingSince(one) !== undefined;

function leavingSince({ tags }: Credential): number | undefined {
  const tag = tags?.find((one) => one.startsWith(LEAVING_TAG))?.slice(LEAVING_TAG.length);
  return tag !== undefined && /^\d{1,12}$/.test(tag) ? Number(tag) : undefined;
}

const isSameKey = (old: Credential, { rsa_public_key: wanted }: Wanted): boolean =>
  old.rsa_public_key?.trim() === wanted.trim();

const isSame = (old: Credential, wanted: Wanted): boolean =>
  old.algorithm === wanted.algorithm && isSameKey(old, wanted) && old.tags?.includes(TAG) === true;

/** A kid is unique at Kong. So a key replaces the one with its kid in one write, under the id that this one has. */
function putting(api: AdminApi, username: string, wanted: Wanted, id: string): KeyStep {
  const { id: _, ...body } = wanted;
  return {
    line: `added: key ${wanted.key} of ${username}`,
    apply: () => api.put(keyPath(username, id), body),
  };
}

const keyPath = (username: string, id: string): string => `/consumers/${encodeURIComponent(username)}/jwt/${id}`;

function marking(api: AdminApi, username: string, old: Credential, now: EpochMillis): KeyStep {
  const { id, consumer: _, ...kept } = old;
  const body = { ...kept, tags: [`${LEAVING_TAG}${toSeconds(now)}`] };
  return {
    line: `leaves: key ${old.key} of ${username}, which is no longer published`,
    apply: () => api.put(keyPath(username, id), body),
  };
}

function longestToken(callers: readonly Caller[], username: string): number {
  const own = callers.find(({ issuers }) => consumerName(issuers) === username)?.issuers ?? [];
  if (own.length === 0) return LONGEST_TOKEN_SECONDS;
  return Math.max(...own.map(({ maxLifetimeSeconds, clockSkewSeconds }) => maxLifetimeSeconds + clockSkewSeconds));
}

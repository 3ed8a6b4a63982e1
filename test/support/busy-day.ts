import { type EpochMillis, epochMillis, laterBy, toIso } from "../../shared/host/clock.ts";
import type { BridgeEvent, BuildState } from "../../shared/model/event.ts";
import { actionIdOf, deliveryIdOf, eventKeyOf, sha256Hex } from "../../shared/model/idempotency-keys.ts";
import { type Principal, sourcePrincipal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { TimelineEvent } from "../../shared/model/timeline.ts";
import type { RefusalCount } from "../../shared/store/refusals.ts";
import type { AllStores } from "./all-stores.ts";

/** How one route of a delivery ended, or where it stands. */
type Ending = "ran" | "given_up" | "accepted_without_run" | "retrying" | "waiting" | "expecting_run" | "pending";

interface Fired {
  readonly route: string;
  readonly action: string;
  readonly target: string;
  readonly ending: Ending;
  /** What the target answered, or what the action waits for. */
  readonly summary: string;
}

interface Composed {
  readonly delivery: RecordedDelivery;
  readonly fired: readonly Fired[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The listener of production is down from 02:10 to 02:24. */
const STORM_MS = 14 * 60_000;

const PEOPLE = [
  ["ines", "Ines Okafor"],
  ["tomasz", "Tomasz Wójcik"],
  ["priya", "Priya Raghunathan"],
  ["yuki", "Yuki Tanaka"],
  ["anneke", "Anneke van der Meulen"],
  ["bogdan", "Bogdan Ilić"],
  ["chiamaka", "Chiamaka Eze"],
  ["diego", "Diego Fernández"],
  ["elif", "Elif Yıldız"],
  ["farid", "Farid Haddad"],
  ["greta", "Greta Lindqvist"],
  ["hamish", "Hamish MacLeod"],
  ["ilse", "Ilse Brandt"],
  ["jun", "Jun Park"],
  ["renovate", "Renovate Bot"],
] as const;
const PROJECTS = [
  "platform/docs",
  "platform/gateway",
  "platform/identity",
  "payments/ledger",
  "payments/checkout-api",
  "payments/fraud-rules",
  "mobile/android",
  "mobile/ios",
  "web/storefront",
  "web/design-system",
  "data/warehouse",
  "data/feature-store",
  "sre/terraform-live",
  "sre/runbooks",
] as const;
const BRANCHES = [
  "main",
  "main",
  "main",
  "release/2026.11",
  "feature/PAY-2291-idempotent-refunds",
  "fix/flaky-login-test",
  "renovate/typescript-6.x",
  "ines/docs-install",
  "hotfix/ledger-rounding",
] as const;
const TITLES = [
  "Retry refunds with the same idempotency key",
  "Fix the flaky login test on slow runners",
  "Update dependency typescript to v6",
  "Round half to even in the ledger export",
  "Explain how to install behind a proxy",
  "Bump the base image, CVE-2026-4411",
  "Add a dashboard for queue age",
  "Remove the old checkout flow",
  "Cache feature vectors for 10 minutes",
  "Rename `getUser` to `readUser`",
  "Do not log the card's last digits",
  "Rollout of the new gateway, step 3 of 5",
] as const;
const PAGES = [
  ["98310", "Install guide", "ENG"],
  ["98311", "Runbook: ledger is behind", "SRE"],
  ["98312", "Release notes 2026.11", "ENG"],
  ["98313", "How we review", "ENG"],
  ["98314", "Architecture of the gateway", "ENG"],
  ["98315", "On-call handbook", "SRE"],
] as const;
const FAILURES = [
  "the listener rejected it: bad_request, no such pipeline",
  "the listener rejected it: 403, the token may not create runs in namespace prod",
  "the page has no region for the status, and whenMissing is leave",
  "target_unreachable: connect ECONNREFUSED 10.4.2.17:8080",
] as const;

/** The deliveries of the week before `now`: most of them in working hours, and a storm in the last night at 02:10 (UTC). */
export function busyDay(now: EpochMillis, count: number): readonly Composed[] {
  const random = randomFrom(count);
  const storm = stormBefore(now);
  const inStorm = Math.floor(count * 0.08);
  const times = Array.from({ length: count }, (_, at) => {
    if (at < inStorm) return storm + Math.floor(random() * STORM_MS);
    // A few have just arrived, and most are of the last two days.
    const ageMs = at % 50 === 0 ? random() * 900_000 : random() ** 2 * 6.8 * DAY_MS;
    return now - Math.floor(ageMs) - 2_000;
  });
  return times
    .sort((a, b) => b - a)
    .map((time, at) => compose(epochMillis(time), { at, random, isStorm: time >= storm && time < storm + STORM_MS }));
}

/** The requests that nobody proved: a secret was rotated at the sender before the storm, and somebody scans the bridge. */
function refusalsOf(now: EpochMillis): readonly RefusalCount[] {
  const storm = stormBefore(now);
  const window = (minutes: number): EpochMillis =>
    epochMillis(Math.floor((storm + minutes * 60_000) / 300_000) * 300_000);
  const requests = ["0b1c5f0e-6e8e-4ef1-8a53-0c9d7a1c2b01"];
  const of = (minutes: number, source: string, reason: string, count: number): RefusalCount => ({
    source,
    reason,
    window: window(minutes),
    count,
    lastAt: laterBy(window(minutes), 60_000),
    requests,
  });
  return [
    of(-10, "gitlab", "signature_mismatch", 14),
    of(0, "gitlab", "signature_mismatch", 41),
    of(5, "gitlab", "signature_mismatch", 37),
    of(120, "wiki", "signature_missing", 3),
  ].filter(({ lastAt }) => lastAt <= now);
}

/** Writes the deliveries into the stores, as the bridge would have. */
export async function storeDay(
  day: readonly Composed[],
  { deliveries, actions, refusals }: Pick<AllStores, "deliveries" | "actions" | "refusals">,
  now: EpochMillis,
): Promise<void> {
  for (const group of groupsOf(day, 100)) {
    await Promise.all(group.map(({ delivery }) => deliveries.record(delivery)));
    await deliveries.addToList(group.map(({ delivery }) => delivery));
    const stores = { deliveries, actions, now };
    await Promise.all(
      group.map(({ delivery: { id, receivedAt } }) => deliveries.markRelayed(id, laterBy(receivedAt, 40))),
    );
    await Promise.all(
      group.flatMap(({ delivery, fired }) => fired.map((route) => storeRoute(delivery, route, stores))),
    );
  }
  for (const refused of refusalsOf(now)) await refusals.add(refused);
}

async function storeRoute(
  delivery: RecordedDelivery,
  { route, action, target, ending, summary }: Fired,
  { deliveries, actions, now }: Pick<AllStores, "deliveries" | "actions"> & { readonly now: EpochMillis },
): Promise<void> {
  const [event] = delivery.events ?? [];
  if (event === undefined) return;
  const at = laterBy(delivery.receivedAt, 60);
  const eventKey = eventKeyOf(delivery.source, event.type, event.keyParts);
  const id = actionIdOf(route, eventKey);
  const add = (line: TimelineEvent): Promise<void> => deliveries.addToTimeline(delivery.id, line);
  await actions.schedule({ id, route, action, target, eventKey, delivery: delivery.id }, at);
  await add({ at, kind: "scheduled", route, action });
  const tried = laterBy(at, 90);
  const claim = await actions.claim(id, at, laterBy(at, 60_000));
  if (claim === undefined) return;
  const attempt = { kind: "attempt", route, action, attempt: 1, durationMs: 84 } as const;
  // Nothing becomes due while the console is looked at.
  const later = laterBy(now, DAY_MS);
  switch (ending) {
    case "ran":
      await add({ ...attempt, at: tried, outcome: "done", summary });
      await actions.complete(claim);
      return;
    case "given_up":
      await add({ ...attempt, at: tried, outcome: "retry", summary, nextAt: laterBy(tried, 30_000) });
      await add({ ...attempt, attempt: 2, at: laterBy(tried, 30_000), outcome: "give_up", summary });
      await actions.giveUp(claim, laterBy(tried, 30_000));
      return;
    case "accepted_without_run":
      await add({ ...attempt, at: tried, outcome: "accepted", summary: "accepted by the listener" });
      await add({ at: laterBy(tried, 1_200_000), kind: "run", route, action, state: "missing", summary });
      await actions.endWithoutRun(claim, laterBy(tried, 1_200_000));
      return;
    case "retrying":
      await add({ ...attempt, at: tried, outcome: "retry", summary, nextAt: later });
      await actions.release(claim, tried, later);
      return;
    case "waiting":
      await add({ at: tried, kind: "waiting", route, action, summary, waitsFor: "release-manager" });
      await actions.defer(claim, tried, later, { isAttended: true });
      return;
    case "expecting_run":
      await add({ ...attempt, at: tried, outcome: "accepted", summary: "accepted by the listener" });
      await actions.expectRun(claim, tried, { at: later, next: "end", accepted: {} });
      return;
    case "pending":
      await actions.defer(claim, tried, later);
  }
}

interface Mood {
  readonly at: number;
  readonly random: () => number;
  readonly isStorm: boolean;
}

function compose(receivedAt: EpochMillis, mood: Mood): Composed {
  const { at, random } = mood;
  const kind = random();
  if (kind < 0.02) return { delivery: refused(receivedAt, at, random), fired: [] };
  if (kind < 0.05) return { delivery: unwanted(receivedAt, at, kind < 0.025), fired: [] };
  if (kind < 0.3) return pushed(receivedAt, mood);
  if (kind < 0.42) return proposed(receivedAt, mood);
  if (kind < 0.55) return edited(receivedAt, mood);
  return built(receivedAt, mood);
}

function pushed(receivedAt: EpochMillis, mood: Mood): Composed {
  const { at, random } = mood;
  const project = pick(PROJECTS, random);
  const branch = pick(BRANCHES, random);
  const [username, name] = pick(PEOPLE, random);
  const commit = sha256Hex(`commit ${at}`).slice(0, 40);
  const message = pick(TITLES, random);
  const url = `https://gitlab.example.test/${project}/-/commit/${commit}`;
  const event: BridgeEvent = {
    type: "code.pushed",
    keyParts: [project, branch, commit],
    time: toIso(laterBy(receivedAt, -900)),
    subject: project,
    actor: { id: String(40 + PEOPLE.findIndex(([id]) => id === username)), name, username },
    code: {
      project,
      projectUrl: `https://gitlab.example.test/${project}`,
      ref: `refs/heads/${branch}`,
      name: branch,
      change: "updated",
      commit,
      before: sha256Hex(`commit before ${at}`).slice(0, 40),
      commits: [{ id: commit, message: `${message}\n\nSee the ticket.`, url, author: name }],
      commitCount: 1 + (at % 4),
      protected: branch === "main",
      defaultBranch: "main",
    },
  };
  const body = {
    object_kind: "push",
    ref: `refs/heads/${branch}`,
    checkout_sha: commit,
    user_username: username,
    user_name: name,
    user_email: `${username}@example.test`,
    project: { path_with_namespace: project, ci_token: "glcbt-canary-of-the-tests" },
    commits: [{ id: commit, message, url, author: { name, email: `${username}@example.test` } }],
    total_commits_count: 1 + (at % 4),
  };
  const route = project.startsWith("platform/") ? "push-build" : `${project.split("/")[0]}-build`;
  const fires = branch === "main" || branch.startsWith("release/");
  const isProduction = branch.startsWith("release/");
  return {
    delivery: recorded("gitlab", "gitlab", event, { receivedAt, at, body }),
    fired: fires
      ? [
          tekton(route, isProduction ? "prod-listener" : "listener", mood),
          ...(isProduction ? [gated("release-deploy", mood)] : []),
        ]
      : [],
  };
}

function proposed(receivedAt: EpochMillis, mood: Mood): Composed {
  const { at, random } = mood;
  const project = pick(PROJECTS, random);
  const [username, name] = pick(PEOPLE, random);
  const number = 100 + (at % 900);
  const event: BridgeEvent = {
    type: pick(["change.opened", "change.updated", "change.merged", "change.approved", "change.commented"], random),
    keyParts: [project, String(number), String(at)],
    time: toIso(laterBy(receivedAt, -700)),
    subject: `${project}!${number}`,
    actor: { id: username, name, username },
    change: {
      project,
      id: String(number),
      number,
      title: pick(TITLES, random),
      sourceBranch: pick(BRANCHES.slice(4), random),
      targetBranch: "main",
      commit: sha256Hex(`change ${at}`).slice(0, 40),
      url: `https://gitlab.example.test/${project}/-/merge_requests/${number}`,
      author: username,
    },
  };
  const isMerge = event.type === "change.merged";
  const comment = { route: "change-comment", action: "gitlab", target: "code", ending: "ran" } as const;
  return {
    delivery: recorded("gitlab", "gitlab", event, { receivedAt, at, body: { object_kind: "merge_request" } }),
    fired: isMerge ? [{ ...comment, summary: "commented on the merge request" }] : [],
  };
}

function edited(receivedAt: EpochMillis, mood: Mood): Composed {
  const { at, random } = mood;
  const [id, title, space] = pick(PAGES, random);
  const [username, name] = pick(PEOPLE, random);
  const event: BridgeEvent = {
    type: random() < 0.8 ? "page.updated" : "page.commented",
    keyParts: [id, String(at)],
    time: toIso(laterBy(receivedAt, -300)),
    subject: id,
    actor: { id: `ff80${sha256Hex(username).slice(0, 8)}`, name, username },
    page: {
      site: "https://wiki.example.test",
      id,
      version: 10 + (at % 80),
      space,
      title,
      url: `https://wiki.example.test/pages/viewpage.action?pageId=${id}`,
    },
  };
  const isEdit = event.type === "page.updated" && random() < 0.5;
  return {
    delivery: recorded("wiki", "confluence", event, { receivedAt, at, body: { event: "page_updated" } }),
    fired: isEdit ? [gated("page-build", mood)] : [],
  };
}

function built(receivedAt: EpochMillis, mood: Mood): Composed {
  const { at, random } = mood;
  const project = pick(PROJECTS, random);
  const state = pick<BuildState>(
    ["queued", "running", "succeeded", "succeeded", "succeeded", "failed", "cancelled"],
    random,
  );
  const isJob = random() < 0.4;
  const pipeline = `${project.split("/")[0]}/${project.split("/")[1]}-${pick(["build", "test", "deploy"], random)}`;
  const run = `${project.split("/")[1]}-${sha256Hex(String(at)).slice(0, 5)}`;
  const common = {
    system: "tekton",
    state,
    branch: pick(BRANCHES, random),
    commit: sha256Hex(`build ${at}`).slice(0, 40),
    url: `https://tekton.example.test/#/namespaces/ci/pipelineruns/${run}`,
    ...(state === "failed" && { reason: "task unit-tests: exit code 1" }),
  };
  const [username] = pick(PEOPLE, random);
  const head = { keyParts: [run, state], time: toIso(laterBy(receivedAt, -400)), subject: `ci/${run}` };
  const event: BridgeEvent = isJob
    ? {
        ...head,
        type: `job.${state}`,
        job: { ...common, id: `uid-${run}`, name: "unit-tests", pipeline, build: `uid-of-${run}` },
      }
    : {
        ...head,
        type: `build.${state}`,
        build: {
          ...common,
          id: `uid-${run}`,
          pipeline,
          number: at % 4_000,
          startedBy: username,
          title: pick(TITLES, random),
        },
      };
  const isWritten = !isJob && (state === "succeeded" || state === "failed");
  const status = { route: "status", action: "confluence", target: "pages" } as const;
  const isRejected = random() < 0.01;
  return {
    delivery: recorded("cluster", "tekton", event, {
      receivedAt,
      at,
      body: { pipelineRun: { metadata: { name: run } } },
    }),
    fired: isWritten
      ? [
          isRejected
            ? { ...status, ending: "given_up", summary: FAILURES[2] }
            : { ...status, ending: "ran", summary: "wrote the status onto page 98310" },
        ]
      : [],
  };
}

/** What became of a trigger. In the storm most fail. */
function tekton(route: string, target: string, { random, isStorm, at }: Mood): Fired {
  const about = { route, action: "tekton", target };
  const chance = random();
  if (isStorm && chance < 0.7) return { ...about, ending: "given_up", summary: FAILURES[3] };
  if (isStorm && chance < 0.85) return { ...about, ending: "retrying", summary: FAILURES[3] };
  if (at < 12 && chance < 0.5) return { ...about, ending: "expecting_run", summary: "" };
  if (chance < 0.012) return { ...about, ending: "given_up", summary: pick(FAILURES.slice(0, 2), random) };
  if (chance < 0.02) return { ...about, ending: "accepted_without_run", summary: "no run was reported in 20 min" };
  return { ...about, ending: "ran", summary: "accepted by the listener" };
}

function gated(route: string, mood: Mood): Fired {
  const isOpen = mood.at < 400 && mood.random() < 0.2;
  return isOpen
    ? {
        route,
        action: "tekton",
        target: "prod-listener",
        ending: "waiting",
        summary: "needs approval by release-manager",
      }
    : tekton(route, "listener", mood);
}

interface Receipt {
  readonly receivedAt: EpochMillis;
  readonly at: number;
  readonly body: object;
}

const METHODS: Readonly<Record<string, string>> = {
  gitlab: "standard-webhooks",
  wiki: "hub-signature",
  cluster: "basic",
};

function recorded(
  source: string,
  provider: string,
  event: BridgeEvent,
  { receivedAt, at, body }: Receipt,
): RecordedDelivery {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return {
    ...headOf(source, provider, { receivedAt, at }),
    principal: sourcePrincipal(source, METHODS[source] ?? "", "current"),
    bodyDigest: sha256Hex(bytes),
    bodyBytes: bytes.length,
    body: bytes,
    outcome: "event",
    what: event.type,
    subject: event.subject,
    events: [event],
  };
}

const headOf = (source: string, provider: string, { receivedAt, at }: Omit<Receipt, "body">) => ({
  id: deliveryIdOf(source, ["busy day", String(at)]),
  source,
  provider,
  receivedAt,
  requestId: `7d1f1c58-0000-4000-8000-${String(at).padStart(12, "0")}`,
});

const job = (project: string): Principal => ({
  issuer: "https://gitlab.example.test",
  subject: `project_path:${project}:ref_type:branch:ref:main`,
  method: "oidc",
  credential: "key-2026-11",
  trustEntry: "gitlab-jobs",
  roles: ["ci"],
  claims: { project_path: project },
});

const refused = (receivedAt: EpochMillis, at: number, random: () => number): RecordedDelivery => ({
  ...headOf("status", "status", { receivedAt, at }),
  principal: job(pick(PROJECTS, random)),
  bodyDigest: sha256Hex(""),
  bodyBytes: 0,
  outcome: "refused",
  what: "audience_mismatch",
  refusal: { reason: "audience_mismatch", expected: "https://bridge.example.test" },
});

const unwanted = (receivedAt: EpochMillis, at: number, isUnusable: boolean): RecordedDelivery => ({
  ...headOf("wiki", "confluence", { receivedAt, at }),
  principal: sourcePrincipal("wiki", "hub-signature", "current"),
  bodyDigest: sha256Hex(""),
  bodyBytes: 2,
  outcome: isUnusable ? "unusable" : "ignored",
  what: isUnusable ? "page.id is missing" : "space_updated",
});

/** 02:10 (UTC) of the last night that has one. */
function stormBefore(now: EpochMillis): number {
  const today = Math.floor(now / DAY_MS) * DAY_MS + 2 * HOUR_MS + 600_000;
  return today + STORM_MS < now ? today : today - DAY_MS;
}

const pick = <T>(from: readonly T[], random: () => number): T =>
  // Its index is below the length of the list.
  from[Math.floor(random() * from.length)] as T;

function groupsOf<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
}

/** The same numbers for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

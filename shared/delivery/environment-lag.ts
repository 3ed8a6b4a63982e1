import { busEventsOf } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RouteRun, RunStore } from "../store/runs.ts";
import { newestGood } from "./judge-promotion.ts";
import { referenceIn } from "./promotion.ts";

/** How far an environment is behind, or ahead of, the one from which runs are promoted into it. */
export interface EnvironmentLag {
  readonly from: string;
  readonly to: string;
  /** A sentence without its full stop. */
  readonly text: string;
  /** The commits that it does not have; undefined if their number does not follow from recorded pushes. */
  readonly commits?: number;
  /** `from` has something that `to` does not have, as far as is known. */
  readonly isBehind: boolean;
  /** The deliveries that fired the two good runs. `to` may have none. */
  readonly good: string;
  readonly replaced?: string;
}

interface LagDeps {
  readonly deliveries: Pick<DeliveryStore, "get">;
  readonly runs: Pick<RunStore, "of">;
}

/** Compares what the last good runs of a route left in two environments; undefined if `from` has none. */
export async function lagBetween(
  { route, from, to }: { readonly route: string; readonly from: string; readonly to: string },
  deps: LagDeps,
): Promise<EnvironmentLag | undefined> {
  const runs = await deps.runs.of(route);
  const [good, replaced] = [newestGood(runs, from), newestGood(runs, to)];
  if (good === undefined) return undefined;
  const lag = (text: string, { isBehind, commits }: Pick<EnvironmentLag, "isBehind" | "commits">): EnvironmentLag => ({
    from,
    to,
    text,
    isBehind,
    ...(commits !== undefined && { commits }),
    good: good.delivery,
    ...(replaced && { replaced: replaced.delivery }),
  });
  const source = await deps.deliveries.get(good.delivery);
  const reference = source && referenceIn(source);
  const target = replaced && (await deps.deliveries.get(replaced.delivery));
  const there = target && referenceIn(target);
  const has = `${from} has ${short(reference)}`;
  if (replaced === undefined) return lag(`${to} has no good run yet, ${has}`, { isBehind: true });
  if (reference !== undefined && reference === there && good.end?.digest === replaced.end?.digest)
    return lag(`${to} has what ${from} has: ${short(reference)}`, { isBehind: false, commits: 0 });
  const commits = source && there ? await commitsBetween(source, there, runs, deps) : undefined;
  if (commits !== undefined) return lag(`${to} is ${counted(commits)} behind ${from}`, { isBehind: true, commits });
  const back = target && reference ? await commitsBetween(target, reference, runs, deps) : undefined;
  if (back !== undefined) return lag(`${to} is ${counted(back)} ahead of ${from}`, { isBehind: false });
  // Which of the two is newer is not known: after a rollback, or a run of `to` alone, `from` has the older one.
  return lag(`${to} does not match ${from}: ${has}, ${to} ${short(there)}`, { isBehind: true });
}

const counted = (commits: number): string => `${commits} ${commits === 1 ? "commit" : "commits"}`;

/** Seven digits of a commit, as Git shows it; a version of a page as it is. */
const short = (reference: string | undefined): string => reference?.slice(0, 7) ?? "something unknown";

/** Pushes that are followed back. */
const MAX_PUSHES = 20;

interface Push {
  readonly commit: string;
  readonly before: string;
  readonly commits: number;
  readonly isProtected: boolean;
}

/**
 * The number of commits from `base` to the commit of `newest`, as the pushes in between report it; undefined if they do not
 * reach back to `base`. One push alone reports exactly that number. Of several pushes only those to a protected branch are
 * added, because no event says that commits of an earlier push were removed again.
 */
async function commitsBetween(
  newest: RecordedDelivery,
  base: string,
  runs: readonly RouteRun[],
  { deliveries }: LagDeps,
): Promise<number | undefined> {
  let push = pushOf(newest);
  const isProtected = push?.isProtected ?? false;
  const recorded: Push[] = [];
  for (let count = 0, hops = 1; push !== undefined && push.commits > 0 && hops <= MAX_PUSHES; hops++) {
    count += push.commits;
    const { before } = push;
    if (before === base) return count;
    if (!isProtected) return undefined;
    if (recorded.length === 0) {
      const fired = await Promise.all(runs.slice(0, MAX_RUNS).map((run) => deliveries.get(run.delivery)));
      recorded.push(...fired.flatMap((one) => (one ? (pushOf(one) ?? []) : [])));
    }
    push = recorded.find((one) => one.commit === before && one.isProtected);
  }
  return undefined;
}

/** Newest runs whose pushes are read. */
const MAX_RUNS = 40;

function pushOf(delivery: RecordedDelivery): Push | undefined {
  const [event] = busEventsOf(delivery);
  if (event === undefined || !("code" in event.detail)) return undefined;
  const { commit, before, commitCount, change, protected: isProtected = false } = event.detail.code;
  if (change !== "updated" || commit === undefined || before === undefined) return undefined;
  return { commit, before, commits: commitCount, isProtected };
}

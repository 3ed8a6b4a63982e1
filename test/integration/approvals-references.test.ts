import { afterEach, describe, expect, it } from "vitest";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import { holder } from "../support/gated-bridge.ts";
import {
  changeEvent,
  codeEvent,
  deploymentEvent,
  type EventPart,
  gatedRepository,
  releaseEvent,
} from "../support/gated-repository.ts";

const DONE: ActionOutcome = { outcome: "done", summary: "accepted by the listener" };
const RETRY: ActionOutcome = { outcome: "retry", summary: "no connection" };
const A = "a".repeat(40);
const B = "b".repeat(40);
const TAG = "refs/tags/v9";
const MAIN = "refs/heads/main";

let bridge: Awaited<ReturnType<typeof gatedRepository>>;
afterEach(() => bridge.stop());

/** Starts a bridge whose route takes events of this type, and sends the first. */
async function waiting(first: EventPart, { isVerified = false, outcomes = [DONE] } = {}) {
  bridge = await gatedRepository(outcomes, {
    isVerified,
    matches: (busEvent) => busEvent["detail-type"] === first.type,
  });
  bridge.repository.tags.set("v9", A);
  bridge.repository.branches.set("main", A);
  bridge.repository.mergeRequests.set(7, { state: "opened", sha: A, approvedBy: 1 });
  bridge.repository.releases.add("v9");
  bridge.repository.deployments.push({ environment: "production", sha: A });
  const delivery = await bridge.send(first);
  await bridge.runDue();
  bridge.clock.advance(1_000);
  return delivery;
}

const sendAll = async (parts: readonly EventPart[]) => {
  for (const part of parts) await bridge.send(part);
};

const tagged = codeEvent("code.tagged", TAG, A);
const pushed = codeEvent("code.pushed", MAIN, A);
const approved = changeEvent("change.approved", A);
const released = releaseEvent("release.published", A);
/** GitHub reports no commit with a release of a branch. */
const UNNAMED = releaseEvent("release.published");
const deployed = deploymentEvent("deployment.succeeded", "1", A);

describe("an approval is bound to what its event reported", () => {
  it.each<readonly [string, EventPart, readonly EventPart[]]>([
    ["a tag that was moved", tagged, [codeEvent("code.tagged", TAG, B)]],
    ["a tag that was deleted", tagged, [codeEvent("code.deleted", TAG)]],
    ["a tag that was moved and moved back", tagged, [codeEvent("code.tagged", TAG, B), tagged]],
    ["a tag that was deleted and created again", tagged, [codeEvent("code.deleted", TAG), tagged]],
    ["a branch that was pushed to", pushed, [codeEvent("code.pushed", MAIN, B)]],
    ["a branch that was reset to its commit after a push", pushed, [codeEvent("code.pushed", MAIN, B), pushed]],
    ["a branch that was deleted, as a rename does", pushed, [codeEvent("code.deleted", MAIN)]],
    ["a merge request with a new commit", approved, [changeEvent("change.updated", B)]],
    ["a merge request whose commit another event shows", approved, [changeEvent("change.commented", B)]],
    ["a merge request whose new state names no commit", approved, [changeEvent("change.updated")]],
    ["a merge request whose approval was revoked", approved, [changeEvent("change.unapproved", A)]],
    [
      "a merge request whose approval was revoked and given again",
      approved,
      [changeEvent("change.unapproved", A), approved],
    ],
    ["a merge request that was merged", approved, [changeEvent("change.merged", A)]],
    ["a merge request that was closed", approved, [changeEvent("change.closed", A)]],
    ["a release that was deleted", released, [releaseEvent("release.deleted", A)]],
    ["a release of another commit", released, [releaseEvent("release.published", B)]],
    ["a release whose tag was moved", released, [codeEvent("code.tagged", TAG, B)]],
    ["a release whose tag was deleted", released, [codeEvent("code.deleted", TAG)]],
    ["a release without a commit whose tag was moved", UNNAMED, [tagged, codeEvent("code.tagged", TAG, B)]],
    ["an environment with another commit", deployed, [deploymentEvent("deployment.running", "2", B)]],
  ])("an approval is void for %s, before and after it was granted", async (_, first, later) => {
    for (const isGranted of [false, true]) {
      const delivery = await waiting(first);
      if (isGranted) expect(await bridge.decide(delivery, "grant", holder("max"))).toMatchObject({ ok: true });
      await sendAll(later);
      if (!isGranted) {
        const late = await bridge.decide(delivery, "grant", holder("max"));
        expect(late).toMatchObject({ rejection: { reason: "approval_outdated" } });
      }
      await bridge.later();
      expect(await bridge.approvalOf(delivery)).toMatchObject({ state: "superseded" });
      expect(bridge.fired).toEqual([]);
      if (!isGranted) await bridge.stop();
    }
  });

  it.each<readonly [string, EventPart, readonly EventPart[]]>([
    ["a tag that a second webhook reports", tagged, [tagged]],
    ["another tag", tagged, [codeEvent("code.tagged", "refs/tags/v8", B), codeEvent("code.deleted", "refs/tags/v8")]],
    ["a branch with the name of the tag", tagged, [codeEvent("code.pushed", "refs/heads/v9", B)]],
    [
      "a new title of a merge request",
      approved,
      [changeEvent("change.updated", A), changeEvent("change.commented", A)],
    ],
    ["the tag of a release, reported after it", released, [tagged]],
    ["the new tag of a release without a commit", UNNAMED, [tagged]],
    ["another state of a deployment", deployed, [deploymentEvent("deployment.succeeded", "1", A)]],
    ["a deployment to another environment", deployed, [deploymentEvent("deployment.running", "2", B, "staging")]],
  ])("an approval stays valid after an event about %s, and the run gets the commit", async (_, first, later) => {
    const delivery = await waiting(first);
    await sendAll(later);
    expect(await bridge.decide(delivery, "grant", holder("max"))).toMatchObject({ ok: true });
    await bridge.runDue();
    const [fired] = bridge.fired.filter(({ busEvent }) => busEvent.detail.delivery === delivery.id);
    expect(fired?.approvedRef).toBe(first === UNNAMED ? undefined : A);
  });

  it("a retry fires nothing if what was approved has changed since the first attempt", async () => {
    const delivery = await waiting(tagged, { outcomes: [RETRY, DONE] });
    await bridge.decide(delivery, "grant", holder("max"));
    await bridge.runDue();
    await sendAll([codeEvent("code.tagged", TAG, B)]);
    await bridge.later();
    expect(bridge.fired).toHaveLength(1);
    const attempts = await bridge.attempts(delivery.id);
    expect(attempts.at(-1)).toMatchObject({ outcome: "done", summary: expect.stringContaining("not fired again") });
  });
});

describe("an approval whose route names a target to ask", () => {
  const SILENT: readonly (readonly [string, EventPart, () => void])[] = [
    ["a tag moves", tagged, () => bridge.repository.tags.set("v9", B)],
    ["a tag is deleted", tagged, () => bridge.repository.tags.delete("v9")],
    ["a branch moves", pushed, () => bridge.repository.branches.set("main", B)],
    ["a branch is deleted", pushed, () => bridge.repository.branches.delete("main")],
    [
      "a commit is added",
      approved,
      () => bridge.repository.mergeRequests.set(7, { state: "opened", sha: B, approvedBy: 1 }),
    ],
    ["an approval is revoked", approved, () => bridge.repository.mergeRequests.set(7, { state: "opened", sha: A })],
    ["a release is deleted", released, () => bridge.repository.releases.delete("v9")],
    [
      "another commit is deployed",
      deployed,
      () => bridge.repository.deployments.push({ environment: "production", sha: B }),
    ],
  ];

  it.each(SILENT)(
    "although GitLab sends nothing when %s, nothing is granted and nothing fires",
    async (_, first, change) => {
      const early = await waiting(first, { isVerified: true });
      change();
      expect(await bridge.decide(early, "grant", holder("max"))).toMatchObject({
        rejection: { reason: "approval_outdated" },
      });
      await bridge.stop();
      const delivery = await waiting(first, { isVerified: true });
      expect(await bridge.decide(delivery, "grant", holder("max"))).toMatchObject({
        ok: true,
        value: { decision: { verifiedWith: "code" } },
      });
      change();
      await bridge.later();
      expect(bridge.fired).toEqual([]);
      expect((await bridge.steps(delivery)).map(({ state }) => state)).toEqual(["requested", "granted", "superseded"]);
    },
  );

  it("a grant is refused while the site does not answer, and the same request succeeds later", async () => {
    const delivery = await waiting(tagged, { isVerified: true });
    bridge.reach(false);
    expect(await bridge.decide(delivery, "grant", holder("max"))).toMatchObject({
      rejection: { reason: "reference_unverified", problem: "no connection" },
    });
    expect(await bridge.approvalOf(delivery)).toMatchObject({ state: "requested" });
    bridge.reach(true);
    expect(await bridge.decide(delivery, "grant", holder("max"))).toMatchObject({ ok: true });
    expect((await bridge.steps(delivery)).at(-1)).toMatchObject({ state: "granted", verifiedWith: "code" });
  });

  it("a granted run is retried while the site does not answer, and fires afterwards", async () => {
    const delivery = await waiting(tagged, { isVerified: true });
    await bridge.decide(delivery, "grant", holder("max"));
    bridge.reach(false);
    await bridge.runDue();
    await bridge.later();
    expect(bridge.fired).toEqual([]);
    const attempts = await bridge.attempts(delivery.id);
    expect(attempts).toMatchObject([{ outcome: "retry" }, { outcome: "retry" }]);
    expect(attempts[0]?.summary).toContain("could not be verified (no connection)");
    bridge.reach(true);
    await bridge.later();
    expect(bridge.fired).toMatchObject([{ approvedRef: A }]);
  });

  it("a retry asks again, and fires nothing while the site does not answer or has another commit", async () => {
    const delivery = await waiting(tagged, { isVerified: true, outcomes: [RETRY, DONE] });
    await bridge.decide(delivery, "grant", holder("max"));
    await bridge.runDue();
    bridge.reach(false);
    await bridge.later();
    bridge.reach(true);
    bridge.repository.tags.set("v9", B);
    await bridge.later();
    expect(bridge.fired).toHaveLength(1);
    expect((await bridge.attempts(delivery.id)).at(-1)).toMatchObject({ outcome: "done" });
  });

  it("a label that finds a site which does not answer waits for it once, however many runs it would grant", async () => {
    const first = await waiting(tagged, { isVerified: true });
    const { id: _, state: __, ...approval } = await bridge.approvalOf(first);
    const page = { site: "https://wiki.example.test", id: "98310" };
    for (const n of [1, 2, 3]) await bridge.approvals.request({ ...approval, id: `p-${n}`, page });
    bridge.clock.advance(60_000);
    bridge.reach(false);
    const labeled = await bridge.label("drawbridge-approve", "max");
    expect(await bridge.decided(labeled)).toMatchObject([{ refusal: { reason: "reference_unverified" } }]);
    bridge.reach(true);
    const again = await bridge.label("drawbridge-approve", "max");
    expect((await bridge.decided(again)).map(({ refusal }) => refusal)).toEqual([undefined, undefined, undefined]);
  });

  it("a grant is refused if the approval expires while the site answers", async () => {
    const delivery = await waiting(tagged, { isVerified: true });
    const { until } = await bridge.approvalOf(delivery);
    bridge.clock.advance(until - bridge.clock.now() - 1);
    bridge.slowDown(5_000);
    expect(await bridge.decide(delivery, "grant", holder("max"))).toMatchObject({
      rejection: { reason: "approval_closed", state: "expired" },
    });
  });

  it("a denial and a withdrawal need no answer of the site", async () => {
    const delivery = await waiting(tagged, { isVerified: true });
    bridge.reach(false);
    expect(await bridge.decide(delivery, "deny", holder("max"))).toMatchObject({ ok: true });
  });

  it("a replay is bound to the present state of the site, and its run gets the commit that is replayed", async () => {
    const first = await waiting(pushed, { isVerified: true });
    bridge.repository.branches.set("main", B);
    const again = await bridge.replay(first, holder("mia", ["manager", "on-call"]));
    await bridge.runDue();
    expect(await bridge.decide(again, "grant", holder("max"))).toMatchObject({ ok: true });
    await bridge.runDue();
    expect(bridge.fired).toMatchObject([{ approvedRef: A, busEvent: { detail: { delivery: again.id } } }]);
  });

  it("a replay of what is gone asks for no approval", async () => {
    const first = await waiting(tagged, { isVerified: true });
    bridge.repository.tags.delete("v9");
    const again = await bridge.replay(first, holder("mia", ["manager", "on-call"]));
    await bridge.runDue();
    await expect(bridge.approvalOf(again)).rejects.toThrow("nothing was requested");
    expect((await bridge.attempts(again.id)).at(-1)).toMatchObject({
      outcome: "done",
      summary: expect.stringContaining("nothing to approve"),
    });
  });

  it("an event that the target cannot be asked about is never granted", async () => {
    const delivery = await waiting({ type: "agent.lost", agent: { system: "gitlab", id: "1" } }, { isVerified: true });
    expect(await bridge.decide(delivery, "grant", holder("max"))).toMatchObject({
      rejection: { reason: "reference_unverified" },
    });
  });
});

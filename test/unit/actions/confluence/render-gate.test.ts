import { describe, expect, it } from "vitest";
import type { DecisionWays } from "../../../../shared/actions/action.ts";
import { rowOf } from "../../../../shared/actions/confluence/board-row.ts";
import { renderGate } from "../../../../shared/actions/confluence/render-gate.ts";
import { renderRow } from "../../../../shared/actions/confluence/render-region.ts";
import { commandOfText } from "../../../../shared/approvals/command.ts";
import type { GatePart } from "../../../../shared/model/event.ts";
import { approvalIdOf } from "../../../../shared/model/idempotency-keys.ts";
import { entryOf } from "../../../support/sandbox-confluence-action.ts";

const GATE = { approvers: ["manager", "lead"], until: "2026-11-02T10:00:00.000Z" };

const gateEvent = (state: GatePart["state"], by?: string, subject = "docs-build of 98310") =>
  entryOf("d-gate", {
    type: state === "requested" ? "approval.requested" : "approval.granted",
    time: "2026-11-02T09:05:00.000Z",
    subject,
    approval: {
      system: "drawbridge",
      build: "p-1",
      pipeline: "docs-build",
      gate: { ...GATE, state, requestedAt: "2026-11-02T09:00:00.000Z", ...(by !== undefined && { by }) },
    },
  });
const edit = entryOf("d-edit", {
  type: "page.updated",
  time: "2026-11-02T08:58:00.000Z",
  subject: "98310",
  page: { site: "https://wiki.example.test", id: "98310" },
});

describe("an approval on a page", () => {
  it.each([
    ["requested", "WAITING", "waiting"],
    ["granted", "APPROVED", "succeeded"],
    ["denied", "DENIED", "failed"],
    ["withdrawn", "WITHDRAWN", "cancelled"],
    ["expired", "EXPIRED", "timed_out"],
    ["superseded", "SUPERSEDED", "cancelled"],
    ["void", "VOID", "failed"],
  ] as const)("an approval that is %s is a row of its route that says %s", (state, title, ranked) => {
    const row = rowOf({ busEvent: gateEvent(state), origin: edit, originProof: "proved" });
    expect(row).toMatchObject({
      key: "/sources/example drawbridge docs-build of 98310",
      build: { state: ranked, gate: { state } },
    });
    expect(row && renderRow(row)).toContain(`<ac:parameter ac:name="title">${title}</ac:parameter>`);
  });

  it("an approval that several people have to grant says who has, who is missing, and that a grant needs a reason", () => {
    const progress = { needed: 2, grantedBy: ["kim of wiki"], missingRoles: ["lead"] };
    const gate = { ...GATE, state: "requested", labels: true, needsReason: true, progress } as const;
    const shown = renderGate({ id: "p-1" }, gate, { comments: true, console: undefined });
    expect(shown).toContain("1 of 2 approved: kim of wiki; missing: 1 (from lead)");
    expect(shown).toContain("comment drawbridge approve p-1 because and your reason, or drawbridge deny p-1");
    expect(shown).not.toContain("drawbridge-approve");
  });

  it("an approval that is void says who left which group, and how to ask for another one", () => {
    const endedFor = "kim of wiki is no longer in platform-releases, as pages said at 2026-11-02T09:00:00.000Z";
    const gate = { ...GATE, state: "void", labels: false, endedFor } as const;
    const shown = renderGate({ id: "p-1" }, gate, { comments: true, console: undefined });
    expect(shown).toContain(`${endedFor}. Run it again to ask for another approval.`);
    expect(shown).not.toContain("drawbridge approve");
  });

  it("an approval that was granted in an emergency says who did it, and why", () => {
    const gate = { ...GATE, state: "granted", labels: false, by: "kim of wiki", comment: "shop down" } as const;
    const shown = (emergency?: true) =>
      renderGate({ id: "p-1" }, { ...gate, ...(emergency && { emergency }) }, { comments: true, console: undefined });
    expect(shown(true)).toBe("<br />emergency, granted by kim of wiki<br />“shop down”");
    expect(shown()).toBe("<br />by kim of wiki<br />“shop down”");
  });

  it("each approval has its own row: two merge requests on one page do not hide each other", () => {
    const rows = ["docs-build of platform/docs!7", "docs-build of platform/docs!8"].map((subject) =>
      rowOf({ busEvent: gateEvent("requested", undefined, subject), origin: edit, originProof: "proved" }),
    );
    expect(new Set(rows.map((row) => row?.key)).size).toBe(2);
    expect(rows.map((row) => row && renderRow(row)).join()).toContain("docs-build of platform/docs!8 (drawbridge)");
  });

  it("an approval has a row for each branch that was pushed to", () => {
    const pushed = (ref: string) =>
      entryOf("d-push", {
        type: "code.pushed",
        time: "2026-11-02T08:58:00.000Z",
        subject: "platform/docs",
        code: {
          project: "platform/docs",
          ref: `refs/${ref}`,
          name: ref.split("/")[1] ?? "",
          change: "updated",
          commits: [],
          commitCount: 0,
        },
      });
    const busEvent = gateEvent("requested", undefined, "docs-build of platform/docs");
    expect(
      ["heads/main", "heads/next", "tags/main"].map(
        (ref) => rowOf({ busEvent, origin: pushed(ref), originProof: "proved" })?.key,
      ),
    ).toEqual([
      "/sources/example drawbridge docs-build of platform/docs on main",
      "/sources/example drawbridge docs-build of platform/docs on next",
      "/sources/example drawbridge docs-build of platform/docs tag main",
    ]);
  });

  it("the approval of a change request from a fork says so", () => {
    const subject = "docs-build of platform/docs!37";
    const change = { project: "platform/docs", id: "37", number: 37, sourceBranch: "main", fork: true };
    const origin = entryOf("d-change", { type: "change.opened", time: edit.time, subject: "platform/docs!37", change });
    const row = rowOf({ busEvent: gateEvent("requested", undefined, subject), origin, originProof: "proved" });
    expect(row?.key).toBe(`/sources/example drawbridge ${subject}`);
    expect(row && renderRow(row)).toContain("<td>change 37, fork</td>");
  });

  it("the row says who may decide until when, and names every way that works, labels only if the page itself waits", () => {
    const shown = (labels: boolean, ways: DecisionWays) =>
      renderGate({ id: "p-1" }, { ...GATE, state: "requested", labels }, ways).replace(/<\/?small>/g, "");
    const head = "<br />approval by manager or lead until 2026-11-02 10:00 UTC<br />";
    const card = "https://bridge.example.test/console/approvals";
    const link = `<a href="${card}#p-1">decide in the console</a>`;
    const comment = "comment drawbridge approve p-1 or drawbridge deny p-1";
    expect(shown(true, { comments: true, console: card })).toBe(
      `${head}${comment}, or label drawbridge-approve or drawbridge-deny, or ${link}`,
    );
    expect(shown(false, { comments: true, console: card })).toBe(`${head}${comment}, or ${link}`);
    expect(shown(false, { comments: true })).toBe(`${head}${comment}`);
    expect(shown(true, { comments: false })).toBe(`${head}label drawbridge-approve or drawbridge-deny`);
    expect(shown(false, { comments: false })).toBe(`${head}drawbridge approvals grant p-1`);
  });

  it("the comments that the row names are the commands that the bridge executes", () => {
    const id = approvalIdOf("docs", "e-1");
    const text = renderGate({ id }, { ...GATE, state: "requested", labels: true }, { comments: true });
    const [, grant = "", deny = ""] = /comment (.+?) or (.+?), or /.exec(text) ?? [];
    expect(commandOfText(grant)).toEqual({ decision: "grant", approval: id });
    expect(commandOfText(deny)).toEqual({ decision: "deny", approval: id });
  });

  it("the row of what another event than a page's caused names no label", () => {
    expect(
      rowOf({ busEvent: gateEvent("requested"), origin: gateEvent("requested"), originProof: "proved" })?.build.gate
        ?.labels,
    ).toBe(false);
  });

  it("the row says who decided as text and never as markup", () => {
    const row = rowOf({
      busEvent: gateEvent("granted", "<b>max</b> of https://idp.example.test"),
      origin: edit,
      originProof: "proved",
    });
    expect(row && renderRow(row)).toContain("by &lt;b&gt;max&lt;/b&gt; of https://idp.example.test");
  });

  it("the row says what the person wrote about the decision, in one line and as text", () => {
    const gate = {
      ...GATE,
      state: "denied",
      by: "kim of wiki",
      comment: "Not <today>:\nfreeze.",
      labels: false,
    } as const;
    expect(renderGate({ id: "p-1" }, gate, { comments: true })).toBe(
      "<br />by kim of wiki<br />“Not &lt;today&gt;: freeze.”",
    );
  });

  it("an approval of another system has no row", () => {
    const approval = { system: "buildkite", build: "b-1", pipeline: "docs" };
    const other = entryOf("d-other", { type: "approval.granted", time: edit.time, subject: "docs", approval });
    expect(rowOf({ busEvent: other, origin: other, originProof: "proved" })).toBeUndefined();
  });
});

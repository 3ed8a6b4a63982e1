import { describe, expect, it } from "vitest";
import { shownParams, shownRunOf } from "../../../shared/approvals/shown-run.ts";
import type { Identity } from "../../../shared/model/approval.ts";
import { entryOf } from "../../support/sandbox-confluence-action.ts";

const ines: Identity = {
  issuer: "drawbridge:source",
  subject: "gitlab",
  method: "token",
  credential: "current",
  roles: [],
  actor: "58",
};
const asked = (requester: Identity, authors: readonly Identity[] = []) => ({ requester, authors });
const BASE = "https://gitlab.example.test/platform/docs/-/";
const [OLD, NEW] = ["a".repeat(40), "c4a1e7d2".padEnd(40, "0")];

const pushed = (changes: object = {}) =>
  entryOf("d-push", {
    type: "code.pushed",
    time: "2026-11-02T09:00:00.000Z",
    subject: "platform/docs",
    actor: { id: "58", name: "Ines Okafor" },
    code: {
      project: "platform/docs",
      ref: "refs/heads/main",
      name: "main",
      change: "updated",
      before: OLD,
      commit: NEW,
      commits: Array.from({ length: 7 }, (_, at) => ({
        id: at === 6 ? NEW : String(at).repeat(40),
        message: `Commit ${at}\n\nIts reasons.`,
        url: `${BASE}commit/${at === 6 ? NEW : String(at).repeat(40)}`,
        author: "Ines Okafor",
      })),
      commitCount: 9,
      ...changes,
    },
  });

describe("what an approval shows of the run", () => {
  it("of a push it shows the five newest commits, newest first, their number, the difference, and the requester's name", () => {
    const shown = shownRunOf(pushed(), asked(ines));
    expect(shown).toMatchObject({
      requesterName: "Ines Okafor",
      commitCount: 9,
      diffUrl: `${BASE}compare/${OLD}...${NEW}`,
    });
    expect(shown.commits?.map(({ title }) => title)).toEqual([6, 5, 4, 3, 2].map((at) => `Commit ${at}`));
    expect(shown.commits?.[0]).toEqual({
      id: NEW,
      title: "Commit 6",
      url: `${BASE}commit/${NEW}`,
      author: "Ines Okafor",
    });
  });

  it.each([
    ["a new branch", { before: "0".repeat(40) }],
    ["a push without a state before", { before: undefined }],
    [
      "a commit at an address of another form",
      { commits: [{ id: NEW, message: "x", url: `https://git.test/${NEW}` }] },
    ],
    ["a push without commits", { commits: [] }],
  ])("there is no difference for %s", (_, changes) => {
    expect(shownRunOf(pushed(changes), asked(ines)).diffUrl).toBeUndefined();
  });

  it("another person than the one that the event names, such as who replayed it, does not get that name", () => {
    expect(shownRunOf(pushed(), asked({ ...ines, actor: "59" })).requesterName).toBeUndefined();
  });

  it("the author of what somebody replayed has the name that the event gives, and nobody else has it", () => {
    const { actor: _, ...olga } = { ...ines, subject: "olga", trustEntry: "people" };
    expect(shownRunOf(pushed(), asked(olga, [ines])).accountNames).toEqual({ 58: "Ines Okafor" });
    expect(shownRunOf(pushed(), asked(olga, [ines])).requesterName).toBeUndefined();
    expect(shownRunOf(pushed(), asked(olga, [{ ...ines, actor: "59" }])).accountNames).toBeUndefined();
  });

  it("of a page and of a change it shows title, address and author", () => {
    const time = "2026-11-02T09:00:00.000Z";
    const page = {
      site: "https://wiki.example.test",
      id: "7",
      title: "Release 4",
      url: "https://wiki.example.test/x/7",
    };
    expect(shownRunOf(entryOf("d-1", { type: "page.updated", time, subject: "7", page }), asked(ines))).toEqual({
      title: "Release 4",
      url: page.url,
    });
    const shownOf = (part: object) =>
      shownRunOf(entryOf("d-1", { type: "page.updated", time, subject: "7", page: { ...page, ...part } }), asked(ines));
    expect(shownOf({ version: 4 }).diffUrl).toBe(
      "https://wiki.example.test/pages/diffpagesbyversion.action?pageId=7&selectedPageVersions=3&selectedPageVersions=4",
    );
    expect(shownOf({ version: 1 }).diffUrl).toBeUndefined();
    expect(shownOf({ version: 4, kind: "live_doc" }).diffUrl).toBeUndefined();
    const change = {
      project: "p",
      id: "3",
      number: 3,
      title: "Add a page",
      url: `${BASE}merge_requests/3`,
      author: "ines",
    };
    expect(shownRunOf(entryOf("d-2", { type: "change.opened", time, subject: "p!3", change }), asked(ines))).toEqual({
      title: "Add a page",
      url: change.url,
      author: "ines",
    });
  });

  it("long texts are cut and long addresses are left out", () => {
    const commits = [{ id: NEW, message: "m".repeat(4_000), url: `https://git.test/${"u".repeat(900)}` }];
    const shown = shownRunOf(pushed({ commits }), asked(ines));
    expect(shown.commits?.[0]?.title.length).toBeLessThanOrEqual(120);
    expect(shown.commits?.[0]?.url).toBeUndefined();
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`p${at}`, "v".repeat(500)]));
    const params = shownParams(many);
    expect(Object.keys(params)).toHaveLength(20);
    expect(params["p0"]?.length).toBeLessThanOrEqual(120);
  });
});

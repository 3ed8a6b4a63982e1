import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { adfFormat } from "../../../../shared/actions/confluence/adf-document.ts";
import { divideContent, STATUS_SHAPES } from "../../../../shared/actions/confluence/own-content.ts";
import { regionContent, spliceRegion } from "../../../../shared/actions/confluence/region.ts";
import {
  MAX_REGION_BYTES,
  MAX_URGENT_BYTES,
  renderRegion,
} from "../../../../shared/actions/confluence/render-region.ts";
import { contentMarkOf } from "../../../../shared/actions/confluence/same-content.ts";
import { readElements } from "../../../../shared/actions/confluence/storage-elements.ts";
import type { BoardRow, ShownBuild } from "../../../../shared/model/board.ts";
import type { BuildState } from "../../../../shared/model/event.ts";
import { adfAsSavedByEditor, adfAsStored } from "../../../support/sandbox-confluence-adf.ts";
import { asSavedByEditor, asStored, parseStorage } from "../../../support/sandbox-confluence-markup.ts";

const row = (changes: Partial<ShownBuild> = {}, ended?: Partial<ShownBuild>): BoardRow => {
  const build: ShownBuild = { system: "tekton", id: "run-1", pipeline: "ci/docs", state: "succeeded", ...changes };
  return {
    key: `${build.system} ${build.pipeline}`,
    build,
    delivery: "d-1",
    ...(ended && { ended: { ...build, ...ended } }),
  };
};

/** What the bridge takes for a person's in the content of a region. */
async function personsIn(content: string): Promise<string> {
  const elements = await readElements(content);
  if ("malformed" in elements) throw new Error(elements.malformed);
  const top = elements.filter(({ parent }) => !parent);
  return divideContent(content, { start: 0, end: content.length, elements: top, shapes: STATUS_SHAPES }).persons;
}

/** The content as the bridge reads it from a page of the new editor, where it was written and perhaps saved by a person. */
async function fromDocument(content: string, saved = adfAsStored): Promise<string> {
  const of = { region: "drawbridge", page: "1", whenMissing: "append", carrier: "excerpt", section: "single" } as const;
  const splice = await spliceRegion(await adfFormat.read('{"version":1,"type":"doc","content":[]}'), content, of);
  if (splice.kind !== "changed") throw new Error(splice.kind);
  return regionContent(await adfFormat.read(saved(splice.body)), of) ?? "";
}

/** The cells of the first row, without markup. */
const cells = (changes: Partial<ShownBuild>, ended?: Partial<ShownBuild>): readonly string[] => {
  const [, shown = ""] = /<\/th><\/tr><tr>(.*?)<\/tr>/.exec(renderRegion([row(changes, ended)])) ?? [];
  return shown
    .split("</td>")
    .map((cell) => cell.replace(/<(?!a |time)[^>]*>/g, "").replaceAll("\u00A0", " "))
    .slice(0, -1);
};

describe("the region's content", () => {
  test("a row shows what is known of a build", () => {
    expect(
      cells({
        number: 512,
        url: "https://ci.example.test/runs/512?a=1&b=2",
        commit: "6c1f0de2a94b7358c0d1e2f3a4b5c6d7e8f90123",
        title: "Fix the search",
        branch: "main",
        starter: { identity: "wiki", name: "Robin" },
        startedAt: "2026-11-02T08:59:10.000Z",
        finishedAt: "2026-11-02T09:01:15.000Z",
      }),
    ).toEqual([
      "ci/docs (tekton)",
      "GreenPASSED",
      "main",
      '<a href="https://ci.example.test/runs/512?a=1&amp;b=2">#5122 min 5 s',
      "6c1f0de2 Fix the search",
      "“Robin”named by wiki (verified)",
      '<time datetime="2026-11-02" /> 09:01 UTC',
    ]);
  });

  test("the time is when the run entered its state, and not when it started", () => {
    const startedAt = "2026-11-02T10:00:00.000Z";
    const waiting = cells({ state: "waiting", startedAt, reportedAt: "2026-11-02T11:05:00.000Z" });
    expect(waiting.at(-1)).toBe('<time datetime="2026-11-02" /> 11:05 UTC');
  });

  test("a cell shows a dash if its value is unknown", () => {
    expect(cells({})).toEqual(["ci/docs (tekton)", "GreenPASSED", "-", "-", "-", "-", "-"]);
  });

  test.each<[BuildState, string]>([
    ["queued", "GreyQUEUED"],
    ["running", "BlueRUNNING"],
    ["waiting", "YellowWAITING"],
    ["succeeded", "GreenPASSED"],
    ["failed", "RedFAILED"],
    ["cancelled", "GreyCANCELLED"],
    ["timed_out", "RedTIMED OUT"],
    ["skipped", "GreySKIPPED"],
  ])("the state %s is shown in words and in colour", (state, expected) => {
    expect(cells({ state })[1]).toBe(expected);
  });

  test("the row of a run under way also shows how the previous run ended", () => {
    const ended = { state: "failed", number: 1, url: "https://ci.example.test/runs/1" } as const;
    expect(cells({ id: "run-2", state: "running", number: 2 }, ended)[1]).toBe(
      'BlueRUNNINGlast: RedFAILED <a href="https://ci.example.test/runs/1">#1',
    );
  });

  test("a row says in words since when its run is not reported, also beside a result, and no row does so whose run is reported", async () => {
    const lastReport = { at: "2026-11-02T14:02:31.000Z", isOverdue: true, turn: 1 };
    const mark = 'no report since <time datetime="2026-11-02" /> 14:02 UTC';
    expect(cells({ state: "running", lastReport })[1]).toBe(`BlueRUNNING${mark}`);
    expect(cells({ state: "waiting", reason: "Approval", lastReport })[1]).toBe(`YellowWAITINGApproval${mark}`);
    const ended = { state: "failed", number: 1 } as const;
    expect(cells({ state: "running", lastReport }, ended)[1]).toBe(`BlueRUNNING${mark}last: RedFAILED #1`);
    expect(cells({ state: "running", lastReport: { ...lastReport, isOverdue: false, turn: 2 } })[1]).toBe(
      "BlueRUNNING",
    );
    const shown = row({ state: "running", number: 2, reportedAt: "2026-11-02T12:00:00.000Z", lastReport }, ended);
    const content = renderRegion([shown], { onlyChanges: true });
    expect(content).toContain(
      'then #2 RUNNING: <time datetime="2026-11-02" /> 12:00\u00A0UTC<br />no report since <time datetime="2026-11-02" /> 14:02\u00A0UTC</td>',
    );
    for (const saved of [content, asSavedByEditor(asStored(content))]) expect(await personsIn(saved)).toBe("");
    expect(await fromDocument(content)).toContain("no report since");
  });

  test.each([
    ["an identity", { identity: "wiki" }, "wiki (verified)"],
    ["an identity that reports a name", { identity: "wiki", name: "Kim" }, "“Kim”named by wiki (verified)"],
    [
      "an identity whose reported name imitates a proved one",
      { identity: "wiki", name: "”ceo at login.example.com (verified)\u202E" },
      "“ceo at login.example.com verified”named by wiki (verified)",
    ],
    ["an identity whose reported name has no letters", { identity: "wiki", name: "“()”" }, "wiki (verified)"],
    ["an identity that shadow mode let in", { identity: "wiki", unproved: true as const }, "wiki (not verified)"],
    [
      "an identity that only the cluster names",
      { identity: "wiki", claimedBy: "prod-cluster" },
      "wiki (claimed by prod-cluster)",
    ],
    [
      "a person whom only the cluster names",
      { identity: "wiki", name: "Kim", claimedBy: "prod-cluster" },
      "“Kim”named by wiki (claimed by prod-cluster)",
    ],
    [
      "an identity that only an unproved report names",
      { identity: "wiki", claimedBy: "prod-cluster", unproved: true as const },
      "wiki (claimed by prod-cluster)",
    ],
    ["an unknown identity", undefined, "-"],
  ])("the row of a run started by %s says what was proved", (_, starter, expected) => {
    expect(cells(starter ? { starter } : {})[5]).toBe(expected);
  });

  test("a row names the environment instead of the branch if it is known", () => {
    expect(cells({ environment: "production", branch: "main" })[2]).toBe("production");
  });

  test.each<[string, Partial<ShownBuild>, string]>([
    ["a branch", { branch: "main" }, "main"],
    ["a tag", { tag: "v2.0.0" }, "tag v2.0.0"],
    ["a name that may be a tag's", { refName: "main" }, "main, branch or tag"],
    ["a change request of the same project", { change: { id: "37", sourceBranch: "main", fork: false } }, "change 37"],
    ["a change request of a fork", { change: { id: "37", sourceBranch: "main", fork: true } }, "change 37, fork"],
    ["a change request of an unknown project", { change: { id: "37" } }, "change 37"],
    ["a change request without a number", { change: { sourceBranch: "main", fork: true } }, "change from main, fork"],
  ])("the row of a run for %s says so", (_, changes, expected) => {
    expect(cells(changes)[2]).toBe(expected);
  });

  test.each([
    ["2026-11-02T09:00:00.000Z", "2026-11-02T09:00:00.400Z", "0 s"],
    ["2026-11-02T09:00:00.000Z", "2026-11-02T09:01:00.000Z", "1 min 0 s"],
    ["2026-11-02T09:00:00.000Z", "2026-11-03T10:03:59.000Z", "25 h 3 min"],
    ["2026-11-02T09:00:00.000Z", "2026-11-02T08:00:00.000Z", "-"],
  ])("the duration from %s to %s is shown as %s", (startedAt, finishedAt, expected) => {
    expect(cells({ startedAt, finishedAt })[3]).toBe(expected === "-" ? "-" : `-${expected}`);
  });

  test.each([
    ["a number alone", { number: 7 }, "#7"],
    ["an address alone", { url: "https://ci.example.test/" }, '<a href="https://ci.example.test/">open'],
    ["a number and a javascript: address", { url: "javascript:alert(1)", number: 7 }, "#7"],
    ["a relative address", { url: "/runs/7" }, "-"],
    ["an address with user info", { url: "https://bot:hunter2@ci.example.test/", number: 7 }, "#7"],
    ["an address with a token", { url: "https://ci.example.test/?private_token=hunter2" }, "-"],
    ["an address that is too long", { url: `https://ci.example.test/${"a".repeat(600)}` }, "-"],
  ])("a build with %s is shown as $2", (_, changes, expected) => {
    expect(cells(changes)[3]).toBe(expected);
  });

  test("links lead only to the hosts of the target; all others are text without an address", () => {
    const url = (host: string) => `https://${host}/runs/1`;
    const rows = ["ci.example.test", "10.0.4.17:9097", "ci.example.test.evil.test", "[fd00::1]"].map((host, at) =>
      row({ pipeline: host, number: at, url: url(host) }, { state: "failed", number: at + 10, url: url(host) }),
    );
    const hosts = (linkHosts: readonly string[] | undefined) =>
      Array.from(
        renderRegion(rows, { onlyChanges: false, linkHosts }).matchAll(/href="https:\/\/([^/]+)\//g),
        ([, host]) => host,
      );
    expect(hosts(["ci.example.test"])).toEqual(["ci.example.test", "ci.example.test"]);
    expect(hosts(["10.0.4.17", "[fd00::1]"])).toEqual(["[fd00::1]", "[fd00::1]", "10.0.4.17:9097", "10.0.4.17:9097"]);
    expect(hosts([])).toEqual([]);
    expect(hosts(undefined)).toHaveLength(8);
    const text = renderRegion(rows, { onlyChanges: false, linkHosts: [] });
    expect(text).toContain("<td>#1</td>");
    expect(text).not.toContain("runs/1");
  });

  test("a commit that is not a hash is shown whole", () => {
    expect(cells({ commit: "HEAD" })[4]).toBe("HEAD");
  });

  test("the rows that ran longest ago are left out if there are too many", () => {
    const rows = Array.from({ length: 200 }, (_, index) =>
      row({ pipeline: `ci/p${index}`, createdAt: new Date(Date.UTC(2026, 0, 200 - index)).toISOString() }),
    );
    const content = renderRegion(rows);
    expect(Buffer.byteLength(content)).toBeLessThanOrEqual(MAX_REGION_BYTES);
    expect(Buffer.byteLength(content)).toBeGreaterThan(MAX_REGION_BYTES - 1_000);
    const shown = content.match(/ci\/p\d+/g) ?? [];
    expect(shown).toEqual(shown.map((_, index) => `ci/p${index}`));
    expect(content).toContain('<ac:parameter ac:name="title">200 passed</ac:parameter>');
    expect(content).toContain(
      `</table><p>${200 - shown.length} more, all passed. They are left out to keep this page small.</p>`,
    );
  });

  test("the rows that were reported longest ago are left out, even if their start is unknown", () => {
    const times = (year: number, day: number) => new Date(Date.UTC(year, 0, day, 9)).toISOString();
    const old = Array.from({ length: 120 }, (_, n) =>
      row({ pipeline: `old/p${n}`, environment: "production", number: 9_000 + n, finishedAt: times(2020, n + 1) }),
    );
    const today = Array.from({ length: 10 }, (_, n) =>
      row({ pipeline: `new/p${n}`, state: "failed", createdAt: times(2026, 1), reportedAt: times(2026, 2) }),
    );
    const running = row({ pipeline: "new/callback", state: "running", reportedAt: times(2026, 2) });
    const content = renderRegion([...old, ...today, running]);
    expect(content.match(/new\/\w+/g)).toHaveLength(11);
    expect(content).toContain(" more, all passed.");
    expect(content).not.toContain("old/p0 ");
  });

  test("a row shows when its state was reported if no other time is known", () => {
    expect(cells({ state: "running", reportedAt: "2026-11-02T09:07:00.000Z" })[6]).toBe(
      '<time datetime="2026-11-02" /> 09:07 UTC',
    );
  });

  test("the region is well-formed, bounded and the same each time, whatever the senders report", async () => {
    const anything = fc.string({ unit: "binary", maxLength: 5_000 });
    const hostile = fc.oneof(
      anything,
      fc.constantFrom(
        "<ac:link><ri:user ri:account-id='7'/></ac:link>",
        "[~robin]",
        "]]>",
        "<script>",
        "&#0;",
        "\"'",
        "\u0000\u000B\uFFFE\uD800",
        "&".repeat(5_000),
      ),
    );
    const build = fc.record({
      pipeline: hostile,
      starter: fc.record({ identity: hostile, name: hostile }),
      branch: hostile,
      commit: hostile,
      url: hostile,
      finishedAt: hostile,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(build, { maxLength: 4 }), async (builds) => {
        const rows = builds.map((one) => row(one));
        const content = renderRegion(rows);
        parseStorage(content);
        expect(content).not.toMatch(/CDATA|<script/);
        // Confluence would take this markup for a mention and notify a person.
        expect(content).not.toMatch(/<ri:|<ac:link|<at:/);
        expect(Buffer.byteLength(content)).toBeLessThanOrEqual(MAX_REGION_BYTES);
        expect(renderRegion(structuredClone(rows))).toBe(content);
        expect(await personsIn(content)).toBe("");
        expect(contentMarkOf(await fromDocument(content))).toBe(contentMarkOf(content));
      }),
    );
  });

  const gates = ["requested", "granted", "denied", "withdrawn", "expired", "superseded", "void"] as const;
  const states = ["queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out", "skipped"] as const;

  test("the region contains nothing that the bridge would take for a person's, in any state and after an editor", async () => {
    const rows = [
      ...states.map((state) => row({ state, reportedAt: "2026-11-02T09:07:00.000Z" }, { state: "failed", number: 1 })),
      ...gates.map((state) => {
        const gate = {
          approvers: ["lead"],
          until: "2026-11-02T10:00:00.000Z",
          state,
          by: "Kim",
          endedFor: "Kim left",
          labels: true,
        };
        return row({ system: "drawbridge", id: "p-1", state: "waiting", gate });
      }),
      row({ pipeline: "(".repeat(300) }),
    ];
    const many = Array.from({ length: 120 }, (_, n) => row({ pipeline: `ci/p${n}`, commit: "c".repeat(300) }));
    expect(renderRegion(many)).toContain("They are left out");
    const rare = { onlyChanges: true };
    const contents = [
      renderRegion([]),
      renderRegion(rows),
      renderRegion(many),
      renderRegion(rows, rare),
      renderRegion(many, rare),
      renderRegion(rows, { onlyChanges: false, refusedWith: () => 400 }),
    ];
    for (const content of [[], rows, many].map((all) => renderRegion(all, { ...rare, isFlat: true }))) {
      for (const saved of [adfAsStored, adfAsSavedByEditor]) {
        const read = await fromDocument(content, saved);
        expect(await personsIn(read)).toBe("");
        expect(contentMarkOf(read)).toBe(contentMarkOf(content));
      }
    }
    for (const content of contents) {
      for (const stored of [content, asStored(content), asSavedByEditor(asStored(content))]) {
        expect(await personsIn(stored)).toBe("");
      }
    }
  });

  test("one row always fits, however long its texts are", () => {
    const long = '"'.repeat(10_000);
    const url = `https://ci.example.test/?${"&".repeat(570)}`;
    const build = { pipeline: long, branch: long, commit: long, starter: { identity: long, name: long }, url } as const;
    const ended = { state: "timed_out", number: 511, url } as const;
    expect(renderRegion([row({ ...build, state: "running" }, ended)])).not.toContain("left out");
  });

  const many = (count: number, changes: (n: number) => Partial<ShownBuild> = () => ({})) =>
    Array.from({ length: count }, (_, n) => row({ pipeline: `ci/p${n}`, branch: "main", ...changes(n) }));
  const pipelinesIn = (content: string) => content.match(/[\w/]+(?= \(tekton\))/g) ?? [];

  test("a table that an earlier release wrote leaves nothing behind", async () => {
    const cells = ["ci/docs (tekton)", "STATE", "main", "#512", "6c1f0de2", "wiki (verified)", "2 min 5 s", "-"];
    const titles = ["Pipeline", "State", "For", "Run", "Commit", "Started by", "Duration", "As of"];
    const line = (tag: string, texts: readonly string[]) => texts.map((one) => `<${tag}>${one}</${tag}>`).join("");
    const lozenge =
      '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">PASSED</ac:parameter></ac:structured-macro>';
    const earlier = `<p><strong>Build status</strong></p><table><tbody><tr>${line("th", titles)}</tr><tr>${line("td", cells)}</tr></tbody></table>`;
    expect(await personsIn(earlier.replace("STATE", lozenge))).toBe("");
  });

  test("what a person wrote in the expand macro, in the first line or in the last is kept", async () => {
    const content = renderRegion(many(30));
    const words = "<p>Known to be flaky, see OPS-12.</p>";
    expect(await personsIn(content.replace("<ac:rich-text-body>", `<ac:rich-text-body>${words}`))).toBe(words);
    expect(await personsIn(content.replace("30 passed", "All of ours"))).toContain("All of ours");
    const last = "<p>Kept by Drawbridge, says Kim.</p>";
    expect(await personsIn(content + last)).toBe(last);
  });

  test("the first line says how many rows are in which state, and the newest time of one", () => {
    const states = ["succeeded", "running", "failed", "waiting", "succeeded", "failed", "timed_out"] as const;
    const rows = states.map((state, n) =>
      row({ pipeline: `ci/p${n}`, state, reportedAt: `2026-11-02T09:0${n % 4}:00.000Z` }),
    );
    expect(renderRegion(rows)).toContain(
      '<p>2 failed · 1 timed out · 1 waiting · 1 running · 2 passed · as of <time datetime="2026-11-02" /> 09:03\u00A0UTC</p>',
    );
  });

  test("failures are first, then what waits and what is under way, and numbers in names count as numbers", () => {
    const states = { 1: "succeeded", 2: "failed", 3: "waiting", 10: "failed", 11: "running", 20: "succeeded" } as const;
    const rows = Object.entries(states).map(([n, state]) => row({ pipeline: `service${n}`, state }));
    const expected = ["service2", "service10", "service3", "service11", "service1", "service20"];
    expect(pipelinesIn(renderRegion(rows))).toEqual(expected);
    expect(pipelinesIn(renderRegion(rows.toReversed()))).toEqual(expected);
  });

  test("of more than ten rows only those that need somebody are in sight, and the others are one click away", () => {
    expect(renderRegion(many(10))).not.toContain("expand");
    const content = renderRegion(many(30, (n) => ({ state: n === 7 ? "failed" : "succeeded" })));
    const [open = "", closed = ""] = content.split('ac:name="expand"');
    expect(pipelinesIn(open)).toEqual(["ci/p7"]);
    expect(closed).toContain('<ac:parameter ac:name="title">29 passed</ac:parameter>');
    expect(pipelinesIn(closed)).toHaveLength(29);
    expect(renderRegion(many(30)).indexOf("<table>")).toBeGreaterThan(renderRegion(many(30)).indexOf("expand"));
  });

  test("all rows of a flat region are in sight, and what is left out is said below the table", async () => {
    const content = renderRegion(many(30), { onlyChanges: true, isFlat: true });
    expect(content).not.toContain("expand");
    expect(pipelinesIn(content)).toEqual(pipelinesIn(renderRegion(many(30))));
    const all = renderRegion(many(200), { onlyChanges: true, isFlat: true });
    expect(all).toMatch(/<\/table><p>\d+ more, all passed\. They are left out/);
    expect((await personsIn(content)) + (await personsIn(all))).toBe("");
  });

  test("no text reverses the direction of what follows", () => {
    const all = "\u202A\u202B\u202C\u202D\u202E\u200Ba\u2066\u2067\u2068\u2069\uFEFF";
    const gate = { state: "granted", approvers: [], until: "", labels: false, by: all, comment: all } as const;
    const build = { pipeline: all, branch: all, commit: all, title: all, author: all, reason: all, id: all };
    const starter = { identity: all, name: all };
    const content = renderRegion([row({ ...build, starter }), row({ ...build, gate }), row({ environment: all })]);
    expect(content).not.toMatch(/\p{Cf}/u);
    expect(content).toContain("<td>a (tekton)</td>");
  });

  test.each(["failed", "timed_out", "waiting", "running"] as const)(
    "a row that is %s is never left out for newer rows that passed",
    (state) => {
      const finishedAt = "2026-11-02T09:00:00.000Z";
      const rows = many(120, (n) => (n === 3 ? { state } : { state: "succeeded", finishedAt }));
      expect(pipelinesIn(renderRegion(rows))[0]).toBe("ci/p3");
    },
  );

  test("120 failures at once are all shown, and of more the region stays within its bound", () => {
    const failed = (count: number) => many(count, () => ({ state: "failed", url: "https://ci.example.test/runs/1" }));
    expect(pipelinesIn(renderRegion(failed(120)))).toHaveLength(120);
    const content = renderRegion(failed(400));
    expect(Buffer.byteLength(content)).toBeLessThanOrEqual(MAX_URGENT_BYTES);
    expect(content).toMatch(/<p>\d+ more, all failed\. They are left out/);
  });

  test("what is left out is said in words", () => {
    const rows = many(120, (n) => ({ state: n % 60 === 0 ? "skipped" : "succeeded", title: "x".repeat(80) }));
    expect(renderRegion(rows)).toMatch(/<p>\d+ more: \d+ passed, 2 skipped\. They are left out/);
  });

  test("the last line says who keeps the region, and what may be stale if only changes are written", () => {
    expect(renderRegion(many(1))).toMatch(
      /<small>Kept by Drawbridge, edits inside are replaced; notes go below\.<\/small><\/p>$/,
    );
    const rare = renderRegion(
      many(1, () => ({ reportedAt: "2026-11-02T09:00:00.000Z" })),
      { onlyChanges: true },
    );
    expect(rare).toContain("1 passed · last change <time");
    expect(rare).toMatch(/Runs that change no result are shown with the next change\.<\/small><\/p>$/);
  });

  test("the state of a failed run has its reason below it", () => {
    expect(renderRegion([row({ state: "failed", reason: "OOMKilled <5 Gi" })])).toContain(
      "</ac:structured-macro><br />OOMKilled &lt;5 Gi</td>",
    );
  });

  test("a commit is linked to its page, with its author below it, and a change request to its own", () => {
    const commit = {
      commit: "6c1f0de2",
      commitUrl: "https://git.example.test/c/6c1f0de2",
      title: "Fix <it>",
      author: "Ines",
    };
    expect(renderRegion([row(commit)])).toContain(
      '<td><a href="https://git.example.test/c/6c1f0de2">6c1f0de2</a> Fix &lt;it&gt;<br /><small>Ines</small></td>',
    );
    const change = { change: { id: "37", fork: true }, changeUrl: "https://git.example.test/mr/37" };
    expect(renderRegion([row(change)])).toContain('<a href="https://git.example.test/mr/37">change 37</a>, fork</td>');
    expect(renderRegion([row({ ...commit, commitUrl: "javascript:alert(1)" })])).not.toContain("javascript");
  });
});

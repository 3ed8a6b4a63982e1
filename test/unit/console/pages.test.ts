import * as fc from "fast-check";
import { html } from "hono/html";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../../shared/cli/commands.ts";
import { accessPage, submitAccess } from "../../../shared/console/access-page.ts";
import { approvalsPage } from "../../../shared/console/approvals-page.ts";
import { ASSETS } from "../../../shared/console/assets.ts";
import { credentialsPage } from "../../../shared/console/credentials-page.ts";
import { deliveriesPage } from "../../../shared/console/deliveries-page.ts";
import { deliveryPage } from "../../../shared/console/delivery-page.ts";
import { homePage } from "../../../shared/console/home-page.ts";
import { timeAndAge, withTimes } from "../../../shared/console/html.ts";
import { layout, problemPage } from "../../../shared/console/layout.ts";
import { ordersPage, previewOrderPage } from "../../../shared/console/orders-page.ts";
import { promotionsPage } from "../../../shared/console/promotions-page.ts";
import { replayPreviewPage } from "../../../shared/console/replay-page.ts";
import { previewPage, replayPage, replaysPage } from "../../../shared/console/replays-page.ts";
import { requestPage } from "../../../shared/console/request-page.ts";
import { rollbacksPage } from "../../../shared/console/rollbacks-page.ts";
import { targetsPage } from "../../../shared/console/targets-page.ts";
import { threadPage } from "../../../shared/console/thread-page.ts";
import type { ApiPost, Visit } from "../../../shared/console/visit.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import { EVENT_TYPES } from "../../../shared/model/event.ts";
import { INERT } from "../../../shared/model/order-input.ts";
import { HINTS } from "../../../shared/model/rejection-hints.ts";
import { badEndOf } from "../../../shared/model/state-words.ts";
import {
  approvals,
  credentials,
  deliveries,
  delivery,
  overviewOf,
  shownBy,
  skeletonOf,
  targets,
  thread,
  visitOf,
} from "./visiting.ts";

const ENDED = new URL("https://bridge.example.test/console/approvals?state=ended");
const PAGES = [
  (visit: Visit) => homePage({ ...visit, url: new URL("https://bridge.example.test/console") }),
  deliveriesPage,
  (visit: Visit) => deliveryPage(visit, "d-1"),
  (visit: Visit) =>
    deliveryPage({ ...visit, url: new URL(`/?in=${encodeURIComponent(visit.name)}`, visit.url) }, "d-1"),
  (visit: Visit) => requestPage(visit, new URLSearchParams(), "d-1"),
  (visit: Visit) => replayPreviewPage(visit, "d-1"),
  approvalsPage,
  (visit: Visit) => approvalsPage({ ...visit, url: ENDED }),
  replaysPage,
  (visit: Visit) => replayPage(visit, "r-1"),
  (visit: Visit) => previewPage(visit, visit.url.searchParams),
  accessPage,
  ordersPage,
  (visit: Visit) =>
    previewOrderPage(visit, new URLSearchParams({ "input.reason": visit.name, key: "k" }), "deploy-docs"),
  rollbacksPage,
  promotionsPage,
  targetsPage,
  credentialsPage,
  threadPage,
];

/** Every page with these words in it, one after the other. */
async function pagesWith(word: () => string): Promise<string> {
  const query = new URLSearchParams(FIELDS.map((name): [string, string] => [name, word()]));
  const visit = visitOf(word, { url: new URL(`https://bridge.example.test/console?${query}`) });
  const pages = await Promise.all(PAGES.map(async (page) => String(await layout(shownBy(await page(visit)), visit))));
  const problem = problemPage({ title: word(), status: 409, instance: word(), reason: word() });
  return [...pages, String(await layout(problem, visit))].join("\n");
}
const FIELDS = [
  "find",
  "text",
  "type",
  "source",
  "principal",
  "until",
  "shadow",
  "environment",
  "to",
  "delivery",
  "query",
  "commit",
];

const wicked = fc.constantFrom(
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "' autofocus onfocus='alert(1)",
  "javascript:alert(1)",
  "</title><style>*{display:none}</style>",
  "--><!--",
  "&lt;b&gt;",
  "&#x3c;script&#x3e;",
  "]]>",
  "`<b>`",
  "\u2028\u0000<b",
);
/** Texts from anywhere, but no address of a page: that alone may become a link. */
const words = fc
  .oneof(
    wicked,
    fc.string({ unit: "binary", minLength: 1 }),
    fc.tuple(wicked, fc.string()).map((two) => two.join("")),
  )
  .filter((text) => !/^\s*https?:/i.test(text) && text.trim() !== "");

/** What a person reads: no tags, no attributes. */
const textOf = (page: string): string => page.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");

/** The cells of a person of the table's rows: a phone shows the label of each instead of the heading of its column. */
const peopleOf = (page: string): readonly string[] =>
  Array.from(
    page.matchAll(/<td data-name="([^"]*by)">(.*?)<\/td>/gis),
    ([, label, cell = ""]) =>
      `${label}: ${cell
        .replace(/<[^>]*>/g, " ")
        .replace(/\s+/g, " ")
        .trim()}`,
  );

describe("the words of the pages", () => {
  it("what the bridge did not accept is refused: no page, no hint and no command calls it rejected", async () => {
    const pages = textOf(await pagesWith(() => "x"));
    expect(pages).toMatch(/Refused: tenant_mismatch/);
    expect(pages).toMatch(/deny refused of x/);
    const commands = COMMANDS.flatMap(({ summary, details = "" }) => [summary, details]);
    const all = [pages, ...Object.values(HINTS), ...commands];
    expect(all.filter((text) => /\breject/i.test(text))).toEqual([]);
  });

  it("a time has one form: each says UTC, an age never stands alone, and no text has a time for machines", async () => {
    const pages = textOf(await pagesWith(() => "x"));
    const times = pages.match(/\b\d\d:\d\d(?::\d\d)?(?![\d:]| UTC|–)/g) ?? [];
    expect(times).toEqual([]);
    expect(pages.match(/\d\d:\d\d:\d\d UTC/g)?.length).toBeGreaterThan(20);
    expect(pages.match(/(?<!\()\b(?:in )?\d+ (?:ms|s|min|h|d) ago|\d{4}-\d\d-\d\dT[\d:.]+Z/g)).toBeNull();
    const at = "2026-11-02T08:59:59.000Z";
    const now = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
    const text = async (iso: string): Promise<string> => textOf(String(await timeAndAge(iso, now))).trim();
    expect(await text(at)).toBe("08:59:59 UTC (1 s ago)");
    expect(await text("2026-11-01T23:59:59.000Z")).toBe("11-01 23:59:59 UTC (9 h ago)");
    expect(await text("2025-11-02T08:59:59.000Z")).toBe("2025-11-02 08:59:59 UTC (365 d ago)");
    expect(textOf(String(await html`${withTimes(`not at ${at}, no`, now)}`))).toBe("not at 08:59:59 UTC , no");
  });

  it("a reason with a time in it has that form too: in the list, on home and in a thread", async () => {
    const why = "target ci has not worked since 2026-11-02T08:00:00.000Z: refused";
    const given = overviewOf(() => "x");
    const [one] = deliveries(() => "x").deliveries;
    const routes = [{ route: "docs", state: "given_up", since: "2026-11-02T08:00:00.000Z", why }];
    const story = thread(() => "x");
    const answers: Readonly<Record<string, unknown>> = {
      "/v1/overview": {
        ...given,
        ended: { ...given.ended, newest: given.ended.newest.map((it) => ({ ...it, reason: why })) },
      },
      "/v1/deliveries": { deliveries: [{ ...one, routes }], lookedBackTo: "2026-11-01T09:00:00.000Z" },
      "/v1/threads": { ...story, spans: story.spans.map((span) => ({ ...span, summary: why })) },
    };
    const ask: Visit["ask"] = async <T>(path: string) => {
      const answer = answers[new URL(path, "https://b").pathname] ?? answerTo(path, {});
      return { ok: true, value: answer as T };
    };
    for (const [page, path] of [
      [homePage, "/console"],
      [deliveriesPage, "/console/deliveries"],
      [threadPage, "/console/threads?delivery=d-1"],
    ] as const) {
      const visit = visitOf(() => "x", { ask, url: new URL(path, "https://bridge.example.test") });
      expect(textOf(String(await shownBy(await page(visit)).main))).toContain(
        "not worked since 08:00:00 UTC : refused",
      );
    }
  });

  it("the row of what became no event says why once, and its page too: as its title", async () => {
    const refusal = { reason: "audience_mismatch", claim: "aud" } as const;
    const of = deliveries(() => "x").deliveries[3];
    if (of === undefined) throw new Error("no refused delivery");
    const { subject: _, ...refused } = { ...of, what: refusal.reason, refusedFor: refusal };
    const ask: Visit["ask"] = async <T>(path: string) => {
      const listed = { deliveries: [refused], lookedBackTo: refused.receivedAt };
      return { ok: true, value: (path.startsWith("/v1/deliveries?") ? listed : { refusals: [] }) as T };
    };
    const url = new URL("https://bridge.example.test/console/deliveries?within=6&text=x");
    const list = String(await shownBy(await deliveriesPage(visitOf(() => "x", { ask, url }))).main);
    const [row = ""] = /<tr>(?:(?!<tr>).)*audience_mismatch.*?<\/tr>/s.exec(list) ?? [];
    expect(textOf(row).split("audience_mismatch")).toHaveLength(2);
  });
});

describe("a build that failed", () => {
  it("every type that reports a bad end has words of its own, and no other type has", () => {
    const bad = EVENT_TYPES.filter((type) => /\.(failed|timed_out|refused|lost)$/.test(type));
    expect(bad.length).toBeGreaterThan(8);
    expect(EVENT_TYPES.filter((type) => badEndOf(type) !== undefined)).toEqual(bad);
    for (const type of bad) {
      const { words, tone } = badEndOf(`code.pushed, ${type}`) ?? {};
      expect([words, tone]).toEqual([type.replace(".", " ").replace("_", " "), "failed"]);
    }
  });

  it("the list, home and the thread show it beside the state of its delivery, which is good", async () => {
    const [one] = deliveries(() => "x").deliveries;
    if (one === undefined) throw new Error("no delivery");
    const { routes: _, ...rest } = one;
    const failed = { ...rest, what: "build.failed", state: "ran" as const };
    const story = thread(() => "x");
    const ask: Visit["ask"] = async <T>(path: string) => {
      const found = path.startsWith("/v1/threads")
        ? {
            ...story,
            spans: story.spans.map((span) => ({ ...span, what: "build.failed reported", state: "ran", tone: "good" })),
          }
        : { deliveries: [failed, { ...failed, what: "build.succeeded" }], lookedBackTo: failed.receivedAt };
      return { ok: true, value: found as T };
    };
    const at = async (page: typeof deliveriesPage, query: string): Promise<string> => {
      const url = new URL(`https://bridge.example.test/console/deliveries?${query}`);
      return textOf(String(await shownBy(await page(visitOf(() => "x", { ask, url }))).main));
    };
    const seen = "It reports: ✕ build failed ✓ ran";
    expect((await at(deliveriesPage, "text=x")).split(seen)).toHaveLength(2);
    expect((await at(threadPage, "delivery=d-1")).split(seen)).toHaveLength(2);
    const home = visitOf(() => "x", { url: new URL("https://bridge.example.test/console") });
    const page = textOf(String(await shownBy(await homePage(home)).main));
    expect(page).toMatch(/Failures that senders report, and refusals at gateways It reports: ✕ build failed x/);
    expect(page).toMatch(/they are no failures of its deliveries/);
  });
});

describe("text that outsiders write", () => {
  it("outsiders' text stays text: it adds no tag and no attribute to any page", async () => {
    const plain = skeletonOf(await pagesWith(() => "x"));
    expect(plain.length).toBeGreaterThan(400);
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(words), async (stream) => {
        const next = () => stream.next().value;
        expect(skeletonOf(await pagesWith(next))).toEqual(plain);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ["javascript:alert(1)", false],
    ["JavaScript:alert(1)", false],
    [" javascript:alert(1)", false],
    ["data:text/html,<script>alert(1)</script>", false],
    ["//evil.example.test", false],
    ["vbscript:x", false],
    ["https://ci.example.test/runs/1?a=1&b=2", true],
    ["http://ci.example.test", true],
  ])("outsiders' text is a link only if it is a page's address: %s", async (url, isLink) => {
    const page = String(
      await shownBy(
        await deliveryPage(
          visitOf(() => url),
          "d-1",
        ),
      ).main,
    );
    const hrefs = Array.from(page.matchAll(/href="([^"]*)"/g), ([, href = ""]) => href.replaceAll("&amp;", "&"));
    expect(hrefs.filter((href) => !href.startsWith("/console/")).every((href) => href === url)).toBe(true);
    expect(hrefs.includes(url)).toBe(isLink);
  });
});

/** The list asks for what was refused and counted too: nothing was. The home page asks for what waits: nothing does. */
function answerTo(path: string, value: object): object {
  if (path === "/v1/approvals?state=requested") return { approvals: [], hasMore: false };
  if (path.startsWith("/v1/refusals")) return { refusals: [], sources: [], from: "" };
  return path.startsWith("/v1/deliveries/counts") ? { intervalSeconds: 300, intervals: [] } : value;
}
const GIVEN_UP_AT = "2026-11-02T08:59:58.000Z";

/** The markup of a page that shows this value. */
async function showing(
  page: (visit: Visit) => ReturnType<typeof deliveriesPage>,
  value: object,
  changes: Partial<Visit> = {},
) {
  const ask: Visit["ask"] = async <T>(path: string) => ({ ok: true, value: answerTo(path, value) as T });
  return String(await shownBy(await page(visitOf(() => "x", { ask, ...changes }))).main);
}

describe("the approvals page", () => {
  it("who asked has the name that the sender gives, and what was proved only as its tooltip", async () => {
    const [card] = approvals(() => "x").approvals;
    const requester = { ...card?.requester, actor: "58", subject: "gitlab" };
    const shown = async (name?: string) =>
      showing(approvalsPage, { approvals: [{ ...card, grants: [], requester, shows: { requesterName: name } }] });
    expect(await shown("Ines Okafor")).toContain('<span title="58 of gitlab">Ines Okafor</span>');
    expect(await shown()).toMatch(/<dd>58 of gitlab<\/dd>/);
  });

  it.each([
    ["one more person is enough", { progress: undefined }, "docs runs for x at once"],
    [
      "two more people are needed",
      { progress: { needed: 2, grantedBy: [] } },
      "docs runs for x after one more person has",
    ],
    [
      "its window is closed",
      { progress: undefined, opensAt: "2026-11-03T08:00:00.000Z" },
      "from 11-03 08:00:00 UTC (in 23 h)",
    ],
  ])("a grant is behind a step that says what it does if %s", async (_, changes, words) => {
    const [card] = approvals(() => "x").approvals;
    const progress = changes.progress && { missingRoles: [], ...changes.progress };
    const page = await showing(approvalsPage, {
      approvals: [{ ...card, may: ["grant", "deny"], ...changes, progress }],
    });
    const [, grant = "", deny = ""] = page.split('<details class="confirm">');
    expect(textOf(grant)).toContain(words);
    expect(buttonsOf(grant)).toEqual(["grant"]);
    expect(deny).toContain("Nothing runs");
  });

  it("approvals that ended are listed with who decided and why, and lead to those before", async () => {
    const [card] = approvals(() => "x").approvals;
    const by = { ...card?.requester, actor: undefined, claims: { name: "Axel Brandt" } };
    const decision = { by, at: "2026-11-02T08:00:00.000Z", comment: "not on a Friday" };
    const ended = [
      { ...card, state: "denied", grants: [], decision },
      { ...card, state: "expired", grants: [] },
    ];
    const earlier = "2026-11-01T00:00:00.000Z";
    const page = await showing(approvalsPage, { approvals: ended, earlier }, { url: ENDED });
    expect(page).toMatch(/✕<\/span> denied[\s\S]+Axel Brandt<\/span>[\s\S]+<q>not on a Friday<\/q>/);
    expect(page).toMatch(/✕<\/span> expired/);
    expect(peopleOf(page)).toEqual([
      expect.stringMatching(/^Requested by: x$/),
      expect.stringMatching(/^Decided by: Axel Brandt .*not on a Friday$/),
      "Requested by: x",
      "Decided by: nobody",
    ]);
    expect(page).toContain("until=2026-11-01T00%3A00%3A00.000Z");
    expect(await showing(approvalsPage, { approvals: [] }, { url: ENDED })).toContain("No approval ended");
  });

  it("only whoever may read deliveries is led to the approvals that ended", async () => {
    const linked = async (mayReadDeliveries: boolean) =>
      (await showing(approvalsPage, { approvals: [] }, { mayReadDeliveries })).includes("Decided approvals");
    expect([await linked(true), await linked(false)]).toEqual([true, false]);
  });

  const buttonsOf = (html: string) =>
    Array.from(html.matchAll(/value="(grant|deny|withdraw|emergency)"/g), ([, one]) => one);

  it("the approvals page offers what the HTTP API would accept", async () => {
    const [offered = [], ...others] = [["grant", "deny", "withdraw", "emergency"], ["withdraw"]] as const;
    const listed = approvals(() => "x");
    const cards = [offered, ...others].map((may) => ({ ...listed.approvals[0], may }));
    expect(buttonsOf(await showing(approvalsPage, { approvals: cards }))).toEqual([...offered, "withdraw"]);
  });

  it("the approvals page shows each person who has granted, and who is missing", async () => {
    const page = await showing(
      approvalsPage,
      approvals(() => "x"),
    );
    expect(page).toContain("2 of 3 approved: x, x; missing: 1 (from x)");
    expect(page).toContain("one person with the role manager, one each from x");
  });

  it("an emergency grant has a form of its own, which is closed, with a reason that the browser asks for", async () => {
    const [card] = approvals(() => "x").approvals;
    const page = await showing(approvalsPage, { approvals: [{ ...card, may: ["grant", "emergency"] }] });
    const [usual = "", emergency = ""] = page.split('<details class="emergency">');
    expect(buttonsOf(usual)).toEqual(["grant"]);
    expect(buttonsOf(emergency)).toEqual(["emergency"]);
    expect(emergency).toMatch(/<input name="comment"[^>]* required/);
  });

  it("the card of a run that was granted in an emergency says so, with the person and the reason", async () => {
    const card = approvals(() => "x").approvals[1];
    const grants = [
      { by: { ...card?.requester, actor: "kim" }, at: card?.until, comment: "shop down", emergency: true },
    ];
    const page = await showing(approvalsPage, { approvals: [{ ...card, grants, progress: undefined }] });
    expect(page).toContain("granted in an emergency, not fired yet");
    expect(page).toMatch(/emergency<\/span>\s*kim of .*<q>shop down<\/q>/);
  });

  it("what waits for others is shown to whoever may read deliveries, with whom it waits for and without buttons", async () => {
    const asked: string[] = [];
    const [one] = approvals(() => "x").approvals;
    const ask: Visit["ask"] = async <T>(path: string) => {
      asked.push(path);
      return { ok: true, value: { approvals: [{ ...one, may: [] }], hasMore: false } as T };
    };
    const page = String(await shownBy(await approvalsPage(visitOf(() => "x", { ask, may: () => false }))).main);
    expect(page.replace(/<[^>]*>/g, " ")).toMatch(
      /No approval is waiting for you\.\s+Waiting for others \(1\).*missing/s,
    );
    expect(page).not.toContain("<form");
    await approvalsPage(visitOf(() => "x", { ask, mayReadDeliveries: false, may: () => false }));
    expect(asked).toEqual(["/v1/approvals?all=true", "/v1/approvals"]);
  });

  it("the approvals page shows what waits for the person first, then what the person requested, then the rest", async () => {
    const [one] = approvals(() => "x").approvals;
    const listed = [
      { ...one, id: "p-others", may: [] },
      { ...one, id: "p-own", may: ["withdraw"] },
      { ...one, id: "p-granted", may: ["deny", "withdraw"] },
      { ...one, id: "p-first", may: ["grant", "deny"] },
    ];
    const page = await showing(approvalsPage, { approvals: listed });
    expect(Array.from(page.matchAll(/<h2 id="(p-\w+)"|<h2>([^<]*)/g), ([, id, heading]) => id ?? heading)).toEqual([
      ...["Waiting for you (1)", "p-first", "You may deny or withdraw (2)", "p-own", "p-granted"],
      ...["Waiting for others (1)", "p-others"],
    ]);
    const only = (id: string) =>
      showing(approvalsPage, { approvals: listed }, { url: new URL(`https://bridge.example.test/?id=${id}`) });
    expect(Array.from((await only("p-own")).matchAll(/<h2 id="(p-\w+)"/g), ([, id]) => id)).toEqual(["p-own"]);
    expect(await only("p-gone")).toMatch(/p-gone<\/code> is not open/);
  });

  it("the menu and the home page show what the person may grant, which is asked once", async () => {
    const asked: string[] = [];
    const [one] = approvals(() => "x").approvals;
    const listed = [
      { ...one, id: "p-own", may: ["withdraw"] },
      ...["p-1", "p-2", "p-3", "p-4", "p-5", "p-6"].map((id) => ({ ...one, id, may: ["grant"] })),
    ];
    const ask: Visit["ask"] = async <T>(path: string) => {
      asked.push(path);
      const value = path.startsWith("/v1/overview") ? overviewOf(() => "x") : { approvals: listed, hasMore: false };
      return { ok: true, value: value as T };
    };
    const visit = visitOf(() => "x", { ask });
    const page = shownBy(await homePage(visit));
    const shown = String(await layout(page, visit, await visit.waiting()));
    expect(asked).toEqual(["/v1/overview", "/v1/approvals?state=requested"]);
    expect(shown).toContain('<span class="count">6<span class="hidden"> waiting for you');
    const ids = Array.from(shown.matchAll(/\/console\/approvals\?id=(p-\d)"/g), ([, id]) => id);
    expect(ids).toEqual(["p-1", "p-2", "p-3", "p-4", "p-5"]);
    expect(shown).toContain("All that wait for you");
  });

  it("a page of somebody who approves nothing asks for no approvals, and an answer that fails hides only the count", async () => {
    const refused: Visit["ask"] = async () => ({ ok: false, problem: { title: "Too many requests", status: 429 } });
    const none = { approvals: [], roleRequests: 0, hasMore: false };
    expect(await visitOf(() => "x", { ask: refused }).waiting()).toEqual(none);
    const unasked: Visit["ask"] = () => Promise.reject(new Error("it is not asked"));
    expect(await visitOf(() => "x", { ask: unasked, may: () => false }).waiting()).toEqual(none);
  });

  it("the approvals page says that nothing waits", async () => {
    expect(await showing(approvalsPage, { approvals: [] })).toContain("No approval is waiting for you");
  });

  it("the approvals page says that more approvals are open than it looked at", async () => {
    const saysMore = async (hasMore: boolean) =>
      (await showing(approvalsPage, { approvals: [], hasMore })).includes(
        "More approvals are open than this page looked at.",
      );
    expect([await saysMore(true), await saysMore(false)]).toEqual([true, false]);
  });
});

describe("the page of roles for a time", () => {
  const AT = "2026-11-02T08:00:00.000Z";
  const person = (subject: string) => ({ issuer: "https://sso.example", subject });
  const asked = { id: "x-1", role: "deputy", minutes: 30, reason: "INC-4711", state: "requested", requestedAt: AT };
  const waiting = { ...asked, until: AT, requester: person("olga"), approvers: ["approver"], may: [] };
  const listed = (...access: readonly object[]) => ({ roles: [], access, hasMore: false });
  const shown = (...access: readonly object[]) => showing(accessPage, listed(...access), { hasAccess: true });
  const stepsOf = (page: string): readonly string[] =>
    Array.from(page.matchAll(/<summary class="([^"]*)">([^<]*)/g), ([, look, name]) => `${name} ${look}`);

  it("what is over says who requested it and who ended it", async () => {
    const revoked = { ...waiting, state: "revoked", end: { by: person("axel"), at: AT } };
    expect(peopleOf(await shown(revoked))).toEqual(["Requested by: olga", "Decided by: axel"]);
  });

  it("the requester withdraws a request, others deny it, and only a role that is held is revoked", async () => {
    const own = { ...waiting, isOwn: true, may: ["deny", "revoke"] };
    expect(stepsOf(await shown(own))).toEqual(["Deny… button deny", "Withdraw… button revoke"]);
    const others = { ...waiting, may: ["grant", "deny", "revoke"] };
    expect(stepsOf(await shown(others))).toEqual(["Grant… button grant", "Deny… button deny"]);
    const held = { ...waiting, state: "granted", may: ["revoke"] };
    expect(stepsOf(await shown(held))).toEqual(["Revoke… button revoke"]);
  });

  it("a second request says that the first one stands, and a first one leads to the page", async () => {
    const placing = async (placed: object) => {
      const ask: Visit["ask"] = async <T>(_: string, post?: ApiPost) => ({
        ok: true,
        value: (post === undefined ? listed() : placed) as T,
      });
      return submitAccess(
        visitOf(() => "x", { ask, hasAccess: true }),
        new URLSearchParams({ role: "deputy" }),
      );
    };
    expect(await placing({ ...waiting, status: "accepted" })).toEqual({ ok: true, value: "/console/access" });
    const second = async (placed: object) =>
      String(shownBy(await placing({ ...placed, status: "duplicate" })).main).replace(/<[^>]*>/g, "");
    expect(await second(waiting)).toMatch(
      /deputy from 08:00:00 UTC \(1 h ago\), for 30 minutes,\s+still waits: INC-4711\. No second/,
    );
    expect(await second({ ...waiting, state: "granted" })).toMatch(/deputy .*\s+is granted: INC-4711/);
    // A form that is sent again, when what it requested is over.
    const over = await placing({ ...waiting, state: "denied", status: "duplicate" });
    expect(over).toEqual({ ok: true, value: "/console/access" });
  });

  it("a request that waits for the person is counted in the menu, and the home page leads to it", async () => {
    const ask: Visit["ask"] = async <T>(path: string) => {
      const answers: Readonly<Record<string, object>> = {
        "/v1/overview": { ...overviewOf(() => "x"), approvals: { waiting: 0, forYou: 0 } },
        "/v1/access": listed({ ...waiting, may: ["grant", "deny", "revoke"] }, { ...waiting, may: ["revoke"] }),
        "/v1/approvals?state=requested": { approvals: [], hasMore: false },
      };
      return { ok: true, value: answers[path] as T };
    };
    const menuAndPage = async (hasAccess: boolean) => {
      const visit = visitOf(() => "x", { ask, hasAccess });
      return String(await layout(shownBy(await homePage(visit)), visit, await visit.waiting()));
    };
    const page = await menuAndPage(true);
    expect(page).toContain('<span class="count">1<span class="hidden"> waiting for you');
    expect(page).toContain('<a href="/console/access">One request for a role</a> waits for you.');
    expect(page).not.toContain("No approval waits");
    expect(await menuAndPage(false)).toContain("No approval waits");
  });
});

describe("the page of targets", () => {
  it("a target at which actions were given up leads to them", async () => {
    const target = { target: "wiki", level: "attention", why: "2 actions were given up", retrying: 0, due: 0, may: [] };
    const linked = async (state: string) =>
      (await showing(targetsPage, { targets: [{ ...target, state }] })).includes(
        '<a href="/console/deliveries?state=given_up&amp;target=wiki&amp;within=24">',
      );
    expect([await linked("rejecting"), await linked("working")]).toEqual([true, false]);
  });
});

describe("the page of a delivery", () => {
  it("the page of a delivery shows what a run is for, under the names that routes use", async () => {
    const shown = delivery(() => "x");
    const [event] = shown.events;
    if (!event || !("build" in event.detail)) throw new Error("it is a build");
    const build = { ...event.detail.build, change: { id: "37", sourceBranch: "main", fork: true }, protected: false };
    const change = { project: "platform/docs", id: "37", number: 37, labels: Array(12).fill("docs") };
    const label = "build-me";
    const events = [
      { ...event, detail: { ...event.detail, build } },
      { ...event, detail: { ...event.detail, build: undefined, type: "change.updated", change, label } },
    ];
    const page = await showing((visit) => deliveryPage(visit, "d-1"), { ...shown, events });
    const rows = Array.from(page.matchAll(/<dt>(.*?)<\/dt><dd>(.*?)<\/dd>/g), ([, name, fact]) => `${name}: ${fact}`);
    expect(rows).toEqual(
      expect.arrayContaining([
        "build.change.id: 37",
        "build.change.sourceBranch: main",
        "build.change.fork: true",
        "build.protected: false",
        "label: build-me",
      ]),
    );
    expect(rows).toContain(`change.labels: ${Array(10).fill("docs").join(", ")} and 2 more`);
  });

  it("the page of a push lists its commits, newest first: title, link and author", async () => {
    const shown = delivery(() => "x");
    const event = shown.events.find(({ detail }) => "code" in detail);
    if (!event || !("code" in event.detail)) throw new Error("it is a push");
    const commits = [
      {
        id: "9e8d",
        message: "Describe the drill\n\nIn detail",
        url: "https://git.example.test/9e8d",
        author: "Ines Okafor",
      },
      { id: "c4a1", message: "" },
    ];
    const showingCommits = (commitCount: number) => {
      const code = { ...Object(event.detail).code, commits, commitCount };
      return showing(page, { ...shown, events: [{ ...event, detail: { ...event.detail, code } }] });
    };
    const all = await showingCommits(2);
    expect(all).toContain(
      '<h3>Commits (2)</h3><ul><li>c4a1</li><li><a href="https://git.example.test/9e8d" rel="noreferrer">Describe the drill</a>, by Ines Okafor</li></ul>',
    );
    expect(await showingCommits(137)).toContain("Commits (the newest 2 of 137)");
  });

  const page = (visit: Visit) => deliveryPage(visit, "d-1");

  it("the page of a relayed delivery without a timeline says that no route matched", async () => {
    const shown = { ...delivery(() => "x"), timeline: [] };
    const { relayedAt: _, ...waiting } = shown.delivery;
    const relayed = { ...waiting, relayedAt: "2026-11-02T09:00:00.000Z" };
    expect(await showing(page, { ...shown, delivery: relayed })).toContain("Nothing: no route matched.");
    expect(await showing(page, { ...shown, delivery: waiting })).toContain("not relayed yet");
  });

  it("the page of a delivery says for every rejection what to do next", async () => {
    const html = await showing(
      page,
      delivery(() => "x"),
    );
    expect(html).toMatch(/<code>tenant_mismatch<\/code>, claim <code>x<\/code>.*What to do:/s);
    expect(html.match(/What to do:/g)?.length).toBe(4);
  });

  it("its title is that of the list; the project, the branch and the person stand below it", async () => {
    const about = { title: "Describe the drill", place: "platform/docs", ref: "main", person: "Ines Okafor" };
    const shown = { ...delivery(() => "x"), delivery: { ...delivery(() => "x").delivery, about } };
    const ask: Visit["ask"] = async <T>() => ({ ok: true, value: shown as T });
    const { title, main } = shownBy(await page(visitOf(() => "x", { ask })));
    expect(title).toBe("Describe the drill");
    expect(String(await main)).toMatch(/platform\/docs <span class="ref">main<\/span><\/b> · Ines Okafor,/);
  });

  it("ids and hashes can be copied, also those of the event", async () => {
    const shown = delivery(() => "x");
    const [event] = shown.events;
    const commit = "9e8d1c4a".repeat(5);
    const events = [{ ...event, detail: { ...event?.detail, build: { ...Object(event?.detail)["build"], commit } } }];
    const html = await showing(page, { ...shown, events });
    expect(html).toContain(`<code data-copy="build.commit">${commit}</code>`);
    for (const name of ["the id of the delivery", "the event key", "the digest of the body", "the request id"])
      expect(html).toContain(`<code data-copy="${name}">`);
  });

  const retry = {
    ...({ kind: "attempt", route: "docs", action: "tekton", outcome: "retry", summary: "it is busy" } as const),
    durationMs: 12,
  };
  it("only the newest line of a route says when it is tried next; what is due already does not say that it was", async () => {
    // The clock of the visit: 2026-11-02T09:00:00Z.
    const at = "2026-11-02T08:59:00.000Z";
    const tried = (nextAt: string) =>
      showing(page, {
        ...delivery(() => "x"),
        delivery: {
          ...delivery(() => "x").delivery,
          routes: [{ route: "docs", state: "retrying", since: at, next: nextAt }],
        },
        timeline: [
          { ...retry, at, attempt: 1, nextAt: "2026-11-02T08:59:20.000Z" },
          { ...retry, at: "2026-11-02T08:59:20.000Z", attempt: 2, nextAt },
          { at: "2026-11-02T08:59:30.000Z", kind: "scheduled", route: "other", action: "tekton" },
        ],
      });
    const nexts = (html: string) =>
      [...html.replaceAll(/<[^>]*>/g, "").matchAll(/(?:next|due) (?:now|\d\d:.*?\))/g)].map(String);
    expect(nexts(await tried("2026-11-02T09:05:00.000Z"))).toEqual([
      "next 09:05:00 UTC (in 5 min)",
      "next 09:05:00 UTC (in 5 min)",
    ]);
    expect(nexts(await tried("2026-11-02T08:59:50.000Z"))).toEqual(["due now", "due now"]);
  });

  it("a person of the sender has the name that the event or its cause gives, and what was proved as the tooltip", async () => {
    const shown = delivery(() => "x");
    const [event] = shown.events;
    const { claims: _, ...by } = { ...shown.delivery.principal, subject: "gitlab", actor: "58" };
    const events = [{ ...event, detail: { ...event?.detail, actor: { id: "58", name: "Ines Okafor" } } }];
    const timeline = [
      { at: "2026-11-02T08:59:00.000Z", kind: "approval", route: "docs", approval: "p-1", state: "requested", by },
    ];
    const named = await showing(page, { ...shown, events, timeline });
    expect(named).toContain('by <span title="58 of gitlab">Ines Okafor</span>');
    expect(await showing(page, { ...shown, events: [], timeline })).toContain("by 58 of gitlab");
  });

  it.each([
    ["requested", "waiting", ["p-2"]],
    ["partly_granted", "waiting", ["p-2"]],
    ["granted", "waiting", ["p-2"]],
    ["denied", "waiting", []],
    ["granted", "ran", []],
  ])("an approval that is %s is linked by its card while its route is %s", async (approvalState, state, linked) => {
    const at = GIVEN_UP_AT;
    const about = { at, kind: "approval", route: "docs" };
    const timeline = [
      { ...about, approval: "p-1", state: "superseded" },
      { ...about, approval: "p-2", state: "requested" },
      { ...about, approval: "p-2", state: approvalState },
      { ...about, route: "site", approval: "p-3", state: "requested" },
    ];
    const shown = delivery(() => "x");
    const routes = [{ route: "docs", state, since: at, waitsFor: "release" }];
    const html = await showing(page, { ...shown, delivery: { ...shown.delivery, routes }, timeline });
    expect(Array.from(html.matchAll(/href="\/console\/approvals#([^"]+)"/g), ([, id]) => id)).toEqual(linked);
  });

  it("an approval that something superseded says what", async () => {
    const endedFor = "what it is about is version 8 since 2026-11-02T08:58:00.000Z";
    const at = "2026-11-02T08:59:00.000Z";
    const timeline = [{ at, kind: "approval", route: "docs", approval: "p-1", state: "superseded", endedFor }];
    expect(await showing(page, { ...delivery(() => "x"), timeline })).toContain(endedFor);
  });

  it("opening it asks for no request: that is behind a button, for whoever may read it", async () => {
    const asked: string[] = [];
    const shown = async (changes: Partial<Visit>) => {
      const ask: Visit["ask"] = async <T>(path: string) => {
        asked.push(path);
        return { ok: true, value: delivery(() => "x") as T };
      };
      return String(await shownBy(await page(visitOf(() => "x", { ask, ...changes }))).main);
    };
    expect(await shown({})).toMatch(
      /<form method="post" action="\/console\/deliveries\/x\/request">.*Show headers and body/s,
    );
    expect(await shown({ mayReadPayload: () => false })).not.toContain("/request");
    expect(asked.filter((path) => path.includes("/request"))).toEqual([]);
  });

  it.each([
    [{ bodyKind: "none" }, "nothing was sent as a webhook. Or the body was not kept"],
    [{ bodyKind: "none", replayOf: "d-first" }, 'It is that of <a href="/console/deliveries/d-first">'],
    [{ bodyKind: "bytes" }, "The body is no text"],
    [{ bodyKind: "text", body: "" }, "The body is empty"],
    [{ bodyKind: "text", body: "x", isCut: true }, "The body goes on"],
    [{ bodyKind: "json", body: '{"a":[1]}' }, "{\n  &quot;a&quot;: [\n    1\n  ]\n}"],
    [{ bodyKind: "none" }, "Headers were not recorded"],
    [{ bodyKind: "none", headers: [{ name: "x-gitlab-token" }] }, "present, not kept"],
    [{ bodyKind: "none", removed: 2 }, "<b>2</b>"],
  ])("the request %j says %s", async (request, words) => {
    const whole = {
      delivery: "d-1",
      receivedAt: "2026-11-02T08:59:59.000Z",
      removed: 0,
      bodyBytes: 9,
      bodyDigest: "ab",
    };
    const ask: Visit["ask"] = async <T>() => ({ ok: true, value: { ...whole, ...request } as T });
    const { main } = shownBy(
      await requestPage(
        visitOf(() => "x", { ask }),
        new URLSearchParams(),
        "d-1",
      ),
    );
    expect(String(await main)).toContain(words);
  });

  describe("that was opened from a list", () => {
    const rows = ["d-c", "d-b", "d-a"].map((id) => ({
      ...delivery(() => "x").delivery,
      id,
      about: { title: `Title ${id}` },
    }));
    const asked: string[] = [];
    /** A list of two pages: the newest two, and the oldest. */
    const openedFrom = async (list: string, id: string): Promise<string> => {
      asked.length = 0;
      const ask: Visit["ask"] = async <T>(path: string) => {
        asked.push(path);
        const { pathname, searchParams } = new URL(path, "https://bridge.example.test");
        const isSecond = searchParams.get("cursor") !== null;
        const listed = isSecond
          ? { deliveries: rows.slice(2) }
          : { deliveries: rows.slice(0, 2), next: "1793610000000.d-b" };
        const one = { ...delivery(() => "x"), delivery: { ...delivery(() => "x").delivery, id } };
        return { ok: true, value: (pathname === "/v1/deliveries" ? listed : one) as T };
      };
      const url = new URL(`https://bridge.example.test/console/deliveries/${id}?${new URLSearchParams({ in: list })}`);
      return String(
        await shownBy(
          await deliveryPage(
            visitOf(() => "x", { ask, url }),
            id,
          ),
        ).main,
      );
    };
    const linkIn = (html: string, rel: string): string | undefined =>
      new RegExp(`<a rel="${rel}" href="([^"]+)">`).exec(html)?.[1]?.replaceAll("&amp;", "&");

    it("it leads back to the list and to the rows before and after it, with the query of the list", async () => {
      const html = await openedFrom("source=wiki&state=", "d-c");
      expect(html).toContain('href="/console/deliveries?source=wiki&amp;state="');
      expect(asked).toContain("/v1/deliveries?limit=36&source=wiki");
      expect(linkIn(html, "prev")).toBeUndefined();
      expect(linkIn(html, "next")).toBe(`/console/deliveries/d-b?in=${encodeURIComponent("source=wiki&state=")}`);
      expect(linkIn(await openedFrom("source=wiki", "d-b"), "prev")).toBe("/console/deliveries/d-c?in=source%3Dwiki");
    });

    it("the row after the last of a page is the first of the next page, and its list is that page", async () => {
      const html = await openedFrom("source=wiki", "d-b");
      const list = encodeURIComponent("source=wiki&cursor=1793610000000.d-b");
      expect(linkIn(html, "next")).toBe(`/console/deliveries/d-a?in=${list}`);
      expect(linkIn(await openedFrom("cursor=1793610000000.d-b", "d-a"), "next")).toBeUndefined();
    });

    it("newer deliveries have pushed it off its page: older ones follow it, unless the list has another order", async () => {
      await openedFrom("source=wiki", "d-z");
      expect(asked.at(-1)).toContain(`cursor=${Date.parse("2026-11-02T08:59:59.000Z")}.d-z`);
      expect(linkIn(await openedFrom("sort=who", "d-z"), "prev")).toBeUndefined();
      expect(asked.at(-1)).not.toContain(".d-z");
    });

    it("without a list it leads nowhere, and asks for no list", async () => {
      expect(
        await showing(
          page,
          delivery(() => "x"),
        ),
      ).not.toContain('class="near"');
    });
  });

  it("the preview of a replay says what each route calls, its state, and whether it needs an approval", async () => {
    const shown = delivery(() => "x");
    const line = { at: "2026-11-02T08:59:00.000Z", kind: "scheduled", action: "tekton" };
    const found = {
      ...shown,
      delivery: { ...shown.delivery, routes: [{ route: "docs", target: "ci", state: "given_up", since: line.at }] },
      timeline: [
        { ...line, route: "docs" },
        { ...line, route: "site" },
      ],
    };
    const counts = { runs: 1, unsafe: 0, replayed: 0, unmatched: 0, forbidden: 0 };
    const preview = {
      routes: [
        { ...counts, route: "docs", state: "given_up", needsApproval: true },
        { ...counts, route: "site", state: "ran", unsafe: 1 },
      ],
    };
    const at = async (may: Visit["may"]): Promise<string> => {
      const ask: Visit["ask"] = async <T>(path: string) => ({
        ok: true,
        value: (path === "/v1/replay-preview" ? preview : found) as T,
      });
      return String(
        await shownBy(
          await replayPreviewPage(
            visitOf(() => "x", { ask, may }),
            "d-1",
          ),
        ).main,
      );
    };
    const page = await at(() => true);
    expect(textOf(page)).toMatch(
      /docs ci ✕ given up ! needs an approval site its target ! may have run already: it would/,
    );
    const buttonsIn = (html: string) => [...html.matchAll(/<button[^>]*>([^<]*)/g)].map(([, words]) => words);
    expect(buttonsIn(page)).toEqual(["all routes", "route docs", "route site"]);
    expect(buttonsIn(await at((_, route) => route === "docs"))).toEqual(["route docs"]);
    expect(buttonsIn(await at(() => false))).toEqual([]);
  });

  it("a target that gave up says what to do next, and leads to the preview of running all of it again", async () => {
    const [one] = targets(() => "x").targets;
    const list = { targets: [{ ...one, state: "rejecting", why: "2 actions given up: no such pipeline" }] };
    const shown = async (may: Visit["may"]) => showing(targetsPage, list, { may });
    const page = await shown(() => true);
    expect(textOf(page)).toMatch(/2 actions given up: no such pipeline\..*What to do: remove the cause/);
    expect(page).toMatch(
      /action="\/console\/replays\/preview"[\s\S]*name="query" value="state=given_up&amp;target=listener&amp;since=/,
    );
    expect(await shown(() => false)).not.toContain("/console/replays/preview");
  });

  it.each([
    ["may not replay", { may: () => false }, {}],
    ["could replay no route", {}, { timeline: [] }],
    [
      "would replay a delivery that nobody proved",
      {},
      { delivery: { ...delivery(() => "x").delivery, shadowRejection: { reason: "issuer_unknown" } } },
    ],
  ])("the page of a delivery offers no replay to a visitor who %s", async (_, visit, changes) => {
    expect(
      await showing(
        page,
        delivery(() => "x"),
      ),
    ).toContain("Run it again");
    expect(await showing(page, { ...delivery(() => "x"), ...changes }, visit)).not.toContain("Run it again");
  });

  it("the page of an event about an approval shows the delivery that needs it", async () => {
    const { events, ...rest } = delivery(() => "x");
    const [event] = events;
    const own = {
      ...rest,
      delivery: { ...rest.delivery, source: "approvals" },
      events: [{ ...event, detail: { ...event?.detail, origin: { delivery: "d-origin" } } }],
    };
    const ask: Visit["ask"] = async <T>(path: string) => {
      const about = { title: "Release notes" };
      const origin = {
        ...rest,
        delivery: { ...rest.delivery, id: "d-origin", what: "page.updated", about },
        timeline: [],
      };
      return { ok: true, value: (path.endsWith("d-origin") ? origin : own) as T };
    };
    const html = String(await shownBy(await page(visitOf(() => "x", { ask }))).main);
    expect(html).toContain('Traced back to <a href="/console/deliveries/d-origin">page.updated</a> of Release notes.');
  });

  it("the page of a delivery shows an origin only if the origin's timeline confirms it", async () => {
    const {
      events: [event],
      ...rest
    } = delivery(() => "x");
    const claiming = {
      ...rest,
      events: [{ ...event, detail: { ...event?.detail, origin: { delivery: "d-origin" } } }],
    };
    const answering =
      (isSo: boolean): Visit["ask"] =>
      async <T>(path: string) => {
        const entry = {
          at: "2026-11-02T09:00:00.000Z",
          kind: "followed_by",
          delivery: isSo ? "x" : "y",
          what: "build",
        };
        return { ok: true, value: (path.endsWith("d-origin") ? { ...rest, timeline: [entry] } : claiming) as T };
      };
    for (const isSo of [true, false]) {
      const html = String(await shownBy(await page(visitOf(() => "x", { ask: answering(isSo) }))).main);
      expect(html.includes("Traced back to")).toBe(isSo);
    }
  });
});

const htmlOf = async (page: (visit: Visit) => ReturnType<typeof deliveriesPage>, answer: object) => {
  const ask: Visit["ask"] = async <T>(path: string) => ({ ok: true, value: answerTo(path, answer) as T });
  return String(await shownBy(await page(visitOf(() => "x", { ask }))).main);
};

describe("a delivery whose run is without a report for too long", () => {
  it("the list has a mark with the time of the last report", async () => {
    const listed = { ...delivery(() => "x").delivery, noReportSince: "2026-11-02T08:02:00.000Z" };
    const shown = await htmlOf(deliveriesPage, { deliveries: [listed] });
    expect(shown).toMatch(/no report<\/span> since <time[^>]*2026-11-02T08:02:00/);
    expect(await htmlOf(deliveriesPage, { deliveries: [delivery(() => "x").delivery] })).not.toContain("no report");
  });
});

describe("a delivery that repeats another", () => {
  const repeating = { ...delivery(() => "x").delivery, repeats: "d-first" };
  it("the list and the delivery's page lead to the delivery that it repeats", async () => {
    const link = '<a href="/console/deliveries/d-first">';
    expect(await htmlOf(deliveriesPage, { deliveries: [repeating] })).toContain(link);
    const shown = { ...delivery(() => "x"), delivery: repeating };
    expect(await htmlOf((visit) => deliveryPage(visit, "x"), shown)).toContain(link);
  });
});

describe("the list of deliveries", () => {
  it("the list of deliveries asks the HTTP API for the fields of the form, and for no field that was left empty", async () => {
    const asked: string[] = [];
    const ask: Visit["ask"] = async <T>(path: string) => {
      asked.push(path);
      return { ok: true, value: answerTo(path, { deliveries: [], lookedBackTo: "2026-11-01T09:00:00.000Z" }) as T };
    };
    for (const query of [
      "",
      "within=1e300",
      "text=&within=6&outcome=refused&other=1",
      "within=1&until=2026-11-02T08:30",
      // One or the other: the form keeps two times, until somebody chooses how far back.
      "within=1&since=2026-11-01T00:00&until=2026-11-01T08:00",
      "within=range&since=2026-11-01T00:00&until=2026-11-01T08:00",
      "within=168&find=main",
    ]) {
      await deliveriesPage(visitOf(() => "x", { ask, url: new URL(`https://bridge.example.test/console?${query}`) }));
    }
    expect(asked.map((path) => Object.fromEntries(new URL(path, "https://b").searchParams))).toEqual([
      { limit: "36" },
      {},
      {},
      { limit: "36" },
      {},
      {},
      { limit: "36", outcome: "refused", since: "2026-11-02T03:00:00.000Z" },
      { since: "2026-11-02T03:00:00.000Z" },
      { since: "2026-11-02T03:00:00.000Z" },
      { limit: "36", until: "2026-11-02T08:30:00.000Z", since: "2026-11-02T07:30:00.000Z" },
      { until: "2026-11-02T08:30:00.000Z", since: "2026-11-02T07:30:00.000Z" },
      { until: "2026-11-02T08:30:00.000Z", since: "2026-11-02T07:30:00.000Z" },
      { limit: "36", since: "2026-11-02T08:00:00.000Z" },
      { since: "2026-11-02T08:00:00.000Z" },
      { since: "2026-11-02T08:00:00.000Z" },
      { limit: "36", until: "2026-11-01T08:00:00.000Z", since: "2026-11-01T00:00:00.000Z" },
      { until: "2026-11-01T08:00:00.000Z", since: "2026-11-01T00:00:00.000Z" },
      { until: "2026-11-01T08:00:00.000Z", since: "2026-11-01T00:00:00.000Z" },
      { limit: "36", find: "main" },
      {},
    ]);
  });

  it("the first column says what the list is sorted by: the receipt, or when the listed state began", async () => {
    const one = {
      id: "d-1",
      source: "wiki",
      receivedAt: "2026-11-02T06:00:00.000Z",
      outcome: "event",
      what: "page.updated",
      subject: "s",
      principal: { issuer: "i", subject: "p", method: "oidc", credential: "k", roles: [] },
      state: "given_up",
      stateSince: "2026-11-02T07:00:00.000Z",
      routes: [
        { route: "docs", state: "given_up", since: "2026-11-02T07:00:00.000Z" },
        { route: "site", state: "retrying", since: "2026-11-02T08:00:00.000Z" },
      ],
    };
    const firstColumn = async (query: string) => {
      const url = new URL(`https://bridge.example.test/console/deliveries?${query}`);
      const list = { deliveries: [one], lookedBackTo: "2026-11-01T09:00:00.000Z" };
      const page = await showing(deliveriesPage, list, { url });
      const [, heading] = /<th scope="col" class="c-at"[^>]*><a[^>]*>(\w+)/.exec(page) ?? [];
      const [, time] = /<td class="c-at"><time datetime="([^"]+)"/.exec(page) ?? [];
      return [heading, time];
    };
    expect(await firstColumn("")).toEqual(["Received", one.receivedAt]);
    expect(await firstColumn("state=given_up")).toEqual(["Since", "2026-11-02T07:00:00.000Z"]);
    expect(await firstColumn("state=retrying,waiting")).toEqual(["Since", "2026-11-02T08:00:00.000Z"]);
    // A state that nobody has to look at has no index, so its list is in the order of receipt.
    expect(await firstColumn("state=given_up,ran")).toEqual(["Received", one.receivedAt]);
  });

  it("each row leads to its delivery with the query of the list, whatever that has", async () => {
    const listed = deliveries(() => "x");
    for (const query of [{ state: "given_up,waiting" }, { find: "a,b%2Cc&state=cut +%", state: "given_up,waiting" }]) {
      const url = new URL(`https://bridge.example.test/console/deliveries?${new URLSearchParams(query)}`);
      const page = await showing(deliveriesPage, listed, { url });
      const [, href = ""] = /<td class="c-what"><a href="([^"]+)"/.exec(page) ?? [];
      const list = new URL(href.replaceAll("&amp;", "&"), url).searchParams.get("in");
      expect(Object.fromEntries(new URLSearchParams(list ?? ""))).toEqual(query);
    }
  });

  it("a list of the audit has no chart, and nothing to run again; one of refused requests leads to those at gateways", async () => {
    const [one] = deliveries(() => "x").deliveries;
    if (one === undefined) throw new Error("no delivery");
    const { routes: _, state: __, ...rest } = one;
    const audit = { ...rest, outcome: "audit" as const, what: "upstream_refused", subject: "registry scope_forbidden" };
    const shownWith = (listed: object, query: string) =>
      showing(
        deliveriesPage,
        { deliveries: [listed], lookedBackTo: one.receivedAt },
        { url: new URL(`https://bridge.example.test/console/deliveries?${query}`) },
      );
    const audited = await shownWith(audit, "outcome=audit");
    expect(audited).toContain("refusal at a gateway");
    expect(audited).not.toMatch(/<svg|Run the selected again|type="checkbox" name="delivery"/);
    const events = await shownWith(one, "text=x");
    expect(events).toMatch(/<svg[\s\S]+Run the selected again/);
    const toGateways = 'href="/console/deliveries?type=upstream_refused"';
    for (const query of ["state=refused", "outcome=refused"])
      expect(await shownWith({ ...audit, outcome: "refused" }, query)).toContain(toGateways);
    expect(events).not.toContain(toGateways);
  });

  it("a choice sends the value that it was opened with, however it is spaced", async () => {
    const chosen = async (type: string) => {
      const url = new URL(`https://bridge.example.test/console/deliveries?${new URLSearchParams({ type })}`);
      const page = await showing(
        deliveriesPage,
        deliveries(() => "x"),
        { url },
      );
      return /<select name="type">.*?(<option[^>]* selected>[^<]*)/s.exec(page)?.[1];
    };
    expect(await chosen("code.pushed")).toBe("<option selected>code.pushed");
    expect(await chosen("code.")).toBe('<option value="code." selected>code.*');
    // A browser takes a value from the text without its outer spaces.
    expect(await chosen("old  name ")).toBe('<option value="old  name " selected>old  name ');
  });

  it("the reason stands below the route that it belongs to, and the other routes below it", async () => {
    const since = GIVEN_UP_AT;
    const routes = [
      { route: "mobile-build", state: "accepted_without_run", since, why: "no run was reported in 20 min" },
      { route: "release-deploy", state: "waiting", since, why: "needs approval p-1", waitsFor: "release" },
    ];
    const [one] = deliveries(() => "x").deliveries;
    const page = await showing(deliveriesPage, { deliveries: [{ ...one, state: "accepted_without_run", routes }] });
    const [, cell = ""] = /<td class="c-state">(.*?)<\/td>/s.exec(page) ?? [];
    expect(cell.replace(/<[^>]*>/g, " ")).toMatch(/mobile-build.*no run was reported in 20 min.*release-deploy/s);
  });

  it("a look-up that finds nothing leads to the search for its text, with the other filters kept", async () => {
    const found = async (query: string) => {
      const url = new URL(`https://bridge.example.test/console/deliveries?${query}`);
      return showing(deliveriesPage, { deliveries: [], lookedBackTo: "2026-11-01T09:00:00.000Z" }, { url });
    };
    const page = await found("find=payments&source=wiki");
    expect(page).toMatch(/href="\?source=wiki&(amp;)?text=payments"/);
    expect(page).toContain("The search reads the last 7 days");
    expect(await found("text=payments")).not.toContain("Search for the text");
  });

  it("the chart of a filtered list draws each state in its interval, and the sums are given in words", async () => {
    const at = (minute: number, state: string) => ({
      id: "d-1",
      source: "wiki",
      outcome: "event",
      state,
      what: "x",
      principal: { subject: "x", issuer: "x" },
      receivedAt: `2026-11-02T08:${minute}:00.000Z`,
    });
    const filtered = (visit: Visit) =>
      deliveriesPage({ ...visit, url: new URL("https://bridge.example.test/console/deliveries?source=wiki") });
    const html = await showing(filtered, {
      deliveries: [at(59, "given_up"), at(59, "ran"), at(12, "ran"), at(12, "ran")],
    });
    const bars = Array.from(html.matchAll(/<title>([^<]*)<\/title>/g), ([, title]) => title);
    expect(bars).toEqual([
      "11-02 08:58–08:59 UTC: 1 delivery given up, 1 delivery received",
      "11-02 08:12–08:12 UTC: 2 deliveries received",
    ]);
    expect(html.replace(/<[^>]*>/g, "")).toMatch(/Only the 4 listed:\s*✕ given up1 delivery\s*received3 deliveries/);
  });

  it("what was given up is never green: its state is first in the row and on its page, with the route and the reason", async () => {
    const routes = [{ route: "docs", target: "ci", state: "given_up", since: GIVEN_UP_AT, why: "refused (400)" }];
    const failed = { state: "given_up", stateSince: GIVEN_UP_AT, routes };
    const [one] = deliveries(() => "x").deliveries;
    const list = await showing(deliveriesPage, { deliveries: [{ ...one, ...failed }] });
    const shown = delivery(() => "x");
    const page = await showing((visit) => deliveryPage(visit, "d-1"), {
      ...shown,
      delivery: { ...shown.delivery, ...failed },
    });
    for (const html of [list.slice(list.indexOf("<tbody>")), page]) {
      expect(html).toMatch(
        /^[^✓]*?<span class="badge bad[^>]*><span aria-hidden="true">✕<\/span>[^✓]*given up<\/span>/,
      );
      expect(html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ")).toMatch(/docs.* refused \(400\)/);
    }
  });
});

describe("pages that only say what happened", () => {
  const visit = visitOf(() => "x", { name: "Axel Brandt", me: { ...visitOf(() => "x").me, roles: ["approver"] } });

  it("a person without the role reads who they are, which roles they have, and whom to ask", async () => {
    const main = String(await problemPage({ title: "No", status: 403, reason: "role_missing" }, visit).main);
    expect(main).toContain("<b>Axel Brandt</b>, with the role approver");
    expect(main).toContain("ask the people who keep the configuration");
    expect(main).not.toContain("Add the role under");
    const none = { ...visit, me: { ...visit.me, roles: [] } };
    expect(String(await problemPage({ title: "No", status: 403, reason: "role_missing" }, none).main)).toContain(
      "without a role",
    );
  });

  it("what is not there leads on, and an error keeps the menu of whoever is signed in", async () => {
    const problem = { title: "There is no such path", status: 404 };
    expect(String(await problemPage(problem, visit).main)).toContain('href="/console/deliveries"');
    expect(String(await layout(problemPage(problem, visit), visit))).toContain('aria-label="Pages"');
  });

  it("a wrong value in an address is explained in words for the page, not for the caller of the API", async () => {
    const title = 'The query parameter "since" must be a time in ISO 8601';
    const shown = problemPage({ title, status: 400, reason: "query_invalid" }, visit);
    expect(shown.title).toBe("A value in the address or in a field does not fit");
    const main = String(await shown.main);
    expect(main).toContain("must be a time");
    expect(main).not.toContain("<code>parameter</code>");
    expect(main).toContain(`<a href="${visit.url.pathname}">`);
  });

  it("what is not there has no hint about the configuration", async () => {
    const unknown = { title: "There is no such delivery", status: 404, reason: "delivery_unknown" };
    expect(String(await problemPage(unknown, visit).main)).not.toContain("limits.retentionDays");
    const forced = { title: "The route is given_up", status: 409, reason: "replay_unsafe" };
    expect(String(await problemPage(forced, visit).main)).not.toContain("<code>force</code>");
  });

  it("only the script says that it refreshes the page", async () => {
    const page = String(await layout({ title: "x", main: html`x`, refreshSeconds: 15 }, visit));
    expect(page).toContain('data-refresh-seconds="15"');
    expect(page).not.toContain("Refreshed every");
  });

  it("the menu has only what the person may read", async () => {
    const menuOf = async (changes: Partial<Visit>) =>
      Array.from(
        String(await layout({ title: "x", main: html`x` }, { ...visit, ...changes })).matchAll(
          /<a href="([^"]+)" [^>]*>[A-Z]/g,
        ),
        ([, path]) => path,
      );
    expect(await menuOf({})).toHaveLength(10);
    expect(await menuOf({ hasAccess: true })).toContain("/console/access");
    for (const path of ["/console/rollbacks", "/console/promotions"])
      expect(await menuOf({ may: () => false })).not.toContain(path);
    expect(await menuOf({ mayReadBridge: false })).not.toContain("/console/targets");
    expect(await menuOf({ may: () => false, mayReadBridge: false, mayReadDeliveries: false })).toEqual([
      "/console/approvals",
      "/console/orders",
    ]);
  });
});

describe("the preview of a bulk replay", () => {
  it("it says of which routes the runs wait for an approval", async () => {
    const counts = { state: "given_up", runs: 2, unsafe: 0, replayed: 0, unmatched: 0, forbidden: 0 };
    const routes = [
      { ...counts, route: "docs", needsApproval: true },
      { ...counts, route: "site" },
    ];
    const preview = (visit: Visit) => previewPage(visit, new URLSearchParams({ which: "all" }));
    const page = await showing(preview, { deliveries: 2, total: 4, routes });
    expect(page.match(/needs an approval/g)).toHaveLength(1);
    expect(page).toMatch(/docs <span class="badge warn">.*needs an approval/);
  });
});

describe("the figures of the home page", () => {
  const overview = overviewOf(() => "x");
  const [, pageTarget] = overview.targets ?? [];
  const linksOf = async (targets: readonly (typeof pageTarget)[]) => {
    const page = await showing(homePage, { ...overview, pages: { ...overview.pages, hasMore: undefined }, targets });
    const tile = /<h2>Pages<\/h2>.*?<\/section>/s.exec(page)?.[0] ?? "";
    return Array.from(tile.matchAll(/<a href="([^"]*)">([^<]*)/g), ([, path, text]) => [
      path?.replaceAll("&amp;", "&"),
      text,
    ]);
  };

  it("each figure of the pages leads to the state, the target and the time that it counts", async () => {
    expect(await linksOf([pageTarget])).toEqual([
      ["/console/deliveries?state=given_up&target=pages&within=24", "1 write given up in the last day"],
      [
        "/console/deliveries?state=retrying&target=pages&within=2160&until=2026-11-02T08%3A49",
        "2 writes overdue by more than 10 min",
      ],
      [
        "/console/deliveries?state=waiting&target=pages&within=2160",
        "3 writes wait for something that a person can change",
      ],
    ]);
    expect(await linksOf([pageTarget, pageTarget])).toEqual([]);
  });

  it("the figure of refused requests leads to their line, which is open, and to why they have no delivery", async () => {
    const refused = {
      refusals: [
        {
          source: "wiki",
          reason: "signature_mismatch",
          count: 92,
          since: GIVEN_UP_AT,
          lastAt: GIVEN_UP_AT,
          requests: [],
        },
      ],
      sources: [],
      from: GIVEN_UP_AT,
    };
    const listOf = async (listed: readonly object[]) => {
      const ask: Visit["ask"] = async <T>(path: string) => {
        const value = answerTo(path, { deliveries: listed, lookedBackTo: GIVEN_UP_AT });
        return { ok: true, value: (path.startsWith("/v1/refusals") ? refused : value) as T };
      };
      const url = new URL("https://bridge.example.test/console/deliveries?source=wiki&state=refused&within=24");
      return String(await shownBy(await deliveriesPage(visitOf(() => "x", { ask, url }))).main);
    };
    const empty = await listOf([]);
    expect(empty).toMatch(/<details class="refusals" open>.*92 requests, without a delivery/);
    expect(empty).toContain("The refused requests above have no delivery");
    expect(empty).not.toContain("No deliveries found");
    const [one] = deliveries(() => "x").deliveries;
    expect(await listOf([{ ...one, outcome: "refused", state: "refused" }])).toContain(
      '<details class="refusals"><summary>',
    );
  });
});

describe("the home page with many sources", () => {
  const overview = overviewOf(() => "x");
  const [source] = overview.sources ?? [];
  const sources = (well: number, failing: number) => [
    ...Array.from({ length: failing }, (_, at) => ({ ...source, source: `bad-${at}`, level: "failing" })),
    ...Array.from({ length: well }, (_, at) => ({ ...source, source: `well-${at}`, level: "well" })),
  ];
  const rowsOf = async (well: number, failing: number) => {
    const page = await showing(homePage, { ...overview, sources: sources(well, failing), targets: [] });
    return { rows: page.match(/<td class="number" data-name="Last good">/g)?.length, page };
  };

  it("what is well is one line that opens, and every problem has its row", async () => {
    const { rows, page } = await rowsOf(20, 3);
    expect(rows).toBe(3);
    expect(page).toMatch(/<details class="fold"><summary>.*well<\/span>20 sources are well/);
    expect(page).toContain('href="/console/deliveries?source=well-19"');
  });

  it("few rows are all shown", async () => {
    const { rows, page } = await rowsOf(6, 0);
    expect(rows).toBe(6);
    expect(page).not.toContain("fold");
  });
});

describe("the credentials page", () => {
  it.each([
    ["2026-11-02T08:40:00.000Z", "(within the hour)"],
    ["2026-11-02T06:10:00.000Z", "(2 h ago)"],
  ])("the last use at %s is shown no more exactly than it is known", async (lastUsedAt, words) => {
    const [credential] = credentials(() => "x").credentials;
    const page = await showing(credentialsPage, { credentials: [{ ...credential, lastUsedAt }] });
    expect(page).toContain(words);
    expect(page).toContain(`>${lastUsedAt.slice(11, 13)}:00:00 UTC</time>`);
  });
});

describe("the page of promotions", () => {
  const preview = {
    route: "docs",
    from: "staging",
    to: "production",
    run: { delivery: "d-9", firedAt: "2026-11-02T08:00:00.000Z", state: "succeeded", reference: "c".repeat(40) },
    behind: "production is 3 commits behind staging",
  };

  it("it shows what would run, and its form names exactly that run", async () => {
    const html = await showing(promotionsPage, preview);
    for (const text of [
      "production is 3 commits behind staging",
      "c".repeat(40),
      '"run" value="d-9"',
      '"to" value="production"',
    ])
      expect(html).toContain(text);
  });

  it("it has no button for what would be refused, and says why", async () => {
    const problem = { reason: "promotion_outdated", title: "It was rolled back in staging by d-10" };
    const html = await showing(promotionsPage, { ...preview, problem });
    expect(html).toContain(problem.title);
    expect(html).not.toContain("<button>Promote");
  });

  it("it offers nothing to a visitor who may promote nothing", async () => {
    const html = await showing(promotionsPage, preview, { may: () => false });
    expect(html).toContain("do not let you promote");
    expect(html).not.toContain("d-9");
  });
});

describe("the page of rollbacks", () => {
  const run = (delivery: string, changes: object = {}) => ({
    ...{ delivery, firedAt: "2026-11-02T08:00:00.000Z", state: "succeeded", what: "code.pushed" },
    ...changes,
  });
  const pageOf = (good: readonly object[], to?: string) => {
    const url = new URL(
      `https://bridge.example.test/console/rollbacks?route=docs&environment=live${to ? `&to=${to}` : ""}`,
    );
    return showing(
      rollbacksPage,
      { route: "docs", places: [{ environment: "live", newest: run("d-9"), good }] },
      { url },
    );
  };

  it("two choices differ in what ran: the commit, the tag or the version, and the time", async () => {
    const commits = ["d", "c"].map((digit) => ({ id: digit.repeat(40), title: `Commit ${digit}` }));
    const [at, endedAt] = ["subject", "2026-11-01T07:12:40.000Z"];
    const shown = await pageOf([
      run("d-8", { subject: at, commits, reference: "c".repeat(40), endedAt }),
      run("d-7", { subject: at, reference: "e".repeat(40), tag: "v1.2" }),
      run("d-6", { what: "page.updated", title: "Handbook", reference: "7" }),
    ]);
    const choices = Array.from(shown.matchAll(/<label class="check">(.*?)<\/label>/gs), ([, one = ""]) =>
      one
        .replace(/<[^>]*>/g, "")
        .replace(/\s+/g, " ")
        .trim(),
    );
    expect(choices).toEqual([
      "✓ succeeded11-01 07:12:40 UTC (1 d ago): cccccccc Commit c code.pushed",
      "✓ succeeded08:00:00 UTC (1 h ago): tag v1.2: subject, commit eeeeeeee code.pushed",
      "✓ succeeded08:00:00 UTC (1 h ago): Handbook, version 7 page.updated",
    ]);
  });

  it("the button of its form stands at the height of the field, as on the other pages with such a form", async () => {
    for (const page of [rollbacksPage, promotionsPage, threadPage])
      expect(
        await showing(page, { route: "docs", places: [] }, { url: new URL("https://bridge.example.test/") }),
      ).toContain('<form class="filters"');
    const { text = "" } = ASSETS["/console/style.css"] ?? {};
    expect(text).toMatch(/^\.filters \{[^}]*align-items: end;[^}]*margin-bottom: /m);
    expect(text).toMatch(/\.filters button \{ min-height: 2\.35rem; \}/);
  });

  it("before it runs, it says whether it needs an approval, and of whom", async () => {
    const approval = { people: 1, roles: ["release"] };
    const good = [run("d-8", { approval }), run("d-7")];
    expect(await pageOf(good, "d-8")).toContain(
      "<dt>Needs an approval</dt><dd>of one person with the role release, and not you</dd>",
    );
    expect(await pageOf(good, "d-7")).not.toContain("approval");
  });
});

describe("the page of orders", () => {
  const inputs = [{ name: "reason", kind: "pattern", pattern: "a+", maxLength: 9 }];
  const listed = { orders: [{ order: "deploy-docs", inputs }] };
  const preview = (visit: Visit) =>
    previewOrderPage(visit, new URLSearchParams({ "input.reason": "b" }), "deploy-docs");
  const textOf = (markup: string) => markup.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");

  it("what an input must be has no backticks, and stands there once if the value is wrong", async () => {
    expect(await showing(ordersPage, listed)).toMatch(/It is a text of the form [^`]*<code>\$\(<\/code>[^`]*<\/p>/);
    const title = `The input "reason" must be ${INERT}`;
    const problem = { status: 400, title, reason: "input_invalid", input: "reason" } as const;
    const ask: Visit["ask"] = async <T>(path: string) =>
      path.endsWith("/preview") ? { ok: false, problem } : { ok: true, value: listed as T };
    const wrong = String(await shownBy(await preview(visitOf(() => "x", { ask }))).main);
    expect(wrong).toContain("without <code>$(</code>");
    expect(wrong).not.toContain("It is a text");
  });

  it("it says who approves the run; what nobody can approve is not offered as the usual next step", async () => {
    const shown = (approval: object) =>
      showing(preview, { order: "deploy-docs", routes: [{ route: "docs", target: "ci", approval }] });
    const usual = await shown({ people: 1, roles: ["approver"] });
    expect(textOf(usual)).toContain("needs an approval of one person with the role approver, and not you");
    expect(usual).toContain("<button>Place the order");
    const stuck = await shown({ people: 1, roles: [] });
    expect(textOf(stuck)).toContain("Nobody can approve docs: no role may.");
    expect(stuck).toContain('<button class="plain">Place the order');
  });
});

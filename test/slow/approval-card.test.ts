import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessibilityProblems } from "../support/accessibility.ts";
import { chromiumPath, openChromium } from "../support/chromium.ts";
import { consoleBridge } from "../support/console-bridge.ts";
import { push } from "../support/console-traffic.ts";

const executable = chromiumPath();
const SCREENSHOTS = join(import.meta.dirname, "../../.drawbridge/screenshots");
const LEFT_OUT = executable ? "" : " (left out: no chromium on PATH, and CHROMIUM_PATH is not set)";
const PROJECT = "https://gitlab.example.test/platform/docs";

const commit = (id: string, message: string) => ({
  id,
  message,
  url: `${PROJECT}/-/commit/${id}`,
  author: { name: "Ines Okafor", email: "ines@example.test" },
  timestamp: "2026-11-02T08:50:00Z",
});
const [FIRST, SECOND] = ["5d0e7a1c".padEnd(40, "1"), "c4a1e7d2".padEnd(40, "2")];

describe.skipIf(executable === undefined)(`the card of an approval in Chromium${LEFT_OUT}`, () => {
  let bridge: Awaited<ReturnType<typeof consoleBridge>>;
  let browser: Browser;
  beforeAll(async () => {
    bridge = await consoleBridge({ gatesPushes: true });
    browser = await openChromium(executable ?? "");
    mkdirSync(SCREENSHOTS, { recursive: true });
    const commits = [
      commit(FIRST, "Rename the release checklist"),
      commit(SECOND, "Roll back to the previous certificate if the new one is refused\n\nSee the runbook."),
    ];
    const user = { user_id: 58, user_name: "Ines Okafor", user_username: "ines" };
    await bridge.gitlabPush(
      push("main", { ...user, after: SECOND, checkout_sha: SECOND, commits, total_commits_count: 2 }),
    );
  });
  afterAll(async () => {
    await browser?.close();
    await bridge?.stop();
  });

  it.each([
    ["desktop", 1280, 900],
    ["phone", 390, 844],
  ])("the card says what will run and who asked, and fits a %s", async (name, width, height) => {
    const context = await browser.newContext({ viewport: { width, height } });
    const page = await context.newPage();
    await page.goto(new URL("/console/approvals", bridge.url).href);
    await page.getByRole("button", { name: "axel" }).click();
    await page.getByRole("heading", { name: /push-build of platform\/docs/ }).waitFor();
    const card = page.getByRole("article");
    const text = await card.innerText();
    expect(text).toContain("Ines Okafor");
    expect(text).toContain("Rename the release checklist");
    expect(text).toMatch(/Still missing\s+2 people with the role approver/);
    expect(await card.getByText("Emergency", { exact: true }).count()).toBe(0);
    expect(await card.getByRole("link", { name: "See all changes" }).getAttribute("href")).toBe(
      `${PROJECT}/-/compare/${"a".repeat(40)}...${SECOND}`,
    );
    const id = await card.getAttribute("aria-labelledby");
    await page.goto(new URL(`/console/approvals#${id}`, bridge.url).href);
    const isWide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth");
    expect(isWide).toBe(false);
    expect(await accessibilityProblems(page, "main")).toEqual([]);
    await page.screenshot({ path: join(SCREENSHOTS, `approval-card-${name}.png`), fullPage: true });
    await context.close();
  });

  it("one person of two has granted it, and somebody who leads incidents grants it in an emergency with a reason", async () => {
    const pageOf = async (person: string) => {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
      const page = await context.newPage();
      await page.goto(new URL("/console/approvals", bridge.url).href);
      await page.getByRole("button", { name: person }).click();
      const card = page.getByRole("article");
      await card.waitFor();
      return { page, card, context };
    };
    const axel = await pageOf("axel");
    await axel.card.getByText("Grant…").click();
    await axel.card.getByRole("button", { name: "Grant push-build" }).click();
    await axel.page.getByText("approval partly granted").waitFor();
    const nora = await pageOf("nora");
    expect(await nora.card.innerText()).toMatch(/Approved by\s+axel/);
    const grant = nora.card.getByRole("button", { name: "Grant in an emergency" });
    expect(await grant.isVisible()).toBe(false);
    await nora.card.getByText("Emergency", { exact: true }).click();
    expect(await accessibilityProblems(nora.page, "main")).toEqual([]);
    await nora.page.screenshot({ path: join(SCREENSHOTS, "emergency-desktop.png"), fullPage: true });
    await nora.page.setViewportSize({ width: 390, height: 844 });
    await nora.page.screenshot({ path: join(SCREENSHOTS, "emergency-phone.png"), fullPage: true });
    await grant.click();
    expect(await grant.isVisible()).toBe(true);
    await nora.card.getByLabel("Reason").fill("INC-4711: the shop is down");
    await grant.click();
    await nora.page.getByText(/^The approval p-\w+ for push-build of platform\/docs main is granted\.$/).waitFor();
    await nora.page.setViewportSize({ width: 1280, height: 900 });
    await nora.page.screenshot({ path: join(SCREENSHOTS, "emergency-after.png"), fullPage: true });
    await axel.page.reload();
    const shown = axel.page.getByText("approval granted in an emergency");
    await shown.waitFor();
    expect(await axel.page.getByText("INC-4711: the shop is down", { exact: true }).isVisible()).toBe(true);
    await axel.page.screenshot({ path: join(SCREENSHOTS, "emergency-timeline.png"), fullPage: true });
    await Promise.all([axel.context.close(), nora.context.close()]);
  });
});

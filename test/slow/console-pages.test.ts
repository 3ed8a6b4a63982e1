import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../shared/host/clock.ts";
import { accessibilityProblems } from "../support/accessibility.ts";
import { busyConsole } from "../support/busy-console.ts";
import { chromiumPath, openChromium } from "../support/chromium.ts";
import { consoleBridge } from "../support/console-bridge.ts";
import { edit, push } from "../support/console-traffic.ts";
import { legibilityOf } from "../support/legibility.ts";
import { until } from "../support/until.ts";

const executable = chromiumPath();
/** Written by each run. */
const SCREENSHOTS = join(import.meta.dirname, "../../.drawbridge/screenshots");

const NAME = "the console, as on-call sees it in Chromium";
const LEFT_OUT = " (left out: no chromium on PATH, and CHROMIUM_PATH is not set)";

const WINDOWS = [
  { name: "desktop", width: 1280, height: 900, colorScheme: "light" },
  { name: "desktop-dark", width: 1280, height: 900, colorScheme: "dark" },
  { name: "phone", width: 390, height: 844, colorScheme: "dark" },
] as const;

/** Runs in the page: focuses each visible control in turn, and gives the outline that it then has. */
const FOCUS_EACH = `[...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary")]
  .filter((control) => control.checkVisibility({ visibilityProperty: true }) && control.getClientRects().length > 0)
  .map((control) => {
    control.focus();
    const isFocused = document.activeElement === control;
    return { text: control.innerText, outline: isFocused ? getComputedStyle(control).outlineStyle : "none" };
  })`;

/** Runs in the page: the controls that are smaller than WCAG 2.2 (2.5.8) allows, except those in a sentence. */
const SMALL_CONTROLS = `[...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary")]
  .filter((control) => {
    const { width, height } = control.getBoundingClientRect();
    const isShown = control.checkVisibility({ visibilityProperty: true }) && width > 1;
    const isInline = getComputedStyle(control).display === "inline";
    const isInText = isInline && control.closest("p, li, dd, td, h2, label") !== null;
    return isShown && !isInText && (width < 24 || height < 24);
  })
  .map((control) => control.outerHTML.slice(0, 80))`;

/** Runs in the page: the texts of the list's rows that reach beyond their cells, where a cell does not cut them off. */
const TEXTS_BEYOND_CELLS = `[...document.querySelectorAll("table.rows td:not(.select)")].flatMap((cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const isBeyond = range.getBoundingClientRect().right > cell.getBoundingClientRect().right + 0.5;
  return isBeyond && getComputedStyle(cell).overflowX === "visible" ? [cell.innerText] : [];
})`;

/** Runs in the page: the range of the chart, and each label with its place in percent. */
const AXIS = `(({ dataset: { from, to } }) => ({ from, to,
  labels: [...document.querySelectorAll("figure.range .axis text:not(.zone)")].map((one) => [one.textContent, parseFloat(one.getAttribute("x"))]) }))(document.querySelector("figure.range"))`;
const axis = v.object({ from: v.string(), to: v.string(), labels: v.array(v.tuple([v.string(), v.number()])) });

describe.skipIf(executable === undefined)(executable ? NAME : NAME + LEFT_OUT, () => {
  let bridge: Awaited<ReturnType<typeof consoleBridge>>;
  let browser: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    bridge = await consoleBridge();
    browser = await openChromium(executable ?? "");
    mkdirSync(SCREENSHOTS, { recursive: true });
  });
  afterAll(async () => {
    await browser?.close();
    await bridge?.stop();
  });

  /** A new browser context in which this person has signed in. */
  async function signIn(
    person: string,
    window: (typeof WINDOWS)[number] = WINDOWS[0],
    url: URL = bridge.url,
  ): Promise<Page> {
    const { width, height, colorScheme } = window;
    const context: BrowserContext = await browser.newContext({ viewport: { width, height }, colorScheme });
    const page = await context.newPage();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(new URL("/console", url).href);
    await page.getByRole("button", { name: person }).click();
    await page.waitForURL(({ pathname }) => pathname === "/console" || pathname === "/console/approvals");
    return page;
  }
  const picture = async (page: Page, name: string): Promise<void> => {
    const file = join(SCREENSHOTS, `console-${name}.png`);
    // Other slow tests keep the processors busy.
    await page.screenshot({ path: file, fullPage: true, timeout: 120_000 });
    process.stdout.write(`screenshot: ${file}\n`);
  };
  const heading = (page: Page) => page.getByRole("heading", { level: 1 }).innerText();

  it("the page of a delivery shows why a run started, from its first line to the end, while the run continues", async () => {
    const page = await signIn("olga");
    await bridge.gitlabPush(push());
    await page.goto(new URL("/console/deliveries?type=code.", bridge.url).href);
    await page.getByRole("link", { name: "platform/docs main" }).first().click();
    // The page is not loaded again. It refreshes itself.
    await page.getByText("build.succeeded ci/push-build").waitFor();
    const trace = await page.locator("ol.trace").innerText();
    expect(trace).toMatch(/due\s+push-build matched: tekton/);
    expect(trace).toMatch(/accepted\s+push-build accepted by the listener/);
    await page.getByRole("link", { name: "build.succeeded ci/push-build" }).click();
    await page.getByText("Traced back to").waitFor();
    await page.getByRole("link", { name: "code.pushed" }).click();
    await picture(page, "delivery");
    await page.getByRole("button", { name: "Show headers and body" }).click();
    await page.getByText("webhook-signature").waitFor();
    await picture(page, "request");
    expect(await accessibilityProblems(page, "body")).toEqual([]);
    await page.context().close();
  });

  it("another person approves and sees the result", async () => {
    await bridge.pageEdit(edit(2, "rita", systemClock.now()));
    const page = await signIn("axel");
    await page.getByRole("navigation").getByRole("link", { name: "Approvals" }).click();
    await page.getByRole("heading", { name: /waiting\s+page-build of Deploying the docs/ }).waitFor();
    await page.getByRole("heading", { name: "Waiting for you (1)" }).waitFor();
    const counted = page.getByRole("link", { name: "Approvals 1 waiting for you" });
    await counted.waitFor();
    await picture(page, "approvals");
    await page.getByRole("link", { name: "Home" }).click();
    await picture(page, "home-waiting");
    await page.getByRole("link", { name: "page-build of Deploying the docs" }).click();
    await page.getByText("Grant…").click();
    await picture(page, "approval-grant");
    await page.getByLabel("Comment").first().fill("Read it, it is good");
    await page.getByRole("button", { name: "Grant page-build" }).click();
    await page.getByText("Read it, it is good", { exact: true }).waitFor();
    await page.getByText("accepted by the listener").first().waitFor();
    await page.goto(new URL("/console/approvals", bridge.url).href);
    expect(await page.getByRole("main").innerText()).toContain("No approval is waiting for you");
    expect(await counted.count()).toBe(0);
    await page.context().close();
  });

  it("a decision needs no script: it is behind a step, and the decided one is in the history", async () => {
    await bridge.pageEdit(edit(3, "rita", systemClock.now()));
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(new URL("/console/approvals", bridge.url).href);
    await page.getByRole("button", { name: "axel" }).click();
    // The page does not refresh itself without a script.
    const waiting = page.getByRole("heading", { name: /page-build of Deploying the docs/ });
    await until(
      "the approval to be listed",
      async () => {
        await page.reload();
        return waiting.count();
      },
      (count) => count > 0,
    );
    // A second try finds what the first one left waiting beside its own.
    await page.getByText("Deny…").first().click();
    await page.getByText("Nothing runs, and the request ends.").locator("visible=true").waitFor();
    await page.getByLabel("Comment").locator("visible=true").fill("Not on a Friday");
    await page.getByRole("button", { name: "Deny page-build" }).locator("visible=true").click();
    await page.waitForURL(/\/console\/deliveries\/d-/);
    await page.goto(new URL("/console/approvals?state=ended", bridge.url).href);
    await page.getByText("Not on a Friday").first().waitFor();
    await picture(page, "decided");
    await context.close();
  });

  it("a delivery is run again, and a route is rolled back", async () => {
    const page = await signIn("olga");
    await page.goto(new URL("/console/deliveries?type=code.", bridge.url).href);
    await page.getByRole("link", { name: "platform/docs main" }).last().click();
    await page.getByText("Run it again…").click();
    await page.getByRole("heading", { name: "Run it again?" }).waitFor();
    await picture(page, "replay-preview");
    await page.getByRole("button", { name: "route push-build" }).click();
    await page.getByText(/Run again from d-/).waitFor();
    expect(await page.getByRole("main").innerText()).toMatch(/Authenticated as\s+olga of/);
    await page.getByText("build.succeeded ci/push-build").waitFor();
    await page.getByRole("navigation").getByRole("link", { name: "Roll back" }).click();
    await page.getByLabel("Route").selectOption("push-build");
    await page.getByRole("button", { name: "Show its runs" }).click();
    await picture(page, "rollbacks");
    await page.getByRole("button", { name: "See what would run" }).click();
    await page.getByRole("heading", { name: "Roll back push-build?" }).waitFor();
    await picture(page, "rollback");
    await page.getByRole("button", { name: "Roll back" }).click();
    await page.getByText(/Rolled back to d-/).waitFor();
    await page.context().close();
  });

  it("the page of a rejected person names the missing role", async () => {
    const page = await signIn("rita");
    await page.goto(new URL("/console/deliveries", bridge.url).href);
    expect(await heading(page)).toBe('The role "on-call" is needed');
    await picture(page, "refused");
    // The browser reports the 403 in its console.
    complaints.splice(0);
    await page.context().close();
  });

  it("a person who signs out has left, and another can sign in", async () => {
    const page = await signIn("olga");
    await page.locator(".me summary").click();
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    expect(await heading(page)).toBe("You have signed out");
    // The next person has to sign in.
    await page.getByRole("link", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "axel" }).click();
    await page.locator(".me summary").click();
    await page.getByText("Roles: on-call, approver").waitFor();
    await page.context().close();
  });

  describe.each(WINDOWS)("in a window called $name", (window) => {
    let page: Page;
    beforeAll(async () => {
      page = await signIn("olga", window);
    });
    afterAll(() => page?.context().close());

    it.each([
      ["home", "/console"],
      ["deliveries", "/console/deliveries"],
      ["delivery", "/console/deliveries/"],
      ["approvals", "/console/approvals"],
      ["rollbacks", "/console/rollbacks?route=push-build"],
      ["targets", "/console/targets"],
      ["credentials", "/console/credentials"],
    ])(
      "every text of %s has a contrast of at least 4.5 to 1 and lies on no other, and the page fits its window",
      async (name, path) => {
        if (path.endsWith("/")) await page.locator("table.rows td a").first().click();
        else await page.goto(new URL(path, bridge.url).href);
        await picture(page, `${name}-${window.name}`);
        const { texts, overflow, covered } = await legibilityOf(page, "body");
        expect(texts.length).toBeGreaterThan(5);
        expect(texts.filter(({ contrast }) => contrast < 4.5)).toEqual([]);
        expect(overflow).toBe(0);
        expect(covered).toEqual([]);
        if (path.endsWith("/")) await page.goBack();
      },
    );

    it.each([
      ["home", "/console"],
      ["deliveries", "/console/deliveries?state=given_up&within=24"],
      ["approvals", "/console/approvals"],
      ["targets", "/console/targets"],
    ])("each control of %s is at least 24 pixels high and wide, unless it is part of a sentence", async (_, path) => {
      await page.goto(new URL(`${path}#pages`, bridge.url).href);
      expect(await page.evaluate(SMALL_CONTROLS)).toEqual([]);
    });

    it.each([
      ["home", "/console"],
      ["approvals", "/console/approvals"],
      ["decided approvals", "/console/approvals?state=ended"],
      ["rollbacks", "/console/rollbacks?route=push-build"],
      ["targets", "/console/targets"],
      ["credentials", "/console/credentials"],
      ["an address that does not exist", "/console/nothing"],
      ["the page after signing out", "/console/signed-out"],
    ])("axe finds nothing on %s", async (_, path) => {
      await page.goto(new URL(path, bridge.url).href);
      expect(await accessibilityProblems(page, "body")).toEqual([]);
    });

    it("whoever is asked who they are can read it, and it fits the window", async () => {
      const { width, height, colorScheme } = window;
      const context = await browser.newContext({ viewport: { width, height }, colorScheme });
      const stranger = await context.newPage();
      await stranger.goto(new URL("/console", bridge.url).href);
      await picture(stranger, `who-${window.name}`);
      const { texts, overflow } = await legibilityOf(stranger, "body");
      expect(texts.filter(({ contrast }) => contrast < 4.5)).toEqual([]);
      expect(overflow).toBe(0);
      expect(await accessibilityProblems(stranger, "body")).toEqual([]);
      await context.close();
    });

    it("the console works by keyboard: the content is one step away, and each focused control has an outline", async () => {
      await page.goto(new URL("/console", bridge.url).href);
      await page.keyboard.press("Tab");
      expect(await page.locator(":focus").innerText()).toBe("Skip to the content");
      const outlines = v.parse(
        v.array(v.object({ text: v.string(), outline: v.string() })),
        await page.evaluate(FOCUS_EACH),
      );
      expect(outlines.length).toBeGreaterThan(5);
      expect(outlines.filter(({ outline }) => outline === "none")).toEqual([]);
    });
  });

  describe.each([10, 10_000])("with %i deliveries of a week", (count) => {
    let busy: Awaited<ReturnType<typeof busyConsole>>;
    beforeAll(async () => {
      busy = await busyConsole(count);
    }, 240_000);
    afterAll(() => busy?.stop());
    const at = (path: string): string => new URL(path, busy.url).href;
    const rows = (page: Page) => page.locator("table.rows tbody tr");

    it.each(WINDOWS)("the list is legible, without a fault that axe finds, and small: $name", async (window) => {
      const page = await signIn("olga", window, busy.url);
      for (const [name, path] of [
        ["list", "/console/deliveries"],
        ["attention", "/console/deliveries?state=given_up,accepted_without_run,cut,retrying,waiting,refused,unusable"],
        ["none", "/console/deliveries?find=nobody-of-that-name"],
      ] as const) {
        const answer = await page.goto(at(path));
        expect((await answer?.body())?.length).toBeLessThan(60_000);
        await picture(page, `deliveries-${name}-${count}-${window.name}`);
        const { texts, overflow } = await legibilityOf(page, "body");
        expect(texts.filter(({ contrast }) => contrast < 4.5)).toEqual([]);
        expect(overflow).toBe(0);
        expect(await accessibilityProblems(page, "main")).toEqual([]);
      }
      await page.context().close();
    });

    it("on a phone the first row is in the first half of the screen", async () => {
      const phone = WINDOWS[2];
      const page = await signIn("olga", phone, busy.url);
      await page.goto(at("/console/deliveries"));
      const box = await rows(page).first().boundingBox();
      expect(box?.y).toBeLessThan(phone.height / 2);
      await page.context().close();
    });
  });

  describe("a storm at 02:10", () => {
    let busy: Awaited<ReturnType<typeof busyConsole>>;
    let page: Page;
    beforeAll(async () => {
      busy = await busyConsole(2_000);
      page = await signIn("olga", WINDOWS[0], busy.url);
    }, 240_000);
    afterAll(async () => {
      await page?.context().close();
      await busy?.stop();
    });
    const at = (path: string): string => new URL(path, busy.url).href;
    const rows = () => page.locator("table.rows tbody tr");

    it.each(["UTC", "Asia/Kolkata"])("no text of the list lies on the next cell, in %s", async (timezoneId) => {
      const context = await browser.newContext({ timezoneId });
      const shown = await context.newPage();
      await shown.goto(at("/console/deliveries"));
      await shown.getByRole("button", { name: "olga" }).click();
      await shown.goto(at("/console/deliveries?state=given_up"));
      // Rows of another day have the date beside the time.
      await shown
        .locator("table.rows td.c-at", { hasText: /\d\d-\d\d / })
        .first()
        .waitFor();
      for (const font of ["system-ui", "DejaVu Sans"]) {
        await shown.evaluate(`document.body.style.fontFamily = "${font}"`);
        for (const width of [390, 800, 1024, 1280, 1440]) {
          await shown.setViewportSize({ width, height: 900 });
          expect([font, width, await shown.evaluate(TEXTS_BEYOND_CELLS)]).toEqual([font, width, []]);
        }
      }
      await context.close();
    });

    it.each(["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide", "America/New_York"])(
      "the labels of the chart are whole times of the day where they stand, and each time has UTC beside it, in %s",
      async (timezoneId) => {
        const context = await browser.newContext({ timezoneId });
        const shown = await context.newPage();
        await shown.goto(at("/console/deliveries"));
        await shown.getByRole("button", { name: "olga" }).click();
        const format = (time: number, options: Intl.DateTimeFormatOptions): string =>
          new Intl.DateTimeFormat("en-GB", { timeZone: timezoneId, ...options }).format(time);
        for (const within of ["", "24", "6", "1"]) {
          await shown.goto(at(`/console/deliveries?within=${within}`));
          const { from, to, labels } = v.parse(axis, await shown.evaluate(AXIS));
          const [start, end] = [from, to].map((text) => Date.parse(`${text}Z`)) as [number, number];
          expect(labels.length).toBeGreaterThan(2);
          for (const [label, percent] of labels) {
            // The place is rounded to a hundredth of a percent at worst.
            const time = Math.round((start + (percent / 100) * (end - start)) / 900_000) * 900_000;
            const clock = format(time, { hour: "2-digit", minute: "2-digit" });
            const day = format(time, { day: "2-digit", month: "short" });
            expect([within, label]).toEqual([within, clock === "00:00" ? day : clock]);
            if (within !== "1" && within !== "6") expect(clock).toMatch(/:00$/);
          }
        }
        await shown.goto(at("/console/deliveries"));
        const times = await shown.locator("table.rows td.c-at").allInnerTexts();
        const form =
          timezoneId === "UTC"
            ? /^(\d\d-\d\d )?\d\d:\d\d:\d\d UTC$/
            : /^(\d\d-\d\d )?\d\d:\d\d:\d\d (\d\d-\d\d )?\d\d:\d\d UTC$/;
        expect(times.map((text) => text.replace(/\s+/g, " ")).filter((text) => !form.test(text))).toEqual([]);
        await context.close();
      },
    );

    it("a click on the highest bar of the chart zooms in on it, and the links lead out again", async () => {
      await page.goto(at("/console/deliveries?state=given_up"));
      const whole = await page.locator("figure.range").getAttribute("data-from");
      const titles = await page.locator(".hits title").allTextContents();
      const counts = titles.map((title) => Number(/(\d+) routes? given up/.exec(title)?.[1] ?? 0));
      await page
        .locator(".hits a")
        .nth(counts.indexOf(Math.max(...counts)))
        .click();
      await page.waitForURL(/since=.*until=/);
      expect(await page.locator("figure.range").getAttribute("data-from")).not.toBe(whole);
      expect(await rows().count()).toBeGreaterThan(10);
      await page.getByRole("link", { name: "Whole week" }).click();
      expect(page.url()).toBe(at("/console/deliveries?state=given_up"));
    });

    it("a drag over the chart is the range", async () => {
      await page.goto(at("/console/deliveries"));
      const plot = await page.locator("svg.plot").boundingBox();
      if (plot === null) throw new Error("there is no chart");
      await page.mouse.move(plot.x + plot.width * 0.5, plot.y + 40);
      await page.mouse.down();
      await page.mouse.move(plot.x + plot.width * 0.7, plot.y + 40, { steps: 5 });
      await page.mouse.up();
      await page.waitForURL(/since=.*until=/);
      const range = new URL(page.url()).searchParams;
      const ms = (name: string): number => Date.parse(`${range.get(name)}Z`);
      const days = (ms("until") - ms("since")) / 86_400_000;
      expect(days).toBeGreaterThan(1);
      expect(days).toBeLessThan(2);
    });

    it("failures are selected by keyboard alone, and the preview says what would run again", async () => {
      await page.goto(at("/console/deliveries?state=given_up"));
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
      await page.keyboard.press("j");
      await page.keyboard.press("x");
      await page.keyboard.press("j");
      await page.keyboard.press("x");
      await page.getByRole("button", { name: "Run 2 selected again…" }).focus();
      await page.keyboard.press("Enter");
      await page.getByText("2 selected deliveries.").waitFor();
      await page.goBack();
      await page.keyboard.press("/");
      await page.keyboard.type("main");
      await page.keyboard.press("Enter");
      await page.waitForURL(/find=main/);
    });

    it("without scripts the list, the chart's links and the choices work", async () => {
      const context = await browser.newContext({ javaScriptEnabled: false });
      const plain = await context.newPage();
      await plain.goto(at("/console/deliveries"));
      await plain.getByRole("button", { name: "olga" }).click();
      await plain.getByLabel("State").selectOption("given_up");
      await plain.getByRole("button", { name: "Show" }).click();
      await plain.getByRole("link", { name: "As a table" }).click();
      await plain.locator("table.counted a").first().click();
      expect(new URL(plain.url()).searchParams.get("state")).toBe("given_up");
      await plain.locator("table.rows tbody .c-what a").first().click();
      await plain.getByRole("heading", { name: "Timeline" }).waitFor();
      await context.close();
    });

    it("a delivery that arrives is shown without loading the page again, until somebody pauses it", async () => {
      await page.goto(at("/console/deliveries"));
      await busy.gitlabPush(push("arrives-now"));
      await rows().filter({ hasText: "arrives-now" }).first().waitFor();
      await page.keyboard.press("p");
      await page.getByText("Paused").waitFor();
    });
  });

  it("no page causes a message in the browser's own console", () => {
    // One of the addresses does not exist.
    expect(complaints.filter((one) => !one.includes("status of 404"))).toEqual([]);
  });
});

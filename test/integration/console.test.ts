import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../../shared/cli/run-command.ts";
import { PAGES } from "../../shared/console/console.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { commandHost } from "../support/command-host.ts";
import { AUDIENCE, consoleBridge, ROBOT } from "../support/console-bridge.ts";
import { edit, push } from "../support/console-traffic.ts";
import { standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";
import { fieldIn, type Shown, type Visitor } from "../support/visitor.ts";

const DEPLOY = {
  roles: ["on-call"],
  inputs: { environment: { choice: ["staging", "live"] }, commit: { ref: "commit" } },
};
let bridge: Awaited<ReturnType<typeof consoleBridge>>;
/** A push whose run has ended. */
let pushed: string;
beforeAll(async () => {
  bridge = await consoleBridge({ changes: { orders: { "deploy-docs": DEPLOY } } });
  pushed = ((await (await bridge.gitlabPush(push())).json()) as { readonly delivery: string }).delivery;
  await until(
    "the push's run to succeed",
    async () => (await fetchJson<ApiResponse>(`/v1/deliveries/${pushed}`)).timeline,
    (timeline) => timeline.some(({ what }) => String(what).startsWith("build.succeeded")),
  );
  // Her order is refused, and the rejection is recorded.
  const { visitor, shown } = await bridge.signIn("rita");
  await bridge.order(visitor, shown, "/console/orders/deploy-docs", { key: "k", "input.environment": "live" });
});
afterAll(() => bridge?.stop());

/** The response of the interface to a path, without the console. */
async function fetchJson<T>(path: string): Promise<T> {
  const authorization = `Bearer ${await bridge.identity.token(ROBOT, AUDIENCE)}`;
  const answer = await fetch(new URL(path, bridge.url), { headers: { authorization } });
  return (await answer.json()) as T;
}

interface ApiResponse {
  readonly deliveries: readonly { readonly id: string; readonly principal: { readonly subject: string } }[];
  readonly timeline: readonly Readonly<Record<string, unknown>>[];
}

/** Requests a page until it shows the words. */
const shows = (visitor: Visitor, path: string, words: string): Promise<Shown> =>
  until(
    `${path} to show "${words}"`,
    () => visitor.go(new URL(path, bridge.url)),
    ({ text }) => text.includes(words),
  );

/** The text of a page, without markup. */
const textOf = ({ text }: Shown): string =>
  text
    .replace(/<[^>]+>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll("&quot;", '"')
    .replace(/\s+/g, " ");

let version = 1;
async function pageEdit(by = "rita"): Promise<void> {
  version += 1;
  const content = edit(version, by, systemClock.now());
  expect((await bridge.pageEdit(content)).status).toBe(202);
}

describe("signing in", () => {
  it("a sign-in leads through the issuer to the page that was asked for", async () => {
    const { shown } = await bridge.signIn("olga", "/console/deliveries?source=wiki");
    expect(shown).toMatchObject({ status: 200, url: new URL("/console/deliveries?source=wiki", bridge.url) });
    expect(textOf(shown)).toMatch(/olga .*Roles: on-call/);
  });

  it("every person of the trust entry can sign in, and the interface decides what each may see", async () => {
    const { visitor } = await bridge.signIn("rita");
    const shown = await visitor.go("/console/deliveries");
    expect(shown.status).toBe(403);
    expect(textOf(shown)).toContain('The role "on-call" is needed');
    expect(textOf(shown)).toContain("role_missing");
    // The rejection of a known caller is recorded, as for every other caller.
    const { deliveries } = await fetchJson<ApiResponse>("/v1/deliveries?outcome=audit&type=read_refused&text=role_");
    expect(deliveries[0]).toMatchObject({
      principal: { subject: "rita", trustEntry: "people" },
      refusedFor: { reason: "role_missing", role: "on-call" },
    });
  });

  it.each([
    ["rita", "/console/approvals"],
    ["nora", "/console/approvals"],
    ["olga", "/console"],
    ["axel", "/console"],
  ] as const)("a sign-in of %s leads to %s, and every page of the menu opens", async (person, first) => {
    const { visitor, shown } = await bridge.signIn(person);
    expect([shown.status, shown.url.pathname]).toEqual([200, first]);
    const [, menu = ""] = /<nav [^>]*aria-label="Pages">([\s\S]*?)<\/nav>/.exec(shown.text) ?? [];
    const paths = Array.from(menu.matchAll(/<a href="([^"]+)"/g), ([, path = ""]) => path);
    expect(paths).toContain(first);
    for (const path of paths) {
      const page = await visitor.go(path);
      expect([page.status, page.url.pathname], path).toEqual([200, path]);
    }
  });

  it.each(["rita", "olga", "axel", "nora"] as const)(
    "no page that %s opens needs a person because of it, and what is refused is in the audit",
    async (person) => {
      const { visitor } = await bridge.signIn(person);
      const listed = async (filter: string) => (await fetchJson<ApiResponse>(`/v1/deliveries?${filter}`)).deliveries;
      const before = await listed("state=refused");
      let refused = 0;
      for (const [path] of PAGES)
        for (const id of ["nothing-has-this-id", "%2e%2e", "deploy-docs"]) {
          const { status } = await visitor.go(path.replace(":id", id));
          if (status >= 400) refused += 1;
        }
      // A route that there is not, in a query.
      await visitor.go("/console/rollbacks?route=nothing");
      await visitor.go("/console/deliveries?until=yesterday");
      await visitor.go("/console/threads?of=commit:nothing");
      expect(refused).toBeGreaterThan(0);
      expect(await listed("state=refused")).toEqual(before);
      const audited = await listed(`outcome=audit&type=read_refused&principal=${person}`);
      expect(audited).not.toEqual([]);
    },
  );

  it("signing out ends the session", async () => {
    const { visitor, shown } = await bridge.signIn("olga");
    expect([...visitor.cookies.keys()]).toContain("drawbridge-session");
    const out = await bridge.order(visitor, shown, "/console/sign-out", {});
    expect(out.url.pathname).toBe("/console/signed-out");
    expect(visitor.cookies.has("drawbridge-session")).toBe(false);
    const asked = await visitor.ask(new URL("/console", bridge.url));
    expect(asked.headers.get("location")).toMatch(/^\/console\/sign-in\?to=/);
  });
});

describe("signing out everywhere", () => {
  it("all sessions of the person end, and nobody else's", async () => {
    const { visitor, shown } = await bridge.signIn("olga");
    const [{ visitor: elsewhere }, { visitor: other }] = [await bridge.signIn("olga"), await bridge.signIn("rita")];
    const out = await bridge.order(visitor, shown, "/console/sign-out", { everywhere: "yes" });
    expect(out.url.pathname).toBe("/console/signed-out");
    const isSignedOut = async (browser: typeof visitor): Promise<boolean> => {
      const location = (await browser.ask(new URL("/console", bridge.url))).headers.get("location");
      return location?.startsWith("/console/sign-in") === true;
    };
    expect([await isSignedOut(elsewhere), await isSignedOut(other)]).toEqual([true, false]);
    const { deliveries } = await fetchJson<ApiResponse>("/v1/deliveries?outcome=audit&type=sessions_revoked");
    expect(deliveries[0]).toMatchObject({ subject: "olga", principal: { subject: "olga" } });
    expect((await bridge.signIn("olga")).shown.status).toBe(200);
  });
});

describe("the pages", () => {
  it("the list shows deliveries, and leads to one delivery with its person, its routes and its timeline", async () => {
    const { visitor } = await bridge.signIn("olga");
    const list = await shows(visitor, "/console/deliveries", ">build.succeeded</td>");
    expect(textOf({ ...list, text: list.text.slice(list.text.indexOf('class="rows"')) })).toMatch(
      /✓ push-build ran code\.pushed platform\/docs main platform\/docs main b{8} nina/,
    );
    expect(list.text).toContain(`<a href="/console/deliveries/${pushed}?in=">platform/docs main</a>`);

    const page = await shows(visitor, `/console/deliveries/${pushed}`, ">build.succeeded ci/push-build");
    expect(textOf(page)).toMatch(/due push-build matched: tekton/);
    expect(textOf(page)).toMatch(/accepted push-build accepted by the listener/);
    expect(textOf(page)).toMatch(/Authenticated as gitlab of drawbridge:source/);

    const [, ended = ""] = /\/console\/deliveries\/(d-\w+)">build\.succeeded/.exec(page.text) ?? [];
    const build = await visitor.go(new URL(`/console/deliveries/${ended}`, bridge.url));
    expect(build.text).toContain(`Traced back to <a href="/console/deliveries/${pushed}">code.pushed</a>`);
  });

  it.each([
    ["outcome=refused", "role_missing", "code.pushed"],
    ["text=platform&type=code.&within=1", "code.pushed", "role_missing"],
    ["principal=rita", "role_missing", "code.pushed"],
    ["until=2020-01-01T00:00", "No deliveries found", "code.pushed"],
    ["find=main&type=code.", "code.pushed", "role_missing"],
    ["find=nobody-of-that-name", "No deliveries found, back to", "code.pushed"],
  ])("the filter %s selects deliveries", async (query, found, left) => {
    const { visitor } = await bridge.signIn("olga");
    const shown = await visitor.go(new URL(`/console/deliveries?${query}`, bridge.url));
    // The choices name every type.
    const list = textOf({ ...shown, text: shown.text.replace(/<select[\s\S]*?<\/select>/g, "") });
    expect(list).toContain(found);
    expect(list).not.toContain(left);
  });

  it("the id of a delivery that somebody looks for opens it", async () => {
    const { visitor } = await bridge.signIn("olga");
    const list = await visitor.go(new URL("/console/deliveries", bridge.url));
    const [, id = ""] = /\/console\/deliveries\/(d-\w+)"/.exec(list.text) ?? [];
    const opened = await visitor.go(new URL(`/console/deliveries?find=${id}`, bridge.url));
    expect(opened.status).toBe(200);
    expect(textOf(opened)).toContain("Timeline");
  });

  it("the home page says how each source and target is, and an old address of the list leads to the list", async () => {
    const { visitor, shown } = await bridge.signIn("olga");
    expect(textOf(shown)).toMatch(/Is it well\?/);
    expect(textOf(shown)).toMatch(/gitlab \d\d:\d\d:\d\d UTC \((now|\d+ (s|min) ago)\)/);
    expect(shown.text).toContain('href="/console/deliveries?target=listener"');
    const list = await visitor.go(new URL("/console?source=gitlab", bridge.url));
    expect(list.url).toEqual(new URL("/console/deliveries?source=gitlab", bridge.url));
  });

  it("a target is paused and resumed on the home page, and the page says who did it and why", async () => {
    const { visitor, shown } = await bridge.signIn("olga");
    const act = (fields: Readonly<Record<string, string>>) =>
      bridge.order(visitor, shown, "/console/targets/pages", { from: "home", key: randomUUID(), ...fields });
    const paused = await act({ do: "pause", reason: "the wiki moves" });
    expect(paused.url.pathname).toBe("/console");
    expect(textOf(paused)).toMatch(/paused by olga for \d+ s: the wiki moves/);
    expect(textOf(await act({ do: "resume" }))).not.toContain("paused by olga");
  });

  it("a filter that is not understood gets an explanation", async () => {
    const { visitor } = await bridge.signIn("olga");
    const shown = await visitor.go(new URL("/console/deliveries?until=yesterday", bridge.url));
    expect(shown.status).toBe(400);
    expect(textOf(shown)).toContain('"until" must be a time in ISO 8601');
  });

  it("the next page begins where the interface says", async () => {
    const { visitor } = await bridge.signIn("olga");
    const { deliveries, next } = await fetchJson<ApiResponse & { next: string }>("/v1/deliveries?limit=1");
    const shown = await visitor.go(new URL(`/console/deliveries?cursor=${next}`, bridge.url));
    expect(shown.text).not.toContain(`/console/deliveries/${deliveries[0]?.id}`);
    expect(shown.text).toContain("/console/deliveries/d-");
    expect(shown.text).not.toContain("data-refresh-seconds");
  });

  it("the credentials are shown with their last use", async () => {
    const { visitor } = await bridge.signIn("olga");
    expect(textOf(await shows(visitor, "/console/credentials", "standard-webhooks"))).toContain("source gitlab");
  });

  it("an unknown address is 404", async () => {
    const { visitor } = await bridge.signIn("olga");
    for (const path of ["/console/deliveries/d-none", "/console/nothing"]) {
      expect((await visitor.go(new URL(path, bridge.url))).status).toBe(404);
    }
  });
});

describe("orders", () => {
  it("a granted approval lets the run through, and the record has the verified identity and the comment", async () => {
    await pageEdit();
    const { visitor } = await bridge.signIn("axel");
    const waiting = await shows(visitor, "/console/approvals", "page-build of");
    expect(textOf(waiting)).toMatch(/waiting page-build of Deploying the docs .*Requested by rita of wiki/);
    const id = /\/console\/approvals\/(p-\w+)/.exec(waiting.text)?.[1] ?? "";
    const decided = await bridge.order(visitor, waiting, `/console/approvals/${id}`, {
      decision: "grant",
      comment: "read it <twice>",
    });
    expect(decided).toMatchObject({ status: 200 });
    const page = await shows(visitor, decided.url.pathname, "accepted by the listener");
    const axel = `<span title="axel of ${bridge.identity.issuer}">`;
    expect(page.text).toContain(`approval granted</span> <b>page-build</b>  by ${axel}`);
    expect(page.text).toContain("<q>read it &lt;twice&gt;</q>");
  });

  it("the request of a delivery is shown to whoever presses for it: opening is no look, and each look is recorded", async () => {
    const { visitor } = await bridge.signIn("olga");
    const path = `/console/deliveries/${pushed}`;
    const looks = async () =>
      (
        await fetchJson<{ readonly deliveries: readonly { readonly subject: string }[] }>(
          "/v1/deliveries?outcome=audit&type=payload_opened",
        )
      ).deliveries.filter(({ subject }) => subject === pushed).length;
    const opened = await visitor.go(path);
    // A link to the address of the answer leads back, and looks at nothing.
    expect((await visitor.go(`${path}/request`)).url.pathname).toBe(path);
    expect(await looks()).toBe(0);
    for (const _ of [1, 2]) {
      const text = textOf(await bridge.order(visitor, opened, `${path}/request`, {}));
      expect(text).toMatch(/x-gitlab-event Push Hook/);
      expect(text).toMatch(/webhook-signature present, not kept/);
      expect(text).toContain('"object_kind": "push"');
    }
    expect(await looks()).toBe(2);
    expect(await command("events", "show", pushed, "--request")).toMatch(
      /webhook-signature +present, not kept.*"object_kind": "push"/s,
    );
    expect(await looks()).toBe(3);
  });

  it("an approval that is granted is among the decided ones before its run starts, and once afterwards", async () => {
    await pageEdit();
    const { visitor } = await bridge.signIn("axel");
    const waiting = await shows(visitor, "/console/approvals", "page-build of");
    const id = /\/console\/approvals\/(p-\w+)/.exec(waiting.text)?.[1] ?? "";
    // Its action would not even ask for the approval if the target were paused before.
    await command("targets", "pause", "listener", "--reason", "the cluster moves");
    const fields = { decision: "grant", comment: "before the freeze" };
    await bridge.order(visitor, waiting, `/console/approvals/${id}`, fields);
    const decided = () => visitor.go("/console/approvals?state=ended");
    expect(textOf(await decided())).toMatch(/✓ granted \d\d:\d\d:\d\d UTC \((now|\d+ s ago)\)/);
    await command("targets", "resume", "listener");
    const fired = await until("the run to start", decided, (page) => !/✓ granted \d/.test(textOf(page)));
    expect(textOf(fired)).toMatch(/✓ granted and fired/);
    expect(fired.text.split("before the freeze")).toHaveLength(2);
  });

  it("an order is not offered to a person without the role, and is rejected nevertheless", async () => {
    await pageEdit();
    const { visitor: axel } = await bridge.signIn("axel");
    const waiting = await shows(axel, "/console/approvals", "page-build of");
    const id = /\/console\/approvals\/(p-\w+)/.exec(waiting.text)?.[1] ?? "";
    const { visitor, shown } = await bridge.signIn("olga");
    const page = await visitor.go("/console/approvals");
    expect(textOf(page)).toContain("Waiting for others (");
    expect(page.text).not.toContain(`/console/approvals/${id}`);
    const rejected = await bridge.order(visitor, shown, `/console/approvals/${id}`, { decision: "grant" });
    expect(rejected.status).toBe(403);
    expect(textOf(rejected)).toContain("role_missing");
    const denied = await bridge.order(axel, waiting, `/console/approvals/${id}`, { decision: "deny" });
    expect(denied.text).toContain("approval denied");
  });

  it("a delivery is run again once, however often the button is pressed", async () => {
    const { visitor } = await bridge.signIn("olga");
    const page = await shows(visitor, `/console/deliveries/${pushed}/replay`, "Run it again?");
    // It says what would be called, and that it has run already.
    expect(textOf(page)).toMatch(/push-build listener .*may have run already: it would run twice/);
    const pressed = () =>
      bridge.order(visitor, page, `/console/deliveries/${pushed}/replay`, {
        key: fieldIn(page, "key"),
        route: "push-build",
      });
    const [first, second] = [await pressed(), await pressed()];
    expect(first.url.pathname).toBe(second.url.pathname);
    expect(textOf(first)).toMatch(/Run again from d-\w+ , for push-build/);
    expect(textOf(first)).toMatch(/Authenticated as olga of/);
    const { timeline } = await fetchJson<ApiResponse>(`/v1/deliveries/${pushed}`);
    expect(timeline.filter(({ kind }) => kind === "replayed")).toMatchObject([
      { by: { subject: "olga", method: "oidc", roles: ["on-call"] }, routes: ["push-build"] },
    ]);
  });

  it("a route is rolled back to a run that the page offers, after it said what would run", async () => {
    const { visitor } = await bridge.signIn("olga");
    const delivery = await visitor.go(new URL(`/console/deliveries/${pushed}`, bridge.url));
    const replay = { key: "for a newer run", route: "push-build" };
    await bridge.order(visitor, delivery, `/console/deliveries/${pushed}/replay`, replay);
    const offered = await shows(visitor, "/console/rollbacks?route=push-build", `name="to" value="${pushed}"`);
    expect(textOf(offered)).toMatch(/Newest run . \w+ .+ Go back to ✓ succeeded/);

    const confirm = await visitor.go(new URL(`/console/rollbacks?route=push-build&to=${pushed}`, bridge.url));
    expect(textOf(confirm)).toMatch(/Roll back push-build\? Replaces .+ Runs again ✓ succeeded .+ code\.pushed/);
    const [to, key] = [fieldIn(confirm, "to"), fieldIn(confirm, "key")];
    const press = () => bridge.order(visitor, confirm, "/console/rollbacks", { route: "push-build", to, key });
    const [done, again] = [await press(), await press()];
    expect(textOf(done)).toMatch(/Rolled back to d-\w+ , for push-build/);
    expect(again.url.pathname).toBe(done.url.pathname);
  });

  it("the page says why a route cannot be rolled back, or not to a run", async () => {
    const { visitor } = await bridge.signIn("olga");
    const form = await visitor.go(new URL("/console/rollbacks", bridge.url));
    expect(form.text).toContain("<option >push-build</option>");
    const status = await visitor.go(new URL("/console/rollbacks?route=status", bridge.url));
    expect(textOf(status)).toContain(
      "No source reports the results of this route's runs; you may roll back: page-build, push-build",
    );
    const gone = await visitor.go(new URL("/console/rollbacks?route=push-build&to=d-gone", bridge.url));
    expect(textOf(gone)).toContain("No rollback can go to d-gone any more.");
    const none = await bridge.order(visitor, form, "/console/rollbacks", { route: "status", key: "1" });
    expect(none.status).toBe(409);
    expect(textOf(none)).toContain("rollback_impossible");
  });
});

describe("the form of an order", () => {
  const filled = { "input.environment": "live", "input.commit": "main" };
  const PATH = "/console/orders/deploy-docs";

  it("a wrong input shows the form again, with the problem at its field and the values kept, and records nothing", async () => {
    const { visitor } = await bridge.signIn("olga", PATH);
    const form = await visitor.go(PATH);
    const wrong = await bridge.order(visitor, form, `${PATH}/preview`, filled);
    expect(wrong.status).toBe(200);
    expect(wrong.text).toMatch(
      /<option selected>live<\/option>[\s\S]+name="input\.commit"[^>]+aria-invalid="true"[^>]+value="main"/,
    );
    expect(textOf(wrong)).toMatch(/commit The input "commit" must be the 40 or 64 hexadecimal digits of a commit/);
    const { deliveries } = await fetchJson<ApiResponse>("/v1/deliveries?outcome=refused&type=input_invalid");
    expect(deliveries).toEqual([]);

    // Placed all the same: it is refused, recorded, and shown in the same form.
    const placed = await bridge.order(visitor, form, PATH, { ...filled, key: "k" });
    expect(placed.text).toContain('aria-describedby="problem"');
    const refused = await fetchJson<ApiResponse>("/v1/deliveries?outcome=refused&type=input_invalid");
    expect(refused.deliveries).toHaveLength(1);
  });

  it("the preview leads back to the form with the values kept, also by its address, without them", async () => {
    const { visitor } = await bridge.signIn("olga", PATH);
    const form = await visitor.go(PATH);
    const right = { ...filled, "input.commit": "c".repeat(40) };
    const preview = await bridge.order(visitor, form, `${PATH}/preview`, right);
    expect(textOf(preview)).toContain("Place deploy-docs?");
    const changed = await bridge.order(visitor, preview, `${PATH}/preview`, { ...right, change: "yes" });
    expect(changed.text).toMatch(new RegExp(`<option selected>live</option>[\\s\\S]+value="${"c".repeat(40)}"`));
    expect(changed.text).not.toContain("aria-invalid");

    const again = await visitor.go(`${PATH}/preview`);
    expect([again.status, again.url.pathname]).toEqual([200, PATH]);
    expect((await visitor.go("/console/replays/preview")).url.pathname).toBe("/console/deliveries");
    expect((await visitor.go("/console/orders/none")).status).toBe(404);
  });
});

describe("the page of roles for a time", () => {
  const PATH = "/console/access";

  it("a role is requested, granted and revoked by forms, and counts in the pages of its holder at once", async () => {
    const { visitor: olga } = await bridge.signIn("olga", PATH);
    const form = await olga.go(PATH);
    expect(textOf(form)).toContain("deputy: at most 60 minutes, granted by approver");
    const wanted = { role: "deputy", minutes: "30", reason: "INC-4711", key: "access-1" };
    const asked = await bridge.order(olga, form, PATH, wanted);
    expect(textOf(asked)).toMatch(/waiting deputy .* olga \(you\) .* INC-4711 .* approver/);
    expect(asked.text).not.toContain('value="grant"');
    await bridge.order(olga, asked, PATH, wanted);

    const { visitor: axel } = await bridge.signIn("axel", PATH);
    expect(textOf(await axel.go("/console/approvals"))).toContain("One request for a role waits for you.");
    expect(textOf(await olga.go("/console/approvals"))).not.toContain("for a role");
    const waiting = await axel.go(PATH);
    const ids = Array.from(waiting.text.matchAll(/action="\/console\/access\/(x-[^"]+)"/g), ([, id = ""]) => id);
    expect(new Set(ids).size).toBe(1);
    const [id = ""] = ids;
    const refused = await bridge.order(olga, asked, `${PATH}/${id}`, { decision: "grant", key: "access-2" });
    expect(refused.status).toBe(403);
    const granted = await bridge.order(axel, waiting, `${PATH}/${id}`, { decision: "grant", comment: "go", key: "k" });
    expect(textOf(granted)).toMatch(/granted deputy .* Granted by axel go/);
    const held = await olga.go(PATH);
    expect(textOf(held)).toContain("Roles: on-call, deputy");
    const revoked = await bridge.order(axel, granted, `${PATH}/${id}`, { decision: "revoke", key: "access-3" });
    expect(textOf(revoked)).toMatch(/Over .* revoked deputy/);
    expect(textOf(await olga.go(PATH))).toContain("Roles: on-call Sign out");
  });
});

/** Runs a command as the robot, which is on call. */
const command = (...args: readonly string[]): Promise<string> => commandUntil(new AbortController(), ...args);

/** Runs a command that is interrupted when the controller is aborted. */
async function commandUntil(controller: AbortController, ...args: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const environment = {
    DRAWBRIDGE_URL: bridge.url.origin,
    DRAWBRIDGE_TOKEN: await bridge.identity.token(ROBOT, AUDIENCE),
  };
  const keep = (line: string): void => {
    lines.push(line);
  };
  await runCommand(args, commandHost({ environment, print: keep, warn: keep, interrupted: () => controller.signal }));
  return lines.join("\n");
}

describe("deliveries that failed", () => {
  const rejected = { kind: "bad_request", errorMessage: "no such pipeline" } as const;
  const stateOf = async (id: string): Promise<unknown> =>
    (await fetchJson<{ readonly delivery: { readonly state: string } }>(`/v1/deliveries/${id}`)).delivery.state;
  const failed = async (): Promise<readonly string[]> =>
    (await fetchJson<ApiResponse>("/v1/deliveries?state=given_up")).deliveries.map(({ id }) => id);

  async function failingPush(branch: string): Promise<string> {
    bridge.listener.answerNext(rejected);
    const { delivery } = (await (await bridge.gitlabPush(push(branch))).json()) as { readonly delivery: string };
    await until(
      "it to be given up",
      () => stateOf(delivery),
      (state) => state === "given_up",
    );
    return delivery;
  }

  it("a drill: all failures of a route are counted, run again by one command, stopped and continued, and none runs twice", async () => {
    const ids: string[] = [];
    for (const branch of ["one", "two", "three"]) ids.push(await failingPush(branch));
    const select = ["--state", "given_up", "--since", "1h", "--route", "push-build"];
    const preview = await command("events", "replay", ...select, "--dry-run");
    expect(preview).toMatch(/^push-build +given_up +3\n3 would run again; nothing was sent$/m);
    expect((await failed()).toSorted()).toEqual(ids.toSorted());

    const runs = bridge.listener.requests.length;
    const controller = new AbortController();
    const stopping = commandUntil(controller, "events", "replay", ...select, "--rate", "1", "--reason", "INC-4711");
    await until("the first replay", () => bridge.listener.requests.length > runs);
    controller.abort(130);
    const [, done = "", left = ""] =
      /^stopped: (\d) run again, 0 had been before, (\d) left; the same command/.exec(await stopping) ?? [];
    // On a slow machine the second one may run before the order is stopped.
    expect([Number(done) + Number(left), Number(left) > 0]).toEqual([3, true]);
    // The one that was under way when the order was stopped may have run after all: then it has not failed any more.
    expect(await command("events", "replay", ...select, "--reason", "INC-4711")).toMatch(
      /^[12] run again, 0 had been before, 0 left$/,
    );
    await until("three runs", () => bridge.listener.requests.length === runs + 3);
    expect(await command("events", "replay", ...select, "--reason", "INC-4711")).toMatch(/^0 run again/);

    // A failure that was replayed needs nobody any more, and says what took its place.
    expect(await failed()).toEqual([]);
    const [first = ""] = ids;
    expect(await stateOf(first)).toBe("superseded");
    expect(await command("events", "show", first)).toMatch(/run again as d-\w+, for push-build by robot.*: INC-4711/);
    const again = ["events", "replay", ...ids.flatMap((id) => ["--delivery", id]), "--reason", "again", "--force"];
    expect(await command(...again)).toMatch(/^3 run again/);
    expect(await command(...again)).toMatch(/^0 run again, 3 had been before/);
  }, 60_000);

  it("a drill: failures are selected in the list, counted, run again with a reason, and shown with their progress", async () => {
    const ids = [await failingPush("four"), await failingPush("five")];
    const { visitor } = await bridge.signIn("olga");
    const list = await visitor.go(new URL("/console/deliveries?state=given_up", bridge.url));
    for (const id of ids) expect(list.text).toContain(`name="delivery" value="${id}"`);
    const [first = ""] = ids;
    const query = fieldIn(list, "query").replaceAll("&amp;", "&");
    const one = await bridge.order(visitor, list, "/console/replays/preview", {
      which: "selected",
      delivery: first,
      query,
    });
    expect(textOf(one)).toMatch(/1 selected delivery\..*push-build ✕ given up 1 .*Run 1 again/);
    expect((await failed()).toSorted()).toEqual(ids.toSorted());

    const all = await bridge.order(visitor, list, "/console/replays/preview", { which: "all", query });
    expect(textOf(all)).toMatch(/2 deliveries match state=given_up.*push-build ✕ given up 2/);
    const order = { which: "all", query, today: "false", force: "false", key: fieldIn(all, "key") };
    expect((await bridge.order(visitor, all, "/console/replays", { ...order, reason: "" })).status).toBe(400);
    const runs = bridge.listener.requests.length;
    const pressed = () => bridge.order(visitor, all, "/console/replays", { ...order, reason: "INC-4712" });
    const [done, again] = [await pressed(), await pressed()];
    expect(again.url.pathname).toBe(done.url.pathname);
    expect(textOf(done)).toMatch(/✓ done .*INC-4712 , ordered .* by olga 2 of 2 2 run again/);
    await until("two runs", () => bridge.listener.requests.length === runs + 2);
    expect(await failed()).toEqual([]);
    const orders = await visitor.go(new URL("/console/replays", bridge.url));
    expect(textOf(orders)).toMatch(/INC-4712 push-build 2 of 2 olga/);
  });

  it("a form that orders or stops replays needs its form token, and who may replay nothing is offered none", async () => {
    const { visitor } = await bridge.signIn("olga");
    for (const path of ["/console/replays", "/console/replays/preview", "/console/replays/r-1/stop"]) {
      const forged = await visitor.post(path, { form: "forged", which: "all", query: "", reason: "x", key: "1" });
      expect([forged.status, textOf(forged)]).toEqual([403, expect.stringContaining("form_forged")]);
    }
  });

  it("what may have run already is not run again without --force, and a selection needs a condition", async () => {
    expect(await command("events", "replay", pushed, "--dry-run")).toMatch(/NEED --force\n.* ran +0 +1\n0 would run/);
    expect(await command("events", "replay", pushed, "--reason", "again")).toMatch(/^0 run again,.* 1 .*need --force$/);
    await expect(command("events", "replay", pushed, "--force")).rejects.toThrow(/--reason/);
    await expect(command("events", "replay")).rejects.toMatchObject({ code: "usage_invalid" });
  });
});

describe("targets", () => {
  it("a drill: a target is paused by a command, its actions wait and say so, and it is resumed on the page", async () => {
    expect(await command("targets", "pause", "listener", "--reason", "upgrade of the cluster")).toMatch(
      /^listener is paused by robot since \S+: upgrade of the cluster$/,
    );
    expect(await command("targets", "list")).toMatch(
      /^listener +! paused .*paused by robot for \d+ s: upgrade of the cluster$/m,
    );
    const answer = (await (await bridge.gitlabPush(push("paused"))).json()) as {
      readonly delivery: string;
    };
    await until(
      "the action to wait",
      () => command("events", "show", answer.delivery),
      (shown) => /target listener paused by robot since \S+: upgrade of the cluster/.test(shown),
    );

    const { visitor } = await bridge.signIn("olga");
    const page = await shows(visitor, "/console/targets", "upgrade of the cluster");
    expect(textOf(page)).toMatch(/paused listener paused by robot for \d+ s: upgrade of the cluster; 1 action due/);
    const { visitor: axel } = await bridge.signIn("axel");
    const rejected = await bridge.order(axel, page, "/console/targets/listener", { do: "resume", key: "t-1" });
    expect(rejected.status).toBe(403);
    const resumed = await bridge.order(visitor, page, "/console/targets/listener", { do: "resume", key: "t-2" });
    expect(textOf(resumed)).toMatch(/working listener/);
    await until(
      "the run",
      () => command("events", "show", answer.delivery),
      (text) => text.includes("accepted by the listener"),
    );
    const audited = await command("events", "list", "--outcome", "audit", "--type", "target_");
    expect(audited).toMatch(/target_paused +listener: upgrade of the cluster/);
  });

  it("a pause needs a reason, a target that exists and the role", async () => {
    await expect(command("targets", "pause", "listener")).rejects.toMatchObject({ code: "usage_invalid" });
    await expect(command("targets", "pause", "nowhere", "--reason", "x")).rejects.toThrow(
      /^404 There is no such target; you may name listener, pages \(target_unknown/,
    );
    await expect(command("targets", "resume", "nowhere")).rejects.toThrow(
      /you may name listener, pages \(target_unknown/,
    );
  });
});

it("there is no console without a configuration for it", async () => {
  const plain = await standaloneBridge();
  for (const path of ["/console", "/console/style.css"]) {
    expect((await fetch(new URL(path, plain.url), { redirect: "manual" })).status).toBe(404);
  }
  await plain.stop();
});

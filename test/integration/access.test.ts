import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { runCommand } from "../../shared/cli/run-command.ts";
import { systemClock, toSeconds } from "../../shared/host/clock.ts";
import type { ListedAccess, ShownAccess } from "../../shared/http/access.ts";
import type { ListedDeliveries } from "../../shared/http/deliveries.ts";
import { commandHost } from "../support/command-host.ts";
import { blocksOf, readText } from "../support/documents.ts";
import { standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";
import { keySetOf, signingKey, tokenOf } from "../unit/identity/tokens.ts";

const key = signingKey("people-1");
const { issuers, roles } = parse(blocksOf(readText("docs/access.md"), "yaml")[0] ?? "");
const ISSUER: string = issuers.people.issuer;

const PUSH = readText("shared/providers/gitlab/fixtures/push.body");

let bridge: Awaited<ReturnType<typeof standaloneBridge>>;
let delivery: string;

const withRoles = (changes: object = {}) => ({
  issuers: { people: { ...issuers.people, jwks: { inline: keySetOf(key) } } },
  roles: { ...roles, ...changes },
});

beforeAll(async () => {
  bridge = await standaloneBridge({ sections: withRoles() });
  delivery = ((await (await bridge.gitlabPush(JSON.parse(PUSH))).json()) as { delivery: string }).delivery;
});
afterAll(() => bridge.stop());

const now = toSeconds(systemClock.now());
const tokenFor = (sub: string, ...groups: readonly string[]) =>
  tokenOf(ISSUER, key, { claims: { sub, aud: issuers.people.audience, iat: now - 10, exp: now + 3_000, groups } });
const kim = tokenFor("kim", "developers");
const max = tokenFor("max", "on-call");
const lou = tokenFor("lou", "developers");

async function call<T>(token: string, path: string, body?: object, idempotencyKey = crypto.randomUUID()) {
  const headers = {
    authorization: `Bearer ${token}`,
    "idempotency-key": idempotencyKey,
    ...(body && { "content-type": "application/json" }),
  };
  const response = await fetch(new URL(path, bridge.url), {
    headers,
    ...(body && { method: "POST", body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T & { readonly reason?: string } };
}

const replay = (token: string) => call<{ status: string }>(token, `/v1/deliveries/${delivery}/replay`, {});
const request = (token = kim) =>
  call<ShownAccess>(token, "/v1/access", { role: "incident", minutes: 30, reason: "INC-4711" });
const decide = (id: string, token: string, decision: string) =>
  call<ShownAccess>(token, `/v1/access/${id}`, { decision });

/** Runs a command as the person of a token. Returns its exit code and what it printed. */
async function command(token: string, ...words: readonly string[]) {
  const printed: string[] = [];
  const host = commandHost({ environment: { DRAWBRIDGE_URL: bridge.url.href, DRAWBRIDGE_TOKEN: token } });
  const code = await runCommand(words, { ...host, print: (text) => void printed.push(text) });
  return { code, text: printed.join("\n") };
}

describe("a role for a time, on a whole bridge", () => {
  it("whoever was refused may do it from the grant on, and not after the next call that revokes it", async () => {
    expect((await replay(kim)).body.reason).toBe("role_missing");
    const { status, body: asked } = await request();
    expect([status, asked.state]).toEqual([202, "requested"]);
    expect((await replay(kim)).body.reason).toBe("role_missing");
    expect((await decide(asked.id, kim, "grant")).body.reason).toBe("role_missing");
    expect((await decide(asked.id, lou, "grant")).body.reason).toBe("role_missing");
    expect((await decide(asked.id, tokenFor("guest"), "grant")).status).toBe(404);
    expect((await decide(asked.id, max, "grant")).body.state).toBe("granted");
    expect((await replay(kim)).status).toBe(202);
    expect((await replay(lou)).body.reason).toBe("role_missing");
    expect((await decide(asked.id, max, "revoke")).body.state).toBe("revoked");
    expect((await replay(kim)).body.reason).toBe("role_missing");
  });

  it("each step and each use is recorded, with the role and the request that gave it", async () => {
    const { body: asked } = await request();
    await decide(asked.id, max, "grant");
    const replayed = await call<{ delivery: string }>(kim, `/v1/deliveries/${delivery}/replay`, {
      route: "push-build",
    });
    expect(replayed.status).toBe(202);
    await decide(asked.id, kim, "revoke");
    const recorded = async (type: string) =>
      (await call<ListedDeliveries>(max, `/v1/deliveries?outcome=audit&type=${type}`)).body.deliveries.filter(
        ({ subject }) => subject?.startsWith(asked.id),
      );
    for (const [type, by] of [
      ["access_requested", "kim"],
      ["access_granted", "max"],
      ["access_used", "kim"],
      ["access_ended", "kim"],
    ] as const)
      expect(await recorded(type)).toMatchObject([{ principal: { subject: by } }]);
    const { body } = await call<{ delivery: { principal: object } }>(max, `/v1/deliveries/${replayed.body.delivery}`);
    expect(body.delivery.principal).toMatchObject({
      subject: "kim",
      roles: ["developer", "incident"],
      access: { incident: asked.id },
    });
  });

  it("each step is an event of the log once, for readers of the log, and for nobody else", async () => {
    const key = crypto.randomUUID();
    const body = { role: "incident", minutes: 30, reason: "INC-4712" };
    const ask = () => call<ShownAccess>(kim, "/v1/access", body, key);
    const { body: asked } = await ask();
    expect((await ask()).body.id).toBe(asked.id);
    for (let n = 0; n < 2; n++) await decide(asked.id, max, "grant");
    for (let n = 0; n < 2; n++) await decide(asked.id, max, "revoke");
    const reported = async (type: string) =>
      (await call<ListedDeliveries>(max, `/v1/deliveries?source=approvals&type=${type}`)).body.deliveries;
    const found = await Promise.all(["access.requested", "access.granted", "access.ended"].map(reported));
    const steps = await Promise.all(
      found.flat().map(async ({ id }) => (await call<object>(max, `/v1/deliveries/${id}`)).body),
    );
    const own = steps.map((step) => JSON.stringify(step)).filter((step) => step.includes(`"${asked.id}"`));
    expect(own).toHaveLength(3);
    expect(own.join()).not.toContain("INC-4712");
    expect((await call(tokenFor("guest"), "/v1/deliveries?source=approvals")).status).toBe(403);
  });

  it("the list shows a person their own, and who may decide or read the log all", async () => {
    const { body: asked } = await request(lou);
    const listed = async (token: string) => (await call<ListedAccess>(token, "/v1/access")).body;
    const [own, all] = [await listed(lou), await listed(max)];
    expect(own.roles).toEqual([{ role: "incident", maxMinutes: 60, approvers: ["on-call"] }]);
    expect(own.access.find(({ id }) => id === asked.id)).toMatchObject({ isOwn: true, may: ["revoke"] });
    expect(all.roles).toEqual([]);
    expect(all.access.find(({ id }) => id === asked.id)).toMatchObject({ may: ["grant", "deny", "revoke"] });
    expect((await listed(tokenFor("guest"))).access).toEqual([]);
    await decide(asked.id, lou, "revoke");
  });

  it("a configuration that is taken up without the role ends what was granted, and back again gives it again", async () => {
    const { body: asked } = await request();
    await decide(asked.id, max, "grant");
    bridge.reload(withRoles({ incident: { replay: ["*"] } }));
    expect((await replay(kim)).body.reason).toBe("role_missing");
    bridge.reload(withRoles());
    expect((await replay(kim)).status).not.toBe(403);
    await decide(asked.id, kim, "revoke");
  });

  it("a refused request says why in the words of who asks", async () => {
    const titleOf = async (body: object) =>
      (await call<{ readonly title: string }>(kim, "/v1/access", { reason: "INC-9", ...body })).body.title;
    expect(await titleOf({ role: "incident", minutes: 61 })).toBe("the role incident is given for 60 minutes at most");
    expect(await titleOf({ role: "on-call", minutes: 5 })).toBe(
      'No role may do this: "onRequest" of the role on-call in the configuration would allow it',
    );
  });

  it("the command line requests, waits, lists, grants and revokes", async () => {
    const waiting = command(kim, "access", "request", "incident", "--for", "1h", "--reason", "INC-1", "--wait");
    const open = async () =>
      (await call<ListedAccess>(max, "/v1/access")).body.access.find(({ state }) => state === "requested")?.id ?? "";
    const opened = () => until("the open request", open, (found) => found !== "");
    const id = await opened();
    expect((await command(max, "access", "list")).text).toContain(id);
    expect(await command(max, "access", "grant", id, "--comment", "go ahead")).toMatchObject({ code: 0 });
    const { code, text } = await waiting;
    expect(code).toBe(0);
    expect(text).toMatch(/incident until .*, granted by max of .*: go ahead/);
    expect((await command(kim, "access", "show", id)).text).toContain("go ahead");
    const { until: end } = (await call<ShownAccess>(kim, `/v1/access/${id}`)).body;
    const again = await command(kim, "access", "request", "incident", "--for", "5m", "--reason", "INC-3");
    expect(again).toMatchObject({ code: 0, text: expect.stringContaining(`held already, until ${end}, by ${id}`) });
    expect((await call<ShownAccess>(kim, `/v1/access/${id}`)).body).toMatchObject({ state: "granted", until: end });
    expect(await command(kim, "access", "revoke", id)).toMatchObject({ code: 0 });
    const denied = command(kim, "access", "request", "incident", "--for", "5m", "--reason", "INC-2", "--wait");
    await command(max, "access", "deny", await opened());
    expect((await denied).code).toBe(8);
  });
});

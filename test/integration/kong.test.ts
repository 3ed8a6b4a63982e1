import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { adminApi } from "../../shared/cli/kong/admin-api.ts";
import { loadIssuers, withKong } from "../../shared/cli/kong/load-issuers.ts";
import { planKeys } from "../../shared/cli/kong/plan-keys.ts";
import { runCommand } from "../../shared/cli/run-command.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { type EpochMillis, epochMillis } from "../../shared/host/clock.ts";
import { commandHost } from "../support/command-host.ts";
import { serveOnLoopback } from "../support/loopback.ts";
import { startSandboxKong } from "../support/sandbox-kong.ts";
import { keySetOf, signingKey } from "../unit/identity/tokens.ts";

/** A bridge and an issuer that publish their keys. */
async function startPublishers() {
  const published = {
    bridge: keySetOf(signingKey("bridge-1")),
    issuer: keySetOf(signingKey("jobs-1")),
    another: keySetOf(),
    isBroken: false,
  };
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get("/.well-known/jwks.json", (c) => c.json(published.isBroken ? {} : published.bridge));
  app.get("/another", (c) => c.json(published.another));
  app.get("/keys", (c) => c.json(published.issuer));
  const { url, close } = await serveOnLoopback(app, 0);
  return { url: url.origin, published, close };
}

let folder: string;
let config: string;
let publishers: Awaited<ReturnType<typeof startPublishers>>;
beforeAll(async () => {
  publishers = await startPublishers();
  folder = await mkdtemp(join(tmpdir(), "drawbridge-kong-"));
  config = join(folder, "drawbridge.yaml");
  const { url } = publishers;
  await writeFile(
    config,
    `
identity: { issuer: "https://bridge.example.com", keys: ["file:/etc/drawbridge/bridge-key.pem"] }
issuers:
  jobs: { issuer: "https://issuer.example.com", audience: bridge, jwks: { url: "${url}/keys" }, roles: [builder] }
roles: { builder: { limit: { perMinute: 60 } } }
upstreams:
  registry:
    audience: registry
    allow: [{ role: builder, scopes: [pull] }]
    requests: [{ methods: [GET], paths: ["/v2/**"], scope: pull }]
sources: { ci: { provider: gitlab, signingToken: { current: env:GITLAB_SIGNING_TOKEN }, projects: [platform/*] } }
kong:
  bridge: { url: "${url}", hosts: [bridge.example.com] }
  upstreams: { registry: { url: "http://registry.internal:5000", hosts: [registry.example.com] } }
`,
  );
});
afterAll(async () => {
  await publishers.close();
  await rm(folder, { recursive: true });
});

async function kongCommand(args: readonly string[], environment: Record<string, string> = {}, file = config) {
  const printed: string[] = [];
  const warned: string[] = [];
  const host = commandHost({
    environment,
    print: (text) => void printed.push(text),
    warn: (text) => void warned.push(text),
  });
  const code = await runCommand(["kong", ...args, "--config", file], host);
  return { code, lines: printed, warned };
}

async function sandbox() {
  const started = await startSandboxKong(parse((await kongCommand(["render"])).lines.join("\n")));
  onTestFinished(started.close);
  return started;
}

describe("the command kong render", () => {
  it("prints the same file twice, with the keys that are published", async () => {
    const { code, lines } = await kongCommand(["render"]);
    expect(code).toBe(0);
    expect(await kongCommand(["render"])).toEqual({ code, lines, warned: [] });
    const { consumers } = parse(lines.join("\n"));
    expect(consumers).toMatchObject([
      { username: "drawbridge-bridge", jwt_secrets: [{ key: "bridge-1" }] },
      { username: "drawbridge-jobs", jwt_secrets: [{ key: "jobs-1" }] },
    ]);
  });

  it("finds no difference to a running Kong that has it, over several pages", async () => {
    const { url, requests } = await sandbox();
    expect(await kongCommand(["render", "--check", url])).toMatchObject({ code: 0, lines: [] });
    expect(requests.filter((one) => one === "GET /plugins").length).toBeGreaterThan(2);
  });

  it("names what a running Kong has changed, and then what the exported file has", async () => {
    const { url, entities } = await sandbox();
    const route = entities["routes"]?.findIndex(({ name }) => name === "drawbridge-upstream-registry-1") ?? 0;
    Object.assign(entities["routes"]?.[route] ?? {}, { methods: ["GET", "DELETE"] });
    entities["plugins"] = entities["plugins"]?.filter(({ name }) => name !== "jwt") ?? [];
    const drift = [
      'changed: route drawbridge-upstream-registry-1: methods is ["GET","DELETE"]; rendered is ["GET"]',
      "missing: plugin jwt of service drawbridge-upstream-registry",
    ];
    const found = await kongCommand(["render", "--check", url]);
    expect({ ...found, lines: [...found.lines].sort() }).toEqual({ code: 1, lines: drift, warned: [] });
    const file = join(folder, "exported.json");
    const { jwts: jwt_secrets, ...lists } = entities;
    await writeFile(file, JSON.stringify({ _format_version: "3.0", ...lists, jwt_secrets }));
    expect((await kongCommand(["render", "--check", file])).lines).toEqual(found.lines);
  });

  it("names what has our tag among other kinds, and an upstream that takes the requests of a service", async () => {
    const { url, entities } = await sandbox();
    Object.assign(entities, {
      vaults: [{ id: "7", name: "env", tags: ["drawbridge"] }],
      upstreams: [{ id: "8", name: "registry.internal", tags: {} }],
    });
    const lines = [
      "unknown: vaults with the id 7",
      "unknown: upstream registry.internal takes the requests to service drawbridge-upstream-registry",
    ];
    expect(await kongCommand(["render", "--check", url])).toEqual({ code: 1, lines, warned: [] });
  });

  it.each([
    ["no file", "/no/such/file"],
    ["no Kong", "package.json"],
    ["no address", "http://user:hunter2@127.0.0.1:8001"],
  ])("%s to compare with is refused without a quote", async (_, check) => {
    const wrong = join(folder, "package.json");
    await writeFile(wrong, '{"services":"hunter2"}');
    const given = check === "package.json" ? wrong : check;
    const failed = kongCommand(["render", "--check", given]);
    await expect(failed).rejects.toMatchObject({ code: "usage_invalid" });
    await expect(failed).rejects.not.toMatchObject({ message: expect.stringContaining("hunter2") });
  });

  it("objects of Kubernetes are compared by kubectl, which applies the defaults of the cluster", async () => {
    const given = kongCommand(["render", "--format", "kubernetes", "--check", "exported.yaml"]);
    await expect(given).rejects.toMatchObject({ message: expect.stringContaining("kubectl diff -f -") });
  });

  it("a Kong that is away, or does not know the token, is reported by the exit code", async () => {
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.get("/*", (c) => c.json({ message: "Invalid credentials: hunter2" }, 401));
    const { url, close } = await serveOnLoopback(app, 0);
    const check = ["render", "--check", url.origin];
    const refused = kongCommand(check, { KONG_ADMIN_TOKEN: "hunter2" });
    await expect(refused).rejects.toMatchObject({ code: "not_allowed" });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining("hunter2") });
    await close();
    await expect(kongCommand(check)).rejects.toMatchObject({ code: "target_unreachable" });
  });
});

describe("the command kong keys", () => {
  const START = epochMillis(Date.UTC(2026, 10, 30, 12));
  const later = (seconds: number): EpochMillis => epochMillis(START + seconds * 1_000);
  /** Longer than any token of the issuer: an hour, and five seconds of difference between clocks. */
  const TOKEN_SECONDS = 3_605;

  /** Does what the command does, at a time. */
  async function apply(url: string, now: EpochMillis, file = config): Promise<readonly string[]> {
    const loaded = withKong(await loadConfig(file));
    const { issuers, unavailable } = await loadIssuers(loaded, "oss");
    const api = adminApi(url, { environment: {} });
    const isComplete = unavailable.length === 0;
    const { steps, problems } = await planKeys({ config: loaded, issuers, isComplete, api, now });
    for (const step of steps) await step.apply?.();
    return [...steps.map(({ line }) => line), ...problems];
  }
  const kidsOf = ({ entities }: Awaited<ReturnType<typeof sandbox>>) => entities["jwts"]?.map(({ key }) => key).sort();
  const [first, second] = [signingKey("jobs-1"), signingKey("jobs-2")];
  const [OLD, BOTH, NEW] = [keySetOf(first), keySetOf(first, second), keySetOf(second)];
  const publish = (set: typeof OLD): void => {
    publishers.published.issuer = set;
  };
  beforeEach(() => publish(OLD));

  it("adds a new key, and removes the old one when no token that it signed is valid", async () => {
    const kong = await sandbox();
    expect(await apply(kong.url, START)).toEqual([]);
    publish(BOTH);
    expect(await apply(kong.url, START)).toEqual(["added: key jobs-2 of drawbridge-jobs"]);
    expect(kidsOf(kong)).toEqual(["bridge-1", "jobs-1", "jobs-2"]);
    publish(NEW);
    const leaves = "leaves: key jobs-1 of drawbridge-jobs, which is no longer published";
    expect(await apply(kong.url, START)).toEqual([leaves]);
    const waits = "waits: key jobs-1 of drawbridge-jobs until 2026-11-30T13:00:05.000Z";
    expect(await apply(kong.url, START)).toEqual([waits]);
    expect(await apply(kong.url, later(TOKEN_SECONDS))).toEqual([waits]);
    expect(kidsOf(kong)).toEqual(["bridge-1", "jobs-1", "jobs-2"]);
    expect(await apply(kong.url, later(TOKEN_SECONDS + 1))).toEqual(["removed: key jobs-1 of drawbridge-jobs"]);
    expect(await apply(kong.url, later(TOKEN_SECONDS + 2))).toEqual([]);
    expect(kidsOf(kong)).toEqual(["bridge-1", "jobs-2"]);
  });

  it("a key that waits is no difference, and one that is published again stays", async () => {
    const kong = await sandbox();
    publish(NEW);
    await apply(kong.url, START);
    expect(await kongCommand(["render", "--check", kong.url])).toMatchObject({ code: 0, lines: [] });
    publish(BOTH);
    expect(await apply(kong.url, later(10))).toEqual(["added: key jobs-1 of drawbridge-jobs"]);
    expect(await apply(kong.url, later(TOKEN_SECONDS * 2))).toEqual([]);
    publish(NEW);
    // The time counts from the second departure.
    await apply(kong.url, later(TOKEN_SECONDS * 2));
    await apply(kong.url, later(TOKEN_SECONDS * 3));
    expect(kidsOf(kong)).toEqual(["bridge-1", "jobs-1", "jobs-2"]);
  });

  it.each([0, 1])("after %i of two writes the new key was first, and the next run does the rest", async (writes) => {
    const kong = await sandbox();
    publish(NEW);
    kong.left.writes = writes;
    await expect(apply(kong.url, START)).rejects.toMatchObject({ code: "target_unreachable" });
    expect(kidsOf(kong)).toEqual(writes === 0 ? ["bridge-1", "jobs-1"] : ["bridge-1", "jobs-1", "jobs-2"]);
    kong.left.writes = Number.POSITIVE_INFINITY;
    await apply(kong.url, START);
    await apply(kong.url, later(TOKEN_SECONDS + 1));
    expect(kidsOf(kong)).toEqual(["bridge-1", "jobs-2"]);
  });

  it("no key leaves while the keys of one issuer are unknown", async () => {
    const kong = await sandbox();
    publish(NEW);
    publishers.published.isBroken = true;
    onTestFinished(() => {
      publishers.published.isBroken = false;
    });
    await apply(kong.url, START);
    await apply(kong.url, later(TOKEN_SECONDS * 2));
    expect(kidsOf(kong)).toEqual(["bridge-1", "jobs-1", "jobs-2"]);
    // Which ones, from where, and why.
    const why = `bridge from ${publishers.url}/.well-known/jwks.json: the key set is not a set of public keys`;
    for (const args of [["keys", kong.url], ["render"]])
      await expect(kongCommand(args)).rejects.toMatchObject({
        code: "keys_unavailable",
        message: `these keys cannot be loaded: ${why}`,
      });
  });

  it("a kid of a consumer that is gone is given to the one that publishes it, and no other key of it is touched", async () => {
    const kong = await sandbox();
    const jwts = kong.entities["jwts"] ?? [];
    const gone = { consumer: { id: "gone" }, rsa_public_key: "theirs" };
    const other = { ...jwts[0], id: "7", key: "unpublished", ...gone };
    kong.entities["jwts"] = [...jwts.map((one) => (one.key === "jobs-1" ? { ...one, ...gone } : one)), other];
    expect(await apply(kong.url, START)).toEqual(["added: key jobs-1 of drawbridge-jobs"]);
    expect(await apply(kong.url, START)).toEqual([]);
    expect(kong.entities["jwts"]).toContainEqual(other);
  });

  it("a key of somebody else with the same kid is left alone, and reported", async () => {
    const kong = await sandbox();
    const jwts = kong.entities["jwts"] ?? [];
    const theirs = jwts.map((one) => ({ ...one, id: `${one.id}0`, tags: ["team"], rsa_public_key: "theirs" }));
    kong.entities["jwts"] = theirs;
    const reported = ["bridge-1", "jobs-1"].map((kid) => `key ${kid}: somebody else has it at Kong`);
    expect(await apply(kong.url, START)).toEqual(reported);
    expect(kong.entities["jwts"]).toEqual(theirs);
  });

  it("another key under the same kid takes its place in one write, and until then the old one stays", async () => {
    const kong = await sandbox();
    publish({ keys: NEW.keys.map((key) => ({ ...key, kid: "jobs-1" })) });
    const before = structuredClone(kong.entities["jwts"]);
    kong.left.writes = 0;
    await expect(apply(kong.url, START)).rejects.toMatchObject({ code: "target_unreachable" });
    expect(kong.entities["jwts"]).toEqual(before);
    kong.left.writes = 1;
    expect(await apply(kong.url, START)).toEqual(["added: key jobs-1 of drawbridge-jobs"]);
    expect(await kongCommand(["render", "--check", kong.url])).toMatchObject({ code: 0, lines: [] });
    expect(await apply(kong.url, START)).toEqual([]);
  });

  it("a key is not replaced by that of another issuer with the same kid, and the exit code says so", async () => {
    const kong = await sandbox();
    const jwts = kong.entities["jwts"] ?? [];
    // The other issuer is the first by name, so that its key would count.
    const [jobs] = kong.entities["consumers"]?.filter(({ username }) => username === "drawbridge-jobs") ?? [];
    const other = { ...jobs, id: "another", username: "drawbridge-another" };
    kong.entities["consumers"] = [...(kong.entities["consumers"] ?? []), other];
    publishers.published.another = keySetOf(signingKey("jobs-1"));
    const both = join(folder, "both.yaml");
    const text = await readFile(config, "utf8");
    await writeFile(both, text.replace(/^ {2}jobs: (.*)\/keys" (.*)$/m, '$&\n  another: $1/another" $2'));
    const before = structuredClone(jwts);
    const problem = "key jobs-1: drawbridge-jobs has another one with this kid, which stays";
    for (const now of [START, later(TOKEN_SECONDS * 2)]) expect(await apply(kong.url, now, both)).toEqual([problem]);
    expect(await kongCommand(["keys", kong.url, "--apply"], {}, both)).toMatchObject({ code: 1, lines: [] });
    expect(kong.entities["jwts"]).toEqual(before);
  });

  it.each(["known", "not known"])(
    "an issuer that publishes the key of the bridge, which is %s, does not get it",
    async (known) => {
      const kong = await sandbox();
      publish({ keys: [...OLD.keys, ...publishers.published.bridge.keys] });
      publishers.published.isBroken = known === "not known";
      onTestFinished(() => {
        publishers.published.isBroken = false;
      });
      const before = structuredClone(kong.entities["jwts"]);
      await apply(kong.url, START);
      expect(kong.entities["jwts"]).toEqual(before);
      const { consumers } = publishers.published.isBroken
        ? { consumers: [] }
        : parse((await kongCommand(["render"])).lines.join("\n"));
      expect(consumers.map(({ username }: { username: string }) => username)).toEqual(
        known === "known" ? ["drawbridge-bridge", "drawbridge-jobs"] : [],
      );
    },
  );

  it.each([
    ["jwts", "hunter2"],
    ["jwts", { key: 5, secret: "hunter2" }],
    ["consumers", { id: { secret: "hunter2" } }],
  ])(
    "an answer about %s that is not one of Kong is reported without a value and not as a difference",
    async (kind, entity) => {
      const kong = await sandbox();
      Object.assign(kong.entities, { [kind]: [entity] });
      for (const args of [
        ["keys", kong.url],
        ["render", "--check", kong.url],
      ]) {
        await expect(kongCommand(args)).rejects.toMatchObject({
          code: "target_unreachable",
          message: `the answer to /${kind} is not one of Kong`,
        });
      }
    },
  );

  it("without --apply it changes nothing and says by its exit code that there is something", async () => {
    const kong = await sandbox();
    publish(BOTH);
    const lines = ["added: key jobs-2 of drawbridge-jobs"];
    expect(await kongCommand(["keys", kong.url])).toEqual({ code: 1, lines, warned: [] });
    expect(kidsOf(kong)).toEqual(["bridge-1", "jobs-1"]);
    expect(await kongCommand(["keys", kong.url, "--apply"])).toEqual({ code: 0, lines, warned: [] });
    expect(await kongCommand(["keys", kong.url, "--apply"])).toEqual({ code: 0, lines: [], warned: [] });
  });
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { COMMANDS } from "../../shared/cli/commands.ts";
import { parseCommandLine } from "../../shared/cli/parse.ts";
import { sinkObject } from "../../shared/cluster/forwarder-objects.ts";
import { commandLine } from "../support/command-line.ts";
import { propertyCases } from "../support/property-cases.ts";
import { until } from "../support/until.ts";

const PASSWORD = "p/w@+: of this test";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-forwarder-"));
  await writeFile(join(home, "passwords"), `${PASSWORD}\n`);
  await writeFile(join(home, "token"), "token.of.today\n");
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** A bridge that answers as `answer` says, and what it received. */
async function startBridge(answer: () => number) {
  const received: { readonly id: string; readonly authorization: string; readonly body: string }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const status = answer();
    const { "ce-id": id, authorization = "" } = request.headers;
    received.push({ id: String(id), authorization, body: Buffer.concat(chunks).toString("utf8") });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}/webhooks/ci`, received, close };
}

async function startForwarder(source: string) {
  const args = ["start", "--as", "forwarder", "--port", "0", "--source", source];
  const run = commandLine([...args, "--token", "token", "--password", "passwords", "--data", "queue"], { cwd: home });
  await run.printed('"started"');
  const started = run.ran.out.split("\n").find((line) => line.includes('"started"'));
  const url = new URL(String(JSON.parse(started ?? "{}").url));
  const authorization = `Basic ${Buffer.from(`tekton:${PASSWORD}`).toString("base64")}`;
  const post = async (id: string) => {
    const headers = {
      authorization,
      "content-type": "application/json",
      "ce-type": "dev.tekton.event.pipelinerun.running.v1",
      "ce-id": id,
      "ce-source": "/apis///namespaces/ci//docs",
    };
    return (await fetch(url, { method: "POST", headers, body: `{"pipelineRun":{"id":"${id} ü"}}` })).status;
  };
  return { ...run, url, post };
}

describe("drawbridge start --as forwarder", () => {
  it("what it accepted arrives after it was killed while the bridge was away, with the token of that time", async () => {
    let status = 503;
    const bridge = await startBridge(() => status);
    const first = await startForwarder(bridge.url);
    for (const id of ["1", "2", "3"]) expect(await first.post(id)).toBe(202);
    await until("a try", () => bridge.received.length > 0);
    expect(bridge.received[0]?.authorization).toBe("Bearer token.of.today");
    first.child.kill("SIGKILL");
    await first.ended;
    await writeFile(join(home, "token"), "token.of.tomorrow");
    status = 202;
    bridge.received.length = 0;
    const second = await startForwarder(bridge.url);
    try {
      await until("three events", () => bridge.received.length === 3);
      expect(bridge.received.map(({ id }) => id)).toEqual(["1", "2", "3"]);
      expect(new Set(bridge.received.map(({ authorization }) => authorization))).toEqual(
        new Set(["Bearer token.of.tomorrow"]),
      );
      expect(bridge.received[0]?.body).toBe('{"pipelineRun":{"id":"1 ü"}}');
      await writeFile(join(home, "token"), "token.of.later");
      await second.post("4");
      await until("the fourth event", () => bridge.received.length === 4);
      expect(bridge.received[3]?.authorization).toBe("Bearer token.of.later");
      expect(second.ran.out + first.ran.out).not.toContain("token.of");
      const metrics = await (await fetch(new URL("/metrics", second.url))).text();
      expect(metrics).toContain('drawbridge_forwarder_events_total{outcome="accepted"} 4\n');
      expect((await fetch(new URL("/readyz", second.url))).status).toBe(200);
    } finally {
      second.child.kill("SIGTERM");
      expect((await second.ended).code).toBe(0);
      await bridge.close();
    }
  });

  it("a second process cannot open the queue, and a short password is refused", async () => {
    const bridge = await startBridge(() => 202);
    const first = await startForwarder(bridge.url);
    await expect(startForwarder(bridge.url)).rejects.toThrow("is in use by another bridge");
    first.child.kill("SIGTERM");
    await first.ended;
    await writeFile(join(home, "passwords"), "short");
    await expect(startForwarder(bridge.url)).rejects.toThrow("fewer than 16 bytes");
    await bridge.close();
  });
});

const configMap = v.object({ data: v.object({ sink: v.string() }) });

describe("the address of the sink", () => {
  it("Tekton's client decodes any password as it is", () => {
    const text = fc.string({ unit: "binary", minLength: 1 }).filter((one) => one.isWellFormed());
    fc.assert(
      fc.property(text, (password) => {
        const { sink } = v.parse(
          configMap,
          sinkObject(new URL("https://b.test/webhooks/ci"), { user: "tekton", password }),
        ).data;
        // Go accepts these characters in the user part of an address, and decodes the rest.
        const [, written = ""] = /^https:\/\/tekton:([A-Za-z0-9._~%-]*)@b\.test\/webhooks\/ci$/.exec(sink) ?? [];
        expect(decodeURIComponent(written)).toBe(password);
      }),
      propertyCases("passwords"),
    );
  });
});

describe("drawbridge tekton", () => {
  const run = (...args: readonly string[]) => commandLine(["tekton", ...args], { cwd: home }).ended;

  it("sink prints the ConfigMap for the forwarder or for an address, and sends no password in clear out of the cluster", async () => {
    expect((await run("sink", "--password", "passwords")).out).toContain(
      'sink: "http://tekton:p%2Fw%40%2B%3A%20of%20this%20test@drawbridge-forwarder.drawbridge.svc:8080/"',
    );
    expect((await run("sink", "https://bridge.example.test/webhooks/ci", "--password", "passwords")).out).toContain(
      "@bridge.example.test/webhooks/ci",
    );
    const refused = [
      "http://bridge.example.test/",
      "http://bridge.ci.svc.attacker.example/",
      "http://bridge.ci.svc/?source=ci",
    ];
    for (const address of refused) {
      const { code, out } = await run("sink", address, "--password", "passwords");
      expect({ address, code, out }).toEqual({ address, code: 2, out: "" });
    }
  });

  it("sink prints the last password of the file, which a rotation has added", async () => {
    await writeFile(join(home, "passwords"), "the-password-of-today\nthe-password-of-tomorrow\n");
    const { out } = await run("sink", "http://bridge.ci.svc.cluster.local/", "--password", "passwords");
    expect(out).toContain('sink: "http://tekton:the-password-of-tomorrow@bridge.ci.svc.cluster.local/"');
  });

  it("forwarder prints objects without any right, for the events controller only, whose arguments this version accepts", async () => {
    const given = [
      "--source",
      "https://bridge.example.test/webhooks/ci",
      "--image",
      "registry.example.test/drawbridge",
    ];
    const { out } = await run("forwarder", ...given);
    const object = v.looseObject({ kind: v.string(), spec: v.optional(v.looseObject({})) });
    const objects = parseAllDocuments(out).map((document) => v.parse(object, document.toJS()));
    expect(objects.map(({ kind }) => kind)).toEqual([
      "PersistentVolumeClaim",
      "ServiceAccount",
      "Deployment",
      "Service",
      "NetworkPolicy",
    ]);
    expect(objects[4]?.spec).toMatchObject({
      ingress: [{ from: [{ podSelector: { matchLabels: { "app.kubernetes.io/name": "events" } } }] }],
    });
    const container = v.object({ args: v.array(v.string()) });
    const deployment = v.object({ template: v.object({ spec: v.object({ containers: v.tuple([container]) }) }) });
    const [{ args }] = v.parse(deployment, objects[2]?.spec).template.spec.containers;
    expect(parseCommandLine(args, COMMANDS)).toMatchObject({
      options: { as: "forwarder", data: "/var/lib/drawbridge/queue" },
    });
  });
});

import { execFile } from "node:child_process";
import type { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { Hono } from "hono";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { startInterceptor } from "../../functions/interceptor.ts";
import { COMMANDS } from "../../shared/cli/commands.ts";
import { parseCommandLine } from "../../shared/cli/parse.ts";
import { sendToBridge } from "../../shared/cluster/bridge-source.ts";
import { Counters } from "../../shared/cluster/counters.ts";
import { INTERCEPTOR_COUNTERS } from "../../shared/cluster/interceptor.ts";
import { interceptorObjects } from "../../shared/cluster/interceptor-objects.ts";
import { RefusalReports } from "../../shared/cluster/refusal-reports.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { callOut } from "../../shared/host/call-out.ts";
import { systemClock, toSeconds } from "../../shared/host/clock.ts";
import { testAuthority } from "../support/certificates.ts";
import { commandLine } from "../support/command-line.ts";
import { blocksOf, readText, sectionOf } from "../support/documents.ts";
import { getOver } from "../support/interceptor-caller.ts";
import { serveOnLoopback } from "../support/loopback.ts";
import { standaloneBridge } from "../support/standalone-bridge.ts";
import { silentLog, testClock } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";
import { keySetOf, signingKey, tokenOf } from "../unit/identity/tokens.ts";

const PAGE = readText("docs/tekton-interceptor.md");

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-interceptor-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** The certificate that a server shows to a client that expects `name`, signed by `ca`. */
const certificateAt = (url: URL, ca: string, name: string): Promise<X509Certificate | undefined> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), ca, servername: name }, () => {
      resolve(socket.getPeerX509Certificate());
      socket.destroy();
    }).once("error", reject);
  });

const started = (certificate: string, key: string) =>
  startInterceptor({
    issuer: "https://bridge.example.test",
    audience: undefined,
    source: undefined,
    tls: { certificate, key },
    address: { hostname: "127.0.0.1", port: 0 },
    log: silentLog,
  });

describe("the certificate of the interceptor", () => {
  it("the documented commands make one that a listener accepts under the name of the Service", async () => {
    const block = blocksOf(sectionOf(PAGE, "The certificate"), "sh")[0] ?? "";
    await promisify(execFile)("sh", ["-ec", block], { cwd: home });
    const part = await started(join(home, "tls.crt"), join(home, "tls.key"));
    try {
      const ca = await readFile(join(home, "ca.crt"), "utf8");
      const name = "drawbridge-interceptor.drawbridge.svc";
      expect((await certificateAt(part.url, ca, name))?.checkHost(name)).toBe(name);
      await expect(certificateAt(part.url, ca, "other.drawbridge.svc")).rejects.toThrow();
    } finally {
      await part.stop();
    }
  });

  it("a renewed certificate is used without a restart, and a broken one changes nothing", async () => {
    const authority = testAuthority("Invented cluster");
    const [first, second] = [authority.issue("invented first"), authority.issue("invented second")];
    const [certificate, key] = [join(home, "tls.crt"), join(home, "tls.key")];
    const write = async (path: string, text: string) => {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    };
    await write(key, first.key);
    await write(certificate, first.certificate);
    const part = await started(certificate, key);
    const subject = async () => (await certificateAt(part.url, authority.certificate, "localhost"))?.subject;
    try {
      expect(await subject()).toContain("first");
      await write(certificate, second.certificate);
      part.reload();
      expect(await subject()).toContain("first");
      await write(key, second.key);
      await until("the second certificate", subject, (shown) => shown?.includes("second") === true);
    } finally {
      await part.stop();
    }
  });

  it("the interceptor does not start without one", async () => {
    await writeFile(join(home, "tls.crt"), "no certificate");
    await writeFile(join(home, "tls.key"), "no key");
    await expect(started(join(home, "tls.crt"), join(home, "tls.key"))).rejects.toMatchObject({
      code: "configuration_invalid",
    });
  });
});

const object = v.looseObject({ kind: v.string(), spec: v.optional(v.looseObject({})) });

describe("drawbridge tekton interceptor", () => {
  const { certificate } = testAuthority("Invented cluster");
  const printed = async (ca = "ca.crt") => {
    await writeFile(join(home, "ca.crt"), certificate);
    const given = [
      "--source",
      "https://bridge.example.test/webhooks/ci",
      "--image",
      "registry.example.test/drawbridge",
    ];
    return commandLine(["tekton", "interceptor", ...given, "--ca", ca], { cwd: home }).ended;
  };

  it("the objects run the interceptor with no right, in one replica, reachable by listeners only", async () => {
    const { out } = await printed();
    const objects = parseAllDocuments(out).map((document) => v.parse(object, document.toJS()));
    expect(objects.map(({ kind }) => kind)).toEqual([
      "ServiceAccount",
      "Deployment",
      "Service",
      "NetworkPolicy",
      "ClusterInterceptor",
    ]);
    expect(objects[1]?.spec).toMatchObject({
      replicas: 1,
      strategy: { type: "Recreate" },
      template: {
        spec: {
          automountServiceAccountToken: false,
          containers: [{ ports: [{ containerPort: 8443 }], securityContext: { readOnlyRootFilesystem: true } }],
          volumes: [
            {
              projected: {
                sources: [{ serviceAccountToken: { audience: "https://bridge.example.test/webhooks/ci" } }],
              },
            },
            { secret: { secretName: "drawbridge-interceptor-tls" } },
          ],
        },
      },
    });
    expect(objects[3]?.spec).toMatchObject({
      ingress: [{ from: [{ podSelector: { matchLabels: { "app.kubernetes.io/managed-by": "EventListener" } } }] }],
    });
    expect(objects[4]).toMatchObject({
      metadata: { labels: { "server/type": "https" } },
      spec: {
        clientConfig: {
          caBundle: Buffer.from(certificate).toString("base64"),
          service: { name: "drawbridge-interceptor", namespace: "drawbridge", port: 8443 },
        },
      },
    });
  });

  it("the container's arguments are a command line that this version accepts", async () => {
    const { out } = await printed();
    const withArgs = v.object({
      spec: v.object({
        template: v.object({ spec: v.object({ containers: v.tuple([v.object({ args: v.array(v.string()) })]) }) }),
      }),
    });
    const [, deployment] = parseAllDocuments(out);
    const [{ args }] = v.parse(withArgs, deployment?.toJS()).spec.template.spec.containers;
    expect(parseCommandLine(args, COMMANDS)).toMatchObject({
      options: {
        as: "interceptor",
        issuer: "https://bridge.example.test",
        source: "https://bridge.example.test/webhooks/ci",
      },
    });
  });

  it("only certificates get out of the file, whatever stands around them", async () => {
    const second = testAuthority("Invented second").certificate;
    await writeFile(join(home, "chain.crt"), `subject=Invented\r\n${certificate.replaceAll("\n", "\r\n")}\n${second}`);
    const { out } = await printed("chain.crt");
    expect(out).toContain(Buffer.from(certificate + second).toString("base64"));
  });

  it("a file with a private key or with what Go cannot read is refused", () => {
    const { key } = testAuthority("Invented").issue("invented");
    const options = {
      namespace: "drawbridge",
      image: "registry.example.test/drawbridge",
      issuer: "https://bridge.example.test",
      source: "https://bridge.example.test/webhooks/ci",
      tokenAudience: "https://bridge.example.test/webhooks/ci",
    };
    const files = {
      "with-key.crt": `${certificate}${key}`,
      "key-first.crt": `${key}${certificate}`,
      "trusted.crt": certificate.replaceAll(" CERTIFICATE", " TRUSTED CERTIFICATE"),
      "bom.crt": `\uFEFF${certificate}`,
      "cut.crt": certificate.slice(0, -30),
      "second-cut.crt": certificate + certificate.slice(0, -30),
      "indented.crt": certificate.replaceAll("\n", "\n "),
    };
    for (const [name, text] of Object.entries(files)) {
      expect(() => interceptorObjects({ ...options, ca: text }), name).toThrow(/^the file of --ca /);
    }
  });

  it("a file that is no certificate of an authority is refused, because it would end every listener", async () => {
    await writeFile(join(home, "leaf.crt"), testAuthority("Invented").issue("invented leaf").certificate);
    for (const ca of ["leaf.crt", "package.json"]) {
      await writeFile(join(home, "package.json"), "{}");
      expect(await printed(ca)).toMatchObject({ code: 1, out: "" });
    }
  });
});

describe("drawbridge start --as interceptor", () => {
  it("the process serves over HTTPS until a signal", async () => {
    const authority = testAuthority("Invented cluster");
    const own = authority.issue("invented interceptor");
    await writeFile(join(home, "tls.crt"), own.certificate);
    await writeFile(join(home, "tls.key"), own.key);
    const given = [
      "--issuer",
      "https://bridge.example.test",
      "--tls-cert",
      "tls.crt",
      "--tls-key",
      "tls.key",
      "--port",
      "0",
    ];
    const run = commandLine(["start", "--as", "interceptor", ...given], { cwd: home });
    await run.printed('"started"');
    const url = new URL("/readyz", String(JSON.parse(run.ran.out.split("\n", 1)[0] ?? "").url));
    expect(await getOver(url, authority.certificate)).toMatchObject({ status: 200 });
    run.child.kill("SIGTERM");
    expect((await run.ended).code).toBe(0);
  });

  it("an option of the bridge is refused, and each option of the interceptor without --as", async () => {
    const run = async (...args: readonly string[]) => (await commandLine(["start", ...args], { cwd: home }).ended).err;
    expect(await run("--as", "interceptor", "--data", "x")).toBe(
      "drawbridge: --data is no option of --as interceptor\n",
    );
    expect(await run("--issuer", "https://bridge.example.test")).toBe("drawbridge: --issuer needs --as\n");
    expect(await run("--as", "interceptor", "--issuer", "https://bridge.example.test", "--token", "x")).toBe(
      "drawbridge: --source and --token need each other\n",
    );
  });
});

describe("the documented settings", () => {
  it.each(["interceptor", "forwarder"])("the settings on the page of the %s are valid", (name) => {
    const [block = ""] = blocksOf(readText(`docs/tekton-${name}.md`), "yaml");
    const loaded = parseConfig(block, "drawbridge.yaml");
    expect(loaded.ok ? [] : loaded.findings).toEqual([]);
  });
});

describe("a refusal", () => {
  it("the refusal of a request of the bridge is in the timeline of its delivery, and one of somebody else's is in none", async () => {
    const key = signingKey("cluster-key");
    const iat = toSeconds(systemClock.now());
    const claims = { iat, exp: iat + 600 };
    const token = (sub: string) => tokenOf("https://cluster.example.test", key, { claims: { ...claims, sub } });
    await writeFile(join(home, "token"), token("system:serviceaccount:drawbridge:drawbridge-interceptor"));
    const answers = new Hono();
    answers.post("*", (c) => c.json({ namespace: "ci", eventListener: "drawbridge", eventID: "event-1" }, 202));
    // biome-ignore lint/suspicious/noExplicitAny: the bindings of this app are not used
    const listener = await serveOnLoopback(answers as any, 0);
    const issuer = { issuer: "https://cluster.example.test", audience: "https://bridge.example.test" };
    const bridge = await standaloneBridge({
      changes: {
        issuers: {
          cluster: {
            ...issuer,
            jwks: { inline: keySetOf(key) },
            roles: [{ role: "on-call", when: [{ path: "sub", equals: "reader" }] }],
          },
        },
        sources: { cluster: { bearer: { trust: "cluster" } } },
        targets: { listener: { url: listener.url.href } },
      },
    });
    try {
      const edited = await bridge.pageEdit({
        timestamp: 1_793_600_000_000,
        event: "page_updated",
        page: { id: 98310 },
      });
      const { delivery } = v.parse(v.object({ delivery: v.string() }), await edited.json());
      const show = async () => {
        const headers = { authorization: `Bearer ${token("reader")}` };
        return (await fetch(new URL(`/v1/deliveries/${delivery}`, bridge.url), { headers })).text();
      };
      await until("the listener's answer", show, (text) => text.includes("event-1"));
      const source = { url: new URL("/webhooks/cluster", bridge.url), tokenFile: join(home, "token"), callOut };
      const clock = testClock();
      const counters = new Counters(INTERCEPTOR_COUNTERS);
      const reports = new RefusalReports({
        send: (event) => sendToBridge(event, source),
        counters,
        clock,
        log: silentLog,
      });
      const refusal = {
        trigger: "namespaces/ci/triggers/page-build",
        reason: "token_expired",
        isSigned: true,
      } as const;
      reports.add({ ...refusal, eventId: "event-of-somebody-else" });
      reports.add({ ...refusal, eventId: "event-1" });
      clock.advance(5_000);
      await reports.send();
      expect(counters.text()).toContain('reports_total{outcome="sent"} 2');
      const shown = await until("the refusal", show, (text) => text.includes("trigger.refused"));
      expect(shown.match(/trigger\.refused ci\/page-build: token_expired/g)).toHaveLength(1);
    } finally {
      await bridge.stop();
      await listener.close();
    }
  });
});

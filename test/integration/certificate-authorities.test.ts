import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unreadableAuthority } from "../../shared/config/checks/machine.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { LocalSecrets } from "../../shared/host/secrets.ts";
import { type CertificateAuthorities, callOutOf } from "../../shared/outbound/certificate-authorities.ts";
import { selfSigned, testAuthority } from "../support/certificates.ts";
import { push } from "../support/console-traffic.ts";
import { standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

const company = testAuthority("Company");
const other = testAuthority("Other");
const servers: Server[] = [];
let folder: string;
let origin: string;
const bodies: string[] = [];

/** A server on loopback whose certificate has the names of loopback. */
async function serverWith(
  { certificate: cert, key }: { readonly certificate: string; readonly key: string },
  host = "127.0.0.1",
): Promise<string> {
  const server = createServer({ cert, key }, (request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    request.on("end", () => {
      bodies.push(body);
      if (request.url === "/moved") response.writeHead(302, { location: "https://example.com/" });
      response.end(`${request.method} ${request.headers.authorization ?? ""} ${body}`);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `https://${host}:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "drawbridge-authorities-"));
  origin = await serverWith(company.issue("a server"));
});
afterAll(async () => {
  for (const server of servers) server.closeAllConnections();
  await rm(folder, { recursive: true });
});

async function answerAt(
  of: string,
  certificateAuthorities: CertificateAuthorities,
  path = "/hook",
  onlyPublic = false,
) {
  const { status, body } = await callOutOf({ certificateAuthorities })({
    method: "POST",
    url: new URL(path, of),
    headers: { authorization: "Bearer a", "content-type": "text/plain" },
    body: "ünïcode",
    timeoutMs: 5_000,
    maxResponseBytes: 1_000,
    onlyPublic,
  });
  return { status, text: Buffer.from(body).toString("utf8") };
}

const named = (inline: string, ...origins: string[]): CertificateAuthorities => ({ company: { origins, inline } });
const refused = { code: "target_unreachable", retryable: true };

describe("an address whose certificate a private authority signed", () => {
  it("is called if the configuration names the authority for it, and its answer is that of the server", async () => {
    expect(await answerAt(origin, named(company.certificate, origin))).toEqual({
      status: 200,
      text: "POST Bearer a ünïcode",
    });
    const both = `${other.certificate}${company.certificate}`;
    expect(await answerAt(origin, named(both, origin))).toMatchObject({ status: 200 });
    // A redirect is an answer, as everywhere.
    expect(await answerAt(origin, named(company.certificate, origin), "/moved")).toMatchObject({ status: 302 });
  });

  it.each([
    ["no authority", () => ({})],
    ["another authority", () => named(other.certificate, origin)],
    ["an authority for another port", () => named(company.certificate, "https://127.0.0.1:1")],
    [
      "an authority for another name of the host",
      () => named(company.certificate, origin.replace("127.0.0.1", "localhost")),
    ],
  ])("is not called with %s", async (_, authorities) => {
    bodies.length = 0;
    await expect(answerAt(origin, authorities())).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("no TLS connection"),
    });
    expect(bodies).toEqual([]);
  });

  it("is not called if the certificate is that of another host, or of nobody's", async () => {
    // The certificate has no such name, although the name leads to the server.
    const byName = (await serverWith(company.issue("a server"))).replace("127.0.0.1", "127.0.0.2");
    await expect(answerAt(byName, named(company.certificate, byName))).rejects.toMatchObject(refused);
    const own = await serverWith(selfSigned("a server"));
    await expect(answerAt(own, named(company.certificate, own))).rejects.toMatchObject(refused);
  });

  it("is still not called in the private network if the call may only go to public addresses", async () => {
    const local = origin.replace("127.0.0.1", "localhost");
    await expect(answerAt(local, named(company.certificate, local), "/", true)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("internal address"),
    });
  });

  it("is called once the file of the authority is there", async () => {
    const file = join(folder, "company.pem");
    const authorities = { company: { origins: [origin], file } };
    const call = callOutOf({ certificateAuthorities: authorities });
    const request = {
      method: "GET" as const,
      url: new URL("/", origin),
      headers: {},
      timeoutMs: 5_000,
      maxResponseBytes: 1_000,
    };
    await expect(call(request)).rejects.toMatchObject({ ...refused, message: expect.stringContaining(file) });
    await writeFile(file, "no certificate");
    await expect(call(request)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("no certificate"),
    });
    await writeFile(file, company.certificate);
    expect(await call(request)).toMatchObject({ status: 200 });
  });
});

describe("a configuration of authorities", () => {
  const PEM = company.certificate;
  const findingsOf = (certificateAuthorities: object) => {
    const loaded = parseConfig(JSON.stringify({ sources: {}, certificateAuthorities }), "test.yaml");
    return loaded.ok ? [] : loaded.findings.map(({ message }) => message);
  };

  it.each([
    ["a path", { a: { origins: ["https://ca.example.com/api"], inline: PEM } }, "without a path"],
    ["a slash at the end", { a: { origins: ["https://ca.example.com/"], inline: PEM } }, "without a path"],
    ["the usual port", { a: { origins: ["https://ca.example.com:443"], inline: PEM } }, "without a path"],
    ["no TLS", { a: { origins: ["http://ca.example.com"], inline: PEM } }, "without a path"],
    ["no origin", { a: { origins: [], inline: PEM } }, "origins"],
    ["no certificate", { a: { origins: ["https://ca.example.com"], inline: "PEM" } }, "at least one certificate"],
    ["half a certificate", { a: { origins: ["https://ca.example.com"], inline: PEM.slice(0, 80) } }, "at least one"],
    [
      "one that cannot be read beside another",
      { a: { origins: ["https://ca.example.com"], inline: `${PEM}${PEM.replace("MII", "AAA").replace("MI", "AA")}` } },
      "at least one certificate",
    ],
    ["neither", { a: { origins: ["https://ca.example.com"] } }, "either `file` or `inline`"],
    ["both", { a: { origins: ["https://ca.example.com"], inline: PEM, file: "a.pem" } }, "either `file` or `inline`"],
    [
      "one origin twice",
      {
        a: { origins: ["https://ca.example.com"], inline: PEM },
        b: { origins: ["https://ca.example.com"], file: "b.pem" },
      },
      "under one authority only",
    ],
  ])("with %s is refused", (_, authorities, why) => {
    expect(findingsOf(authorities)).toEqual([expect.stringContaining(why)]);
  });

  it("is refused if a file has no certificate", async () => {
    const file = join(folder, "nothing.pem");
    const problemsWith = async (text: string) => {
      await writeFile(file, text);
      const loaded = parseConfig(
        JSON.stringify({ sources: {}, certificateAuthorities: { a: { origins: [origin], file } } }),
        "test.yaml",
      );
      if (!loaded.ok) throw new Error("it is not read");
      const context = { secrets: new LocalSecrets({}), here: { clock: systemClock }, found: [] };
      return unreadableAuthority.run(loaded.config, context);
    };
    expect(await problemsWith(company.key)).toMatchObject([{ path: ["certificateAuthorities", "a", "file"] }]);
    expect(await problemsWith(PEM)).toEqual([]);
  });
});

it("a bridge calls a target of a private authority, and follows a new authority after a reload", async () => {
  bodies.length = 0;
  const certificateAuthorities = { company: { origins: [origin], inline: other.certificate } };
  const bridge = await standaloneBridge({
    environment: { HOOK: "a-key-of-the-receiver-for-tests" },
    sections: { certificateAuthorities },
    changes: {
      targets: { receiver: { kind: "webhook", url: `${origin}/hook`, bearer: "env:HOOK" } },
      routes: {
        "to-the-receiver": { when: { "detail-type": ["code.pushed"] }, do: { webhook: { target: "receiver" } } },
      },
    },
  });
  try {
    const { delivery } = (await (await bridge.gitlabPush(push("main"))).json()) as { readonly delivery: string };
    await bridge.reload({ certificateAuthorities: { company: { origins: [origin], inline: company.certificate } } });
    await until("the request", () => bodies.some((body) => body.includes(delivery)));
    expect(bodies.filter((body) => body.includes(delivery))).toHaveLength(1);
  } finally {
    await bridge.stop();
  }
});

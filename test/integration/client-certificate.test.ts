import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { gatewayHandler } from "../../shared/aws/gateway-events.ts";
import { LocalSecrets, Secret } from "../../shared/host/secrets.ts";
import type { Connection } from "../../shared/http/connection.ts";
import { listen } from "../../shared/http/listen.ts";
import { readTlsSettings, type TlsSettings } from "../../shared/http/tls.ts";
import { gatewayEvent } from "../support/aws-gateway.ts";
import { selfSigned, type TestCertificate, testAuthority } from "../support/certificates.ts";

const authority = testAuthority("Invented test authority");
const server = authority.issue("invented test server");
const client = authority.issue("invented test client");
const stranger = testAuthority("Invented other authority").issue("invented other client");
const alone = selfSigned("invented test client");
const named = new Map([client, stranger, alone].map((one) => [hex(one.der), one]));

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Answers with the certificate that it was told of. */
const tells = {
  fetch: (_: Request, { clientCertificate }: Connection) =>
    new Response(clientCertificate ? hex(clientCertificate) : "none"),
};

const TLS: TlsSettings = { certificate: server.certificate, key: new Secret(server.key) };

/** What a server with `settings` tells of `holder`; the code of the error where there is no connection. */
async function told(settings: TlsSettings, holder?: TestCertificate, headers: Record<string, string> = {}) {
  const listening = await listen(tells, { hostname: "127.0.0.1", port: 0, tls: settings });
  expect(listening.url.protocol).toBe("https:");
  try {
    return await new Promise<TestCertificate | string | undefined>((resolve) => {
      const own = holder && { cert: holder.certificate, key: holder.key };
      const request = httpsRequest(listening.url, { ca: authority.certificate, agent: false, headers, ...own });
      request.on("response", async (answer) => {
        let text = "";
        for await (const chunk of answer) text += String(chunk);
        resolve(named.get(text) ?? text);
      });
      request.on("error", () => resolve("no connection"));
      request.end();
    });
  } finally {
    await listening.close();
  }
}

describe("a server with TLS", () => {
  it("tells the certificate that the client has the key of, by whomever it was signed", async () => {
    expect(await told(TLS, client)).toBe(client);
    expect(await told(TLS, alone)).toBe(alone);
  });

  it("takes a client that has none, as most senders do", async () => {
    expect(await told(TLS)).toBe("none");
  });

  it("believes no header about it", async () => {
    const certificate = encodeURIComponent(client.certificate);
    const headers = { "x-amzn-mtls-clientcert": certificate, "x-client-cert": certificate, "client-cert": certificate };
    expect(await told(TLS, undefined, headers)).toBe("none");
    expect(await told(TLS, alone, headers)).toBe(alone);
  });

  it("takes none but the clients of an authority, where one is given", async () => {
    const strict = { ...TLS, clientCa: authority.certificate };
    expect(await told(strict, client)).toBe(client);
    expect(await told(strict, stranger)).toBe("no connection");
    expect(await told(strict, alone)).toBe("no connection");
    expect(await told(strict)).toBe("no connection");
  });

  it("does not take a certificate from a client that has another key", async () => {
    const thief = { ...client, key: alone.key };
    // OpenSSL would not send it at all, so the client's own side already refuses.
    await expect(told(TLS, thief)).rejects.toThrow();
  });
});

describe("the files of TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-tls-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const files = {
    certificate: file("server.pem", server.certificate),
    key: file("server.key", server.key),
    clientCa: file("ca.pem", authority.certificate),
  };
  const secrets = new LocalSecrets({});

  it("are read, and serve", async () => {
    const settings = await readTlsSettings(files, secrets);
    expect(settings && (await told(settings, client))).toBe(client);
    expect(JSON.stringify(settings)).not.toContain("PRIVATE");
    expect(await readTlsSettings({}, secrets)).toBeUndefined();
  });

  const other = String(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }));
  it.each([
    ["no key", { certificate: files.certificate }, "configuration_invalid"],
    ["no certificate", { key: files.key }, "configuration_invalid"],
    ["a client CA alone", { clientCa: files.clientCa }, "configuration_invalid"],
    ["a certificate that is not there", { ...files, certificate: join(folder, "none") }, "configuration_invalid"],
    ["a key that is not there", { ...files, key: join(folder, "none") }, "secret_unavailable"],
    ["another's key", { ...files, key: file("other.key", other) }, "configuration_invalid"],
    ["a key in the place of the certificate", { ...files, certificate: files.key }, "configuration_invalid"],
    ["a text that is no CA", { ...files, clientCa: file("text.pem", "no PEM") }, "configuration_invalid"],
  ])("are refused at the start: %s", async (_, given, code) => {
    const reading = readTlsSettings(given, secrets);
    await expect(reading).rejects.toMatchObject({ code });
    await expect(reading).rejects.not.toThrow(/PRIVATE|BEGIN/);
  });
});

describe("the HTTP API in front of the function", () => {
  const form = { kind: "http-api", base64: false } as const;
  const event = (clientCert?: object, headers: Record<string, string> = {}) => {
    const made = gatewayEvent(form, { method: "POST", path: "/x", headers, body: Buffer.from("{}") });
    return Object.assign(made, {
      requestContext: { ...made.requestContext, authentication: clientCert && { clientCert } },
    });
  };
  const handler = gatewayHandler(tells);

  it("tells the certificate that it verified", async () => {
    const clientCertPem = client.certificate.trim();
    expect(await handler(event({ clientCertPem, subjectDN: "CN=x" }))).toMatchObject({ body: hex(client.der) });
  });

  it.each([
    ["without mutual TLS", event(), "none"],
    ["with a certificate that cannot be read", event({ clientCertPem: "no PEM" }), "none"],
    ["with none in its place", event({}), "none"],
    [
      "with a header that claims one",
      event(undefined, { "x-amzn-mtls-clientcert": encodeURIComponent(client.certificate) }),
      "none",
    ],
  ])("tells none %s", async (_, given, body) => {
    expect(await handler(given)).toMatchObject({ statusCode: 200, body });
  });
});

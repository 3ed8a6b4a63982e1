import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { gatewayHandler } from "../../shared/aws/gateway-events.ts";
import { LocalSecrets, Secret } from "../../shared/host/secrets.ts";
import { ADMISSION_LIMITS, Admission } from "../../shared/http/admission.ts";
import type { Connection } from "../../shared/http/connection.ts";
import { listen } from "../../shared/http/listen.ts";
import { readTlsSettings, type TlsSettings } from "../../shared/http/tls.ts";
import { gatewayEvent } from "../support/aws-gateway.ts";
import { selfSigned, type TestCertificate, testAuthority } from "../support/certificates.ts";
import { silentLog } from "../support/test-doubles.ts";

const authority = testAuthority("Invented test authority");
const server = authority.issue("invented test server");
const client = authority.issue("invented test client");
const stranger = testAuthority("Invented other authority").issue("invented other client");
const alone = selfSigned("invented test client");
const named = new Map([client, stranger, alone].map((one) => [hex(one.der), one]));

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Responds with the certificate of the connection. */
const reporting = {
  fetch: (_: Request, { clientCertificate }: Connection) =>
    new Response(clientCertificate ? hex(clientCertificate) : "none"),
};

const TLS: TlsSettings = { certificate: server.certificate, key: new Secret(server.key) };

/** The certificate that a server with `settings` has of `holder`, or "no connection". */
async function certificateSeenBy(
  settings: TlsSettings,
  holder?: TestCertificate,
  headers: Record<string, string> = {},
) {
  const listening = await listen(
    reporting,
    { hostname: "127.0.0.1", port: 0, tls: settings },
    new Admission({ limits: ADMISSION_LIMITS, maxBodyBytes: () => 0, log: silentLog }),
  );
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
  it("the connection has the client's certificate, whoever signed it", async () => {
    expect(await certificateSeenBy(TLS, client)).toBe(client);
    expect(await certificateSeenBy(TLS, alone)).toBe(alone);
  });

  it("a client without a certificate is accepted, as most senders are", async () => {
    expect(await certificateSeenBy(TLS)).toBe("none");
  });

  it("a header that claims a certificate is ignored", async () => {
    const certificate = encodeURIComponent(client.certificate);
    const headers = { "x-amzn-mtls-clientcert": certificate, "x-client-cert": certificate, "client-cert": certificate };
    expect(await certificateSeenBy(TLS, undefined, headers)).toBe("none");
    expect(await certificateSeenBy(TLS, alone, headers)).toBe(alone);
  });

  it("only the clients of the configured authority are accepted", async () => {
    const strict = { ...TLS, clientCa: authority.certificate };
    expect(await certificateSeenBy(strict, client)).toBe(client);
    expect(await certificateSeenBy(strict, stranger)).toBe("no connection");
    expect(await certificateSeenBy(strict, alone)).toBe("no connection");
    expect(await certificateSeenBy(strict)).toBe("no connection");
  });

  it("a client without the certificate's key is rejected", async () => {
    const thief = { ...client, key: alone.key };
    // OpenSSL does not send such a certificate, so the client itself fails.
    await expect(certificateSeenBy(TLS, thief)).rejects.toThrow();
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

  it("the files are read, and a server starts with them", async () => {
    const settings = await readTlsSettings(files, secrets);
    expect(settings && (await certificateSeenBy(settings, client))).toBe(client);
    expect(JSON.stringify(settings)).not.toContain("PRIVATE");
    expect(await readTlsSettings({}, secrets)).toBeUndefined();
  });

  const other = String(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }));
  it.each([
    ["no key", { certificate: files.certificate }, "configuration_invalid"],
    ["no certificate", { key: files.key }, "configuration_invalid"],
    ["a client CA alone", { clientCa: files.clientCa }, "configuration_invalid"],
    ["a missing certificate", { ...files, certificate: join(folder, "none") }, "configuration_invalid"],
    ["a missing key", { ...files, key: join(folder, "none") }, "secret_unavailable"],
    ["the key of another certificate", { ...files, key: file("other.key", other) }, "configuration_invalid"],
    ["a key in the place of the certificate", { ...files, certificate: files.key }, "configuration_invalid"],
    ["a text that is not a CA", { ...files, clientCa: file("text.pem", "no PEM") }, "configuration_invalid"],
  ])("files with %s are rejected at the start", async (_, given, code) => {
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
  const handler = gatewayHandler(reporting);

  it("the connection has the certificate that the API verified", async () => {
    const clientCertPem = client.certificate.trim();
    expect(await handler(event({ clientCertPem, subjectDN: "CN=x" }))).toMatchObject({ body: hex(client.der) });
  });

  it.each([
    ["without mutual TLS", event(), "none"],
    ["with a certificate that cannot be read", event({ clientCertPem: "no PEM" }), "none"],
    ["with an empty certificate", event({}), "none"],
    [
      "with a header that claims one",
      event(undefined, { "x-amzn-mtls-clientcert": encodeURIComponent(client.certificate) }),
      "none",
    ],
  ])("the connection has no certificate for a request %s", async (_, given, body) => {
    expect(await handler(given)).toMatchObject({ statusCode: 200, body });
  });
});

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { selfSigned, type TestCertificate, testAuthority } from "../support/certificates.ts";
import { blocksOf, readText } from "../support/documents.ts";
import { freePort, GATEWAYS, isInstalled, startGateway } from "../support/gateway-programs.ts";
import { GITLAB_ISSUER, jobKeySet, jobToken as tokenOfJob } from "../support/gitlab-jobs.ts";
import { standaloneBridge } from "../support/standalone-bridge.ts";

// The policy of docs/gateways.md. Its gateways are started with the other blocks.
const DOCUMENT = readText("docs/gateways.md");
const REGISTRY = "https://registry.example.com";
/** An upstream with the same policy in shadow mode. */
const TRIAL = "https://trial.example.com";
const POLICY = {
  allow: [
    { role: "builder", scopes: ["pull"] },
    { role: "publisher", scopes: ["pull", "push"] },
  ],
  requests: [
    { methods: ["GET", "HEAD"], paths: ["/v2/**"], scope: "pull" },
    { methods: ["POST", "PUT", "PATCH"], paths: ["/v2/**"], scope: "push" },
  ],
};

const IDENTITY = ["principal", "token", "trust-entry", "roles", "scope", "request", "would-refuse"];

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: number;
}

let bridge: Awaited<ReturnType<typeof standaloneBridge>>;
let folder: string;
const seen: Seen[] = [];
/** The service behind the gateway. It says what reached it, and changes the protocol when it is asked to. */
const service = createServer((incoming, response) => {
  let bytes = 0;
  incoming.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  incoming.on("end", () => {
    seen.push({ method: incoming.method ?? "", path: incoming.url ?? "", headers: incoming.headers, bytes });
    response.end(String(bytes));
  });
});
service.on("upgrade", (incoming, socket) => {
  seen.push({ method: "UPGRADE", path: incoming.url ?? "", headers: incoming.headers, bytes: 0 });
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${incoming.headers.upgrade}\r\nConnection: Upgrade\r\n\r\n`,
  );
  socket.pipe(socket);
});
const authority = testAuthority("gateways");
/** Of each request that reached the bridge: the name in the TLS handshake, and the `Host` header. */
const named: { readonly tls: string | false | null; readonly host: string | undefined }[] = [];
/** The bridge as a proxy with TLS serves it. */
const servedWith = (certificate: TestCertificate) =>
  createTlsServer(
    {
      key: certificate.key,
      cert: certificate.certificate,
    },
    (incoming, response) => {
      named.push({ tls: (incoming.socket as TLSSocket).servername ?? null, host: incoming.headers.host });
      const { method, url: path, headers } = incoming;
      const outgoing = request(
        { host: "127.0.0.1", port: Number(bridge.url.port), method, path, headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(response);
        },
      );
      incoming.pipe(outgoing);
    },
  );
const trusted = servedWith(authority.issue("bridge"));
const untrusted = servedWith(selfSigned("bridge"));
/** Takes connections, and answers nothing. */
const silent = createServer(() => undefined);

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
};

beforeAll(async () => {
  const [example = ""] = blocksOf(DOCUMENT, "yaml");
  expect(example).toContain("requests:");
  folder = await mkdtemp(join(tmpdir(), "drawbridge-gateways-"));
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  bridge = await standaloneBridge({
    sections: {
      identity: { issuer: "http://127.0.0.1:1", keys: ["env:SIGNING"] },
      issuers: {
        jobs: {
          preset: "gitlab",
          issuer: GITLAB_ISSUER,
          jwks: { inline: jobKeySet },
          audience: "drawbridge",
          roles: [
            "builder",
            { role: "publisher", when: [{ path: "ref_protected", equals: "true" }] },
            { role: "hasty-nginx", when: [{ path: "user_login", equals: "nginx" }] },
            { role: "hasty-caddy", when: [{ path: "user_login", equals: "caddy" }] },
          ],
        },
      },
      roles: {
        builder: {},
        publisher: {},
        "hasty-nginx": { limit: { perMinute: 1 } },
        "hasty-caddy": { limit: { perMinute: 1 } },
      },
      upstreams: {
        registry: { audience: REGISTRY, ...POLICY },
        trial: { audience: TRIAL, mode: "shadow", ...POLICY },
      },
    },
    changes: { sources: { gitlab: { projects: ["platform/*"] } } },
    environment: { SIGNING: privateKey.export({ format: "pem", type: "pkcs8" }).toString() },
  });
  await writeFile(join(folder, "ca.pem"), authority.certificate);
  for (const server of [service, silent, trusted, untrusted]) await listen(server);
});
afterAll(async () => {
  for (const server of [service, silent, trusted, untrusted]) {
    server.closeAllConnections();
    server.close();
  }
  await bridge.stop();
  await rm(folder, { recursive: true, force: true });
});

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

const jobToken = (claims: object = {}): Promise<string> =>
  tokenOfJob({ sub: "project_path:platform/docs", pipeline_id: "901", ...claims });

interface Sending {
  readonly method?: string;
  /** Sent as it is: `fetch` would resolve dots. */
  readonly path?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

function send(port: number, { method = "GET", path = "/v2/app", token, headers, body }: Sending) {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, fail) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const outgoing = request(
      { host: "127.0.0.1", port, method, path, headers: { ...authorization, ...headers }, agent: false },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    outgoing.on("error", fail);
    outgoing.end(body);
  });
}

describe.each(["nginx", "caddy"] as const)("%s", (name) => {
  const isHere = isInstalled(name);
  describe.skipIf(!isHere)(
    isHere ? "in front of a service" : `in front of a service (left out: no ${name} on PATH)`,
    () => {
      let gateway: Awaited<ReturnType<typeof startGateway>>;
      const settingsWith = (address: string) => ({
        folder,
        bridge: address,
        service: `127.0.0.1:${portOf(service)}`,
        authorities: join(folder, "ca.pem"),
      });
      beforeAll(async () => {
        gateway = await startGateway(name, settingsWith(`https://localhost:${portOf(trusted)}`));
      });
      afterAll(() => gateway.stop());
      const sending = async (asked: Sending) => {
        const before = seen.length;
        const answer = await send(gateway.port, asked);
        return { ...answer, reached: seen.slice(before) };
      };

      it("a job's request reaches the service with an access token of its own and the identity, whatever the client sends", async () => {
        const token = await jobToken();
        const spoofed = {
          ...Object.fromEntries(IDENTITY.map((one) => [`x-drawbridge-${one}`, "spoofed"])),
          "x-drawbridge-principal": "root",
          "x-drawbridge-token": "forged",
          "x-original-uri": "/public",
          "x-forwarded-uri": "/public",
          "x-original-method": "GET",
          "x-forwarded-method": "GET",
        };
        const { status, reached } = await sending({ token, headers: spoofed, path: "/v2/app/%C3%A4?page=1" });
        expect(status).toBe(200);
        const [{ path = "", headers = {} } = {}] = reached;
        expect(path).toBe("/v2/app/%C3%A4?page=1");
        expect(headers["x-drawbridge-principal"]).toBe("jobs:project_path:platform/docs");
        expect(headers["x-drawbridge-token"]).toBeUndefined();
        expect(headers).toMatchObject({
          "x-drawbridge-trust-entry": "jobs",
          "x-drawbridge-roles": "builder publisher",
          "x-drawbridge-scope": "pull",
          "x-drawbridge-request": expect.stringMatching(/^[0-9a-f-]{36}$/),
        });
        expect(headers["x-drawbridge-would-refuse"] ?? "").toBe("");
        const [, access = ""] = headers.authorization?.split(" ") ?? [];
        expect(decodeJwt(access)).toMatchObject({ aud: REGISTRY, scope: "pull" });
        expect(JSON.stringify(headers)).not.toContain(token);
        expect(JSON.stringify(headers)).not.toContain("spoofed");
        // A proxy before the bridge may choose by either name.
        expect(named.at(-1)).toEqual({ tls: "localhost", host: `localhost:${portOf(trusted)}` });
      });

      it.each([
        ["without a token", {}, 401],
        ["with a token that is none", { token: "a.b.c" }, 401],
        ["to a path that is not listed", { path: "/admin", claims: {} }, 403],
        ["with a scope that the role has not", { method: "PUT", claims: { ref_protected: "false" } }, 403],
        ["with dots", { path: "/v2/../admin", claims: {} }, 403],
        ["with encoded dots", { path: "/v2/%2e%2e/admin", claims: {} }, 403],
        ["with an encoded slash", { path: "/v2/..%2fadmin", claims: {} }, 403],
        ["with two slashes", { path: "/v2//app", claims: {} }, 403],
        ["with a parameter of the path", { path: "/v2/..;/admin", claims: {} }, 403],
        ["with another path in a header", { headers: { "x-rewrite-url": "/admin" }, claims: {} }, 403],
        ["with another method in a header", { headers: { "x-http-method-override": "DELETE" }, claims: {} }, 403],
      ] as const)("a request %s reaches nobody", async (_, asked, status) => {
        const { claims, ...rest }: Sending & { readonly claims?: object } = asked;
        const token = claims === undefined ? rest.token : await jobToken(claims);
        const answer = await sending({ ...rest, ...(token !== undefined && { token }) });
        expect(answer).toMatchObject({ status, reached: [] });
        const { "x-drawbridge-request": id, "content-type": type } = answer.headers;
        expect(id).toMatch(/^[0-9a-f-]{36}$/);
        expect(type).toBe("application/problem+json");
        expect(JSON.parse(answer.text)).toMatchObject({ status, instance: `urn:uuid:${id}` });
        if (status === 401) expect(answer.headers["www-authenticate"]).toContain("Bearer");
      });

      it("a client cannot take the identity out, or name it in another spelling", async () => {
        const token = await jobToken();
        const hop = await sending({ token, headers: { connection: "close, X-Drawbridge-Principal, Authorization" } });
        const spelled = await sending({
          token,
          headers: { X_Drawbridge_Principal: "root", X_Drawbridge_Token: "forged" },
        });
        for (const { status, reached } of [hop, spelled]) {
          if (status !== 200) expect(reached).toEqual([]);
          for (const { headers } of reached) {
            expect(headers["x-drawbridge-principal"]).toBe("jobs:project_path:platform/docs");
            expect(headers.authorization).toMatch(/^Bearer /);
            expect(headers["connection"] ?? "").not.toMatch(/drawbridge|authorization/i);
            expect(JSON.stringify(headers)).not.toMatch(/root|forged/);
          }
        }
      });

      it("in shadow mode the service gets the client's own credential and the reason, and a token once the request is allowed", async () => {
        const shadow = await startGateway(name, {
          ...settingsWith(`https://localhost:${portOf(trusted)}`),
          change: (block) => block.replace(/(authorize\/\w+)\/registry/, "$1/trial"),
        });
        try {
          const passed = async (asked: Sending) => {
            const before = seen.length;
            expect(await send(shadow.port, asked)).toMatchObject({ status: 200 });
            const [{ headers = {} } = {}] = seen.slice(before);
            return headers;
          };
          const spoofed = Object.fromEntries(IDENTITY.map((one) => [`x-drawbridge-${one}`, "spoofed"]));
          const token = await jobToken({ ref_protected: "false" });
          for (const _ of ["first", "repeat"]) {
            const refused = await passed({ token, method: "PUT", headers: spoofed });
            expect(refused.authorization).toBe(`Bearer ${token}`);
            expect(refused["x-drawbridge-would-refuse"]).toBe("scope_forbidden");
            expect(refused["x-drawbridge-principal"] ?? "").toBe("");
            expect(JSON.stringify(refused)).not.toContain("spoofed");
          }
          const own = await passed({ headers: { ...spoofed, authorization: "Basic c2VydmljZTprZXk=" } });
          expect(own.authorization).toBe("Basic c2VydmljZTprZXk=");
          expect(own["x-drawbridge-would-refuse"]).toMatch(/^\w+$/);
          expect((await passed({ headers: spoofed })).authorization).toBeUndefined();
          const allowed = await passed({ token });
          expect(decodeJwt(allowed.authorization?.split(" ")[1] ?? "")).toMatchObject({ aud: TRIAL, scope: "pull" });
          expect(allowed["x-drawbridge-would-refuse"] ?? "").toBe("");
        } finally {
          await shadow.stop();
        }
      });

      it("a caller above its rate reaches nobody", async () => {
        const token = await jobToken({ user_login: name });
        // A minute may end between two requests.
        const answers = [await sending({ token }), await sending({ token }), await sending({ token })];
        expect(answers[0]?.status).toBe(200);
        expect(answers.find(({ status }) => status !== 200)).toMatchObject({
          status: GATEWAYS[name].rateStatus,
          reached: [],
        });
      });

      it("a large body reaches the service, and the bridge sees none of it", async () => {
        const body = randomBytes(8 * 1_048_576);
        const { status, reached } = await sending({ token: await jobToken(), method: "PUT", body });
        expect(status).toBe(200);
        expect(reached).toMatchObject([{ method: "PUT", bytes: body.length }]);
      });

      it("a WebSocket passes as its first request does, not without a token, and no other protocol that carries more requests", async () => {
        const token = await jobToken();
        const upgrade = (authorization: string, protocol = "websocket") =>
          new Promise<string>((resolve, fail) => {
            const socket = connect(gateway.port, "127.0.0.1", () =>
              socket.write(
                `GET /v2/app HTTP/1.1\r\nHost: 127.0.0.1\r\n${authorization}Upgrade: ${protocol}\r\nConnection: Upgrade\r\n\r\n`,
              ),
            );
            let text = "";
            socket.on("data", (chunk) => {
              text += chunk.toString("latin1");
              if (text.includes("\r\n\r\n") && !text.includes("ping")) {
                if (!text.startsWith("HTTP/1.1 101")) socket.destroy();
                else socket.write("ping");
              } else if (text.endsWith("ping")) socket.destroy();
            });
            socket.on("close", () => resolve(text)).on("error", fail);
          });
        expect(await upgrade(`Authorization: Bearer ${token}\r\n`)).toMatch(/^HTTP\/1\.1 101.*ping$/s);
        expect(await upgrade("")).toMatch(/^HTTP\/1\.1 401/);
        for (const protocol of ["h2c", "echo", "websocket, h2c"])
          expect(await upgrade(`Authorization: Bearer ${token}\r\n`, protocol)).not.toMatch(/^HTTP\/1\.1 101/);
      });

      it("nothing passes while the bridge is away, does not answer, or is not the one of the certificate", async () => {
        const token = await jobToken();
        const away = `http://127.0.0.1:${await freePort()}`;
        const hanging = `http://127.0.0.1:${portOf(silent)}`;
        const forged = `https://localhost:${portOf(untrusted)}`;
        for (const address of [away, hanging, forged]) {
          const alone = await startGateway(name, settingsWith(address));
          try {
            const before = seen.length;
            const { status } = await send(alone.port, { token });
            expect(status).toBeGreaterThanOrEqual(GATEWAYS[name].downStatus);
            expect(seen.length).toBe(before);
          } finally {
            await alone.stop();
          }
        }
      });
    },
  );
});

import { describe, expect, it } from "vitest";
import type { KongDocument, KongPlugin, KongService } from "../../../../shared/cli/kong/document.ts";
import { kubernetesObjects } from "../../../../shared/cli/kong/kubernetes.ts";
import { pathOfGlob } from "../../../../shared/cli/kong/render.ts";
import { kongDocument, toYaml } from "../../../../shared/cli/kong.ts";
import { checkConfig } from "../../../../shared/config/check.ts";
import { matchesGlob } from "../../../../shared/identity/glob.ts";
import { LOG_FIELDS } from "../../../../shared/providers/http-log.ts";
import {
  GOLDEN,
  goldenFile,
  kongConfig,
  publishingKeys,
  renderedGolden,
  withLogSource,
} from "../../../support/kong-documents.ts";
import { secretsOf } from "../../../support/test-doubles.ts";

const pluginsOf = ({ services, consumers }: KongDocument): readonly KongPlugin[] => [
  ...services.flatMap(({ plugins, routes }) => [...plugins, ...routes.flatMap((route) => route.plugins)]),
  ...consumers.flatMap(({ plugins }) => plugins),
];

describe("what kong render prints", () => {
  it.each(GOLDEN)("the configuration %s is rendered as its golden file for %s", async (name, edition) => {
    const document = await renderedGolden(name, edition);
    await expect(toYaml([document])).toMatchFileSnapshot(goldenFile(`${name}.${edition}.yaml`));
    expect(await renderedGolden(name, edition)).toEqual(document);
  });

  it("the configuration job-types is rendered for Kubernetes as its golden file", async () => {
    const objects = kubernetesObjects(await renderedGolden("job-types", "oss"));
    await expect(toYaml(objects)).toMatchFileSnapshot(goldenFile("job-types.kubernetes.yaml"));
  });

  it("Kong Enterprise verifies the certificate of the receiver of its log", async () => {
    const sources = { callOut: publishingKeys };
    const { document } = await kongDocument(withLogSource(kongConfig("agents")), "enterprise", sources);
    const logs = pluginsOf(document).filter(({ name }) => name === "http-log");
    expect(logs.map(({ config }) => config["ssl_verify"])).toEqual(document.services.map(() => true));
  });

  it("a route over the limits of Kubernetes is several objects with the same plugins, and everything is in one", async () => {
    const document = await renderedGolden("registry", "oss");
    const hosts = Array.from({ length: 17 }, (_, at) => `h${at}.example.com`);
    const paths = Array.from({ length: 65 }, (_, at) => `~/p${at}$`);
    const services = document.services.map((service) => ({
      ...service,
      routes: service.routes.slice(0, 1).map((route) => ({ ...route, hosts, methods: ["GET"], paths })),
    }));
    const objects = kubernetesObjects({ ...document, services });
    const routes = objects.filter((one) => Object(one).kind === "HTTPRoute").map((one) => Object(one));
    expect(new Set(routes.map(({ metadata }) => metadata.name)).size).toBe(4 * services.length);
    for (const { spec, metadata } of routes) {
      expect(spec.hostnames.length).toBeLessThanOrEqual(16);
      for (const { matches } of spec.rules) expect(matches.length).toBeLessThanOrEqual(64);
      const first = routes.find(
        ({ spec: { rules } }) => rules[0].backendRefs[0].name === spec.rules[0].backendRefs[0].name,
      );
      expect(metadata.annotations).toEqual(first.metadata.annotations);
    }
    const pairs = routes.flatMap(({ spec: { hostnames, rules } }) =>
      hostnames.flatMap((host: string) =>
        rules[0].matches.map((match: object) => JSON.stringify([rules[0].backendRefs[0].name, host, match])),
      ),
    );
    expect([new Set(pairs).size, pairs.length]).toEqual([17 * 65 * services.length, 17 * 65 * services.length]);
  });

  it("a method that Kubernetes does not have, and an address in place of a name, are refused by what they are", async () => {
    const document = await renderedGolden("registry", "oss");
    const withFirst = (change: (service: KongService) => object) => {
      const [first, ...rest] = document.services;
      return first && kubernetesObjects({ ...document, services: [{ ...first, ...change(first) }, ...rest] });
    };
    expect(() => withFirst(() => ({ host: "127.0.0.1" }))).toThrow('the service "drawbridge" is at');
    const purge = ({ routes }: KongService) => ({ routes: routes.map((one) => ({ ...one, methods: ["PURGE"] })) });
    expect(() => withFirst(purge)).toThrow("is for the method PURGE");
  });

  it.each(GOLDEN)("the golden configuration %s has no error but its secrets", async (name) => {
    const findings = await checkConfig(goldenFile(`${name}.config.yaml`), secretsOf({}));
    const ids = ["unreadable-secret", "identity-without-key"];
    expect(findings.filter(({ level, id = "" }) => level === "error" && !ids.includes(id))).toEqual([]);
  });

  it("the order of the sections in the file changes nothing", async () => {
    const swapped = (text: string) => {
      const parts = text.split(/^(?=[a-z]+:)/m);
      return [...parts.slice(1).reverse(), parts[0]].join("");
    };
    expect(await renderedGolden("job-types", "oss", swapped)).toEqual(await renderedGolden("job-types", "oss"));
  });

  it.each(["oss", "enterprise"] as const)(
    "an upstream in shadow mode has no plugin that refuses, for %s",
    async (edition) => {
      const document = await renderedGolden("registry", edition, (text) =>
        text
          .replace("audience: https://registry.example.com", "$&\n    mode: shadow")
          .replace(/inline:\n\s+keys:\n.*/, "{ url: https://gitlab.com/oauth/discovery/keys }"),
      );
      const service = document.services.find(({ name }) => name === "drawbridge-upstream-registry");
      expect(service?.routes).toMatchObject([{ paths: ["/"], plugins: [] }]);
      expect(service?.routes[0]).not.toHaveProperty("methods");
      const plugins = service?.plugins ?? [];
      expect(plugins.map(({ name }) => name)).toEqual(["correlation-id", "post-function", "pre-function"]);
      const code = plugins.flatMap(({ config }) => config["access"] ?? []).join("\n");
      expect(code).not.toContain("response.exit");
      expect(code).toContain("X-Drawbridge-Would-Refuse");
    },
  );

  it("a source in shadow mode has no plugin that refuses an address or a rate", async () => {
    const { services } = await renderedGolden("job-types", "oss");
    const routes = services.flatMap((service) => service.routes);
    expect(routes.find(({ name }) => name === "drawbridge-source-runs")?.plugins).toEqual([]);
  });

  it.each(GOLDEN)("%s has no reference to a secret of the bridge", async (name, edition) => {
    expect(JSON.stringify(await renderedGolden(name, edition))).not.toMatch(/env:|file:|PRIVATE KEY/);
  });

  it("the log of Kong goes to a source of the kind kong, with a reference in place of its secret", async () => {
    const sources = { callOut: publishingKeys };
    const { document } = await kongDocument(withLogSource(kongConfig("registry")), "oss", sources);
    const logs = pluginsOf(document).filter(({ name }) => name === "http-log");
    expect(logs).toHaveLength(document.services.length);
    for (const { config: settings } of logs) {
      expect(settings["http_endpoint"]).toBe("https://drawbridge.internal:8787/webhooks/edge");
      expect(settings["headers"]).toEqual({ "X-Kong-Token": "{vault://env/drawbridge-edge-token}" });
    }
    for (const { config: settings } of logs) {
      // Tokens are in many headers of a request, and a cookie in one of a response.
      const fields = Object(settings["custom_fields_by_lua"]);
      expect(fields["request.headers"]).toBe("return nil");
      expect(fields["response.headers"]).not.toMatch(/cookie|get_headers/i);
      expect(settings).not.toHaveProperty("ssl_verify");
    }
    // Kong sends the log straight to the bridge, and nobody else may.
    const names = document.services.flatMap(({ routes }) => routes.map(({ name }) => name));
    expect(names).not.toContain("drawbridge-source-edge");
  });

  it.each([
    [1_024, 1],
    [2_097_152, 25],
    [6_291_456, 50],
  ])(
    "with bodies of %d bytes, a request of the log has %d records without what clients wrote",
    async (bodyBytes, most) => {
      const config = withLogSource(kongConfig("registry"));
      const limited = { ...config, limits: { ...config.limits, bodyBytes } };
      const { document } = await kongDocument(limited, "oss", { callOut: publishingKeys });
      const logs = pluginsOf(document).filter(({ name }) => name === "http-log");
      expect(logs).not.toEqual([]);
      for (const { config: settings } of logs) {
        expect(settings).toMatchObject({ queue: { max_batch_size: most }, custom_fields_by_lua: LOG_FIELDS });
      }
    },
  );

  it("an issuer that does not publish its keys stops the rendering", async () => {
    const callOut = async () => ({ status: 503, headers: new Headers(), body: new Uint8Array() });
    await expect(kongDocument(kongConfig("registry"), "oss", { callOut })).rejects.toMatchObject({
      code: "keys_unavailable",
    });
  });

  it("certificates of clients are not rendered for the edition that cannot verify them", async () => {
    await expect(renderedGolden("agents", "oss")).rejects.toMatchObject({ code: "usage_invalid" });
  });

  it("keys without an address are not rendered for the edition that loads them", async () => {
    await expect(renderedGolden("registry", "enterprise")).rejects.toMatchObject({ code: "usage_invalid" });
  });
});

describe("what Kong may refuse", () => {
  it("each route admits the scopes of every rule that the same request may meet", async () => {
    const { services } = await renderedGolden("job-types", "oss");
    const routes = services.find(({ name }) => name.endsWith("deployments"))?.routes ?? [];
    const both = ["deployments:read", "deployments:write"];
    expect(routes.map(({ plugins }) => plugins[0]?.config["allow"])).toEqual([both, both]);
  });

  it("trust entries with a key in common are one consumer, with the groups of both and the limit that both have", async () => {
    const { consumers } = await renderedGolden("job-types", "oss");
    const names = consumers.map(({ username }) => username);
    expect(names).toEqual(["drawbridge-bridge", "drawbridge-agents-build", "drawbridge-pods"]);
    const groups = consumers[1]?.acls.map(({ group }) => group);
    expect(groups).toEqual(["artifacts:read", "deployments:read", "deployments:write"]);
    expect(consumers[1]?.plugins).toMatchObject([
      { name: "rate-limiting", config: { minute: 120, limit_by: "header" } },
    ]);
    expect(consumers[2]?.plugins).toEqual([]);
  });

  it.each([
    ["/v2/**", ["/v2/", "/v2/a/b", "/v2", "/v20/a"]],
    ["/api/*/status", ["/api/a/status", "/api/a/b/status", "/api//status", "/api/a/statusx"]],
    ["/a.b/(c)+$", ["/a.b/(c)+$", "/aXb/(c)+$", "/a.b/cc"]],
    ["/***", ["/", "/a/b"]],
  ])("the path %s matches what the bridge matches", (glob, paths) => {
    const expression = new RegExp(`^${pathOfGlob(glob).slice(1)}`);
    for (const path of paths) expect([path, expression.test(path)]).toEqual([path, matchesGlob(glob, path)]);
  });
});

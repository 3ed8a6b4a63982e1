import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseConfig } from "../../../shared/config/load.ts";
import { usedFiles, usedVariables } from "../../../shared/config/used-files.ts";

const TEXT = stringify({
  identity: { issuer: "https://bridge.example.com", keys: ["file:/keys/signing.pem", "env:OLD_KEY"] },
  issuers: {
    cluster: { issuer: "https://cluster.example.com", audience: "bridge", jwks: { file: "/keys/cluster.json" } },
    people: { issuer: "https://login.example.com", audience: "bridge" },
  },
  sources: {
    code: { provider: "gitlab", signingToken: { current: "file:/run/code", next: "env:NEXT" } },
    cluster: { provider: "tekton", basic: { username: "file-server", password: { current: "env:CLUSTER" } } },
  },
  targets: {
    commits: { kind: "gitlab", url: "https://gitlab.example.com", token: "file:tokens/commits" },
  },
  otlp: { endpoint: "https://collector.example.com", headers: { authorization: "file:collector", team: "env:TEAM" } },
  console: { trust: "people", clientId: "bridge", clientSecret: "env:CLIENT", sealedBy: { current: "file:seal" } },
});

describe("the files and variables of a configuration", () => {
  const loaded = parseConfig(TEXT, "test.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  const { config } = loaded;

  it("the files are those of secrets and of public keys, in every section", () => {
    const files = ["/keys/signing.pem", "/run/code", "tokens/commits", "seal", "collector", "/keys/cluster.json"];
    expect(usedFiles(config)).toEqual(files);
  });

  it("the variables are those of secrets", () => {
    expect(usedVariables(config)).toEqual(["OLD_KEY", "NEXT", "CLUSTER", "CLIENT", "TEAM"]);
  });
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { compileConfig } from "../../infra/compile-config.ts";
import { synthesise } from "./synthesised.ts";

const CONFIG = `
issuers:
  our-app: { preset: forge, audience: "ari:cloud:ecosystem::app/1" }
sources:
  wiki:
    provider: confluence
    site: https://example.atlassian.net/wiki
    forge:
      trust: our-app
      installations: ["ari:cloud:ecosystem::installation/1"]
      systemToken: { sealedBy: { current: "ssm:/drawbridge/seal", next: "ssm:/drawbridge/seal-next" } }
  cluster: { provider: tekton, basic: { username: u, password: { current: "ssm:/drawbridge/cluster" } } }
targets:
  pages:
    kind: confluence
    product: cloud
    site: https://example.atlassian.net/wiki
    credential: { forge: wiki }
  listener: { kind: tekton, url: https://el.example.com, runsReportedBy: cluster }
routes:
  status: { when: { detail-type: [{ prefix: build. }] }, do: { confluence: { target: pages } } }
  build: { when: { detail-type: [page.updated] }, do: { tekton: { target: listener } } }
`;

it("only receive, which encrypts the token, and the action whose target gets it may read its encryption key", async () => {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-seal-"));
  try {
    const path = join(folder, "drawbridge.yaml");
    await writeFile(path, CONFIG);
    const { permissions, resources } = await synthesise({}, await compileConfig(path));
    for (const name of ["seal", "seal-next"]) {
      const parameter = `arn:aws-Partition:ssm:aws-Region:aws-AccountId:parameter/drawbridge/${name}`;
      const roles = [...resources("AWS::IAM::Role").keys()];
      const readers = roles.filter((role) => permissions(role)[parameter]?.includes("ssm:GetParameters"));
      expect(readers.sort()).toEqual(["ActconfluenceRole", "ReceiveRole"]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

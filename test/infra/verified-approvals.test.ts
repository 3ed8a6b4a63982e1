import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { bundling, entryOf, type FunctionName } from "../../infra/bundling.ts";
import { compileConfig } from "../../infra/compile-config.ts";
import { synthesise } from "./synthesised.ts";

const config = (approval: string, people = "{}") => `
sources:
  code: { provider: gitlab, signingToken: { current: "ssm:/drawbridge/gitlab" }, people: ${people} }
  cluster: { provider: tekton, basic: { username: u, password: { current: "ssm:/drawbridge/cluster" } } }
roles: { manager: { approve: [deploy] } }
targets:
  listener: { kind: tekton, url: https://el.example.com, runsReportedBy: cluster }
  commits: { kind: gitlab, url: https://gitlab.example.com, token: "ssm:/drawbridge/read" }
  chat: { kind: webhook, url: https://chat.example.com, secret: { current: "ssm:/drawbridge/chat" } }
routes:
  deploy: { approval: ${approval}, when: { detail-type: [code.tagged] }, do: { tekton: { target: listener } } }
  chat: { when: { detail-type: [build.failed] }, do: { webhook: { target: chat } } }
`;

const GROUPS = "{ from: groups, map: { platform/releases: [manager] } }";

async function readersOf(approval: string, people?: string): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-verified-"));
  try {
    const path = join(folder, "drawbridge.yaml");
    await writeFile(path, config(approval, people));
    const { permissions, resources } = await synthesise({}, await compileConfig(path));
    const parameter = "arn:aws-Partition:ssm:aws-Region:aws-AccountId:parameter/drawbridge/read";
    const roles = [...resources("AWS::IAM::Role").keys()];
    return roles.filter((role) => permissions(role)[parameter]?.includes("ssm:GetParameters")).sort();
  } finally {
    await rm(folder, { recursive: true });
  }
}

it("the functions that grant or fire may read the secret of a target that is asked, and no others", async () => {
  expect(await readersOf("{}")).toEqual(["ActgitlabRole"]);
  expect(await readersOf("{ verifyWith: commits }")).toEqual([
    "ActgitlabRole",
    "ActtektonRole",
    "ReceiveRole",
    "RelayRole",
    "SweepRole",
  ]);
});

it("the functions that execute labels or fire may read the secret of a target that is asked for groups, and no others", async () => {
  const readers = ["ActgitlabRole", "ActtektonRole", "RelayRole", "SweepRole"];
  expect(await readersOf("{}", GROUPS)).toEqual(readers);
});

/** The folders of actions in a bundle: those that load at its start, and those that load on demand. */
async function actionsIn(name: FunctionName, approval: string, people?: string) {
  const options = bundling(entryOf(name), "dist/unwritten", parse(config(approval, people)));
  const { metafile } = await build({ ...options, write: false, metafile: true });
  const folders = (inputs: object): readonly string[] => [
    ...new Set(Object.keys(inputs).flatMap((path) => /^shared\/actions\/([^/]+)\//.exec(path)?.[1] ?? [])),
  ];
  const start = Object.entries(metafile.outputs).find(([path]) => path.endsWith("/index.mjs"));
  return { all: folders(metafile.inputs), atStart: folders(start?.[1].inputs ?? {}) };
}

it("a bundle has the actions of the targets that are asked, and loads them on demand", async () => {
  expect(await actionsIn("receive", "{ verifyWith: commits }")).toEqual({ all: ["gitlab"], atStart: [] });
  const { all } = await actionsIn("act-tekton", "{ verifyWith: commits }");
  expect([...all].sort()).toEqual(["gitlab", "tekton"]);
});

it("a bundle has the actions of the targets that are asked for groups, and loads them on demand", async () => {
  expect(await actionsIn("relay", "{}")).toEqual({ all: [], atStart: [] });
  expect(await actionsIn("relay", "{}", GROUPS)).toEqual({ all: ["gitlab"], atStart: [] });
});

import { describe, expect, it } from "vitest";
import { buildOf, jobOf } from "./reading-events.ts";

const PAC = "pipelinesascode.tekton.dev";
const inline = { pipelineRef: undefined, pipelineSpec: {} };
const resolver = (name: string, params: Readonly<Record<string, unknown>>) => ({
  pipelineRef: { resolver: name, params: Object.entries(params).map(([key, value]) => ({ name: key, value })) },
});
/** A run whose label `tekton.dev/pipeline` is its own name, as for inline pipelines and most resolvers. */
const labelled = (name: string, more: object = {}) => ({ name, labels: { "tekton.dev/pipeline": name }, ...more });

describe("the pipeline of a PipelineRun", () => {
  it.each([
    [
      "an inline pipeline",
      ["docs-build-k4x2p", "docs-build-m9zqd"].map((name) => ({
        metadata: labelled(name, { generateName: "docs-build-" }),
        spec: inline,
      })),
      "ci/docs-build",
    ],
    [
      "a pipeline of the git resolver",
      ["run-k4x2p", "run-m9zqd"].map((name) => ({
        metadata: labelled(name, { generateName: "run-" }),
        spec: resolver("git", { url: "https://gitlab.example.com/platform/docs.git", pathInRepo: "ci/build.yaml" }),
      })),
      "ci/run",
    ],
    [
      "a run of Pipelines-as-Code, with its name in an annotation or in a label",
      [
        {
          metadata: labelled("a-k4x2p", { annotations: { [`${PAC}/original-prname`]: "docs-preview" } }),
          spec: inline,
        },
        {
          metadata: {
            name: "a-m9zqd",
            generateName: "a-",
            labels: { "tekton.dev/pipeline": "a-m9zqd", [`${PAC}/original-prname`]: "docs-preview-" },
          },
          spec: inline,
        },
      ],
      "ci/docs-preview",
    ],
    [
      "an inline pipeline with the label of newer versions, which is absent at first",
      [
        { metadata: { name: "docs-k4x2p", generateName: "docs-" }, spec: inline },
        {
          metadata: { name: "docs-k4x2p", generateName: "docs-", labels: { "tekton.dev/pipeline": "docs" } },
          spec: inline,
        },
      ],
      "ci/docs",
    ],
    [
      "a pipeline of the cluster resolver with the label of newer versions, which is absent at first",
      [{}, { labels: { "tekton.dev/pipeline": "shared-build" } }].map((more) => ({
        metadata: { name: "nightly-k4x2p", generateName: "nightly-", ...more },
        spec: resolver("cluster", { kind: "pipeline", name: "shared-build", namespace: "shared" }),
      })),
      "ci/shared-build",
    ],
    [
      "a run with the event key of the bridge in its fixed name",
      ["docs-e-k3v5qj2m7wdn4xa6t2hzpy3rlc", "docs-e-aaaaaaaaaaaaaaaaaaaaaaaaaa"].map((name) => ({
        metadata: labelled(name),
        spec: inline,
      })),
      "ci/docs",
    ],
    [
      "a run with a UUID in its fixed name",
      ["docs-14a657c3-2c1a-4f0e-9a55-6d1f0c9e4b21", "docs-0b7c3f6e-2c1a-4f0e-9a55-6d1f0c9e4b21"].map((name) => ({
        metadata: labelled(name),
        spec: inline,
      })),
      "ci/docs",
    ],
  ])("%s has one name for all runs", async (_, runs, name) => {
    const names = await Promise.all(runs.map(async (changes) => (await buildOf(changes)).pipeline));
    expect(names).toEqual(runs.map(() => name));
  });

  const url = "https://gitlab.example.com/platform/docs.git";
  it.each([
    ["the git resolver", resolver("git", { url, pathInRepo: "ci/build.yaml" }), "platform/docs/ci/build.yaml"],
    ["the git resolver's API mode", resolver("git", { org: "o", repo: "r", pathInRepo: "a.yaml" }), "o/r/a.yaml"],
    ["the git resolver without a repository", resolver("git", { pathInRepo: "ci/build.yaml" }), "ci/build.yaml"],
    ["the hub resolver", resolver("hub", { catalog: "community", name: "buildpacks" }), "buildpacks"],
    ["the bundle resolver", resolver("bundles", { bundle: "registry.example.test/a:1", name: "ship" }), "ship"],
    [
      "the http resolver",
      resolver("http", { url: "https://u:p@files.example.test/a.yaml?t=s" }),
      "files.example.test/a.yaml",
    ],
    [
      "the http resolver with a password that has an @",
      resolver("http", { url: "https://u:p@ss@files.example.test/a.yaml" }),
      "files.example.test/a.yaml",
    ],
    ["a resolver without readable params", resolver("git", { pathInRepo: { a: 1 } }), "fixed"],
  ])("a run with a fixed name is named after what %s resolves", async (_, spec, name) => {
    expect(await buildOf({ metadata: labelled("fixed"), spec })).toHaveProperty("pipeline", `ci/${name}`);
  });

  it("two repositories with a file of one path have two names", async () => {
    const nameIn = async (repo: string) =>
      (await buildOf({ metadata: labelled("fixed"), spec: resolver("git", { org: "o", repo, pathInRepo: "a.yaml" }) }))
        .pipeline;
    expect(await nameIn("one")).not.toBe(await nameIn("two"));
  });

  it("a label that is not the run's own name counts more than all else", async () => {
    const metadata = { name: "a-k4x2p", generateName: "a-", labels: { "tekton.dev/pipeline": "docs" } };
    expect(await buildOf({ metadata, spec: inline })).toHaveProperty("pipeline", "ci/docs");
  });

  it("an inline pipeline with a fixed name has only that name", async () => {
    expect(await buildOf({ metadata: labelled("migrate"), spec: inline })).toHaveProperty("pipeline", "ci/migrate");
  });

  it("two long names that differ at their end stay different, and short", async () => {
    const nameOf = async (end: string) =>
      (await buildOf({ metadata: labelled("fixed"), spec: resolver("git", { pathInRepo: "p/".repeat(400) + end }) }))
        .pipeline;
    const [one, other] = [await nameOf("a"), await nameOf("b")];
    expect(one).not.toBe(other);
    expect(one.length).toBeLessThanOrEqual(300);
  });
});

describe("the pipeline of a task", () => {
  const labels = (pipeline: string, run: string, more: object = {}) => ({
    labels: {
      "tekton.dev/pipeline": pipeline,
      "tekton.dev/pipelineRun": run,
      "tekton.dev/pipelineTask": "test",
      ...more,
    },
  });
  it.each([
    ["with the label of its pipeline", labels("docs", "a-k4x2p"), "ci/docs"],
    ["of an inline pipeline", labels("docs-build-k4x2p", "docs-build-k4x2p"), "ci/docs-build"],
    ["of Pipelines-as-Code", labels("a-k4x2p", "a-k4x2p", { [`${PAC}/original-prname`]: "docs" }), "ci/docs"],
    [
      "of a run that the bridge started",
      labels("d-e-k3v5qj2m7wdn4xa6t2hzpy3rlc", "d-e-k3v5qj2m7wdn4xa6t2hzpy3rlc"),
      "ci/d",
    ],
  ])("a task %s has the name of its build's pipeline", async (_, metadata, name) => {
    expect(await jobOf({ metadata })).toHaveProperty("pipeline", name);
    expect(await jobOf({ metadata }, "customRun")).toHaveProperty("pipeline", name);
  });

  it("the tasks of a matrix have one pipeline and one name, and each its own id", async () => {
    const jobs = await Promise.all(
      [0, 1].map((n) =>
        jobOf({ metadata: { ...labels("a-k4x2p", "a-k4x2p"), name: `a-k4x2p-test-${n}`, uid: `uid-${n}` } }),
      ),
    );
    expect(jobs).toMatchObject([
      { pipeline: "ci/a", name: "test", id: "uid-0" },
      { pipeline: "ci/a", name: "test", id: "uid-1" },
    ]);
  });

  it.each([
    ["a task's label", { labels: { "tekton.dev/task": "lint" }, generateName: "x-" }, {}, "ci/lint"],
    ["a reference to a task", { generateName: "x-" }, { taskRef: { name: "lint" } }, "ci/lint"],
    ["a resolver", {}, { taskRef: { resolver: "hub", params: [{ name: "name", value: "lint" }] } }, "ci/lint"],
    ["its generated name", { name: "lint-k4x2p", generateName: "lint-" }, {}, "ci/lint"],
  ])("a task without a pipeline is named after %s", async (_, metadata, spec, name) => {
    expect(await jobOf({ metadata, spec })).toHaveProperty("pipeline", name);
  });

  it("a PipelineRun within another is a pipeline of its own, and names its parent", async () => {
    const annotations = { [`${PAC}/original-prname`]: "docs" };
    const ownerReferences = [{ kind: "PipelineRun", name: "docs-k4x2p", uid: "uid-of-parent" }];
    const metadata = { name: "docs-k4x2p-deploy", annotations, ownerReferences };
    const child = { "tekton.dev/pipeline": "docs-k4x2p-deploy", "tekton.dev/pipelineTask": "deploy" };
    expect(await buildOf({ metadata: { ...metadata, labels: child }, spec: inline })).toMatchObject({
      pipeline: "ci/docs-deploy",
      parent: { id: "uid-of-parent", job: "deploy" },
    });
  });
});

import { afterEach, expect, it } from "vitest";
import { fixturesOf } from "../support/provider-fixtures.ts";
import { startSandboxGitlab } from "../support/sandbox-gitlab.ts";
import { PAGE, standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

it("the pipeline of a merge request ends, its page shows it, and the comment on the merge request lists the page", async () => {
  const sandbox = await startSandboxGitlab();
  const bridge = await standaloneBridge({
    changes: {
      targets: { commits: { kind: "gitlab", url: sandbox.url, token: "env:COMMITS", projects: ["platform/*"] } },
      routes: {
        status: { do: { confluence: { target: "pages", page: PAGE } } },
        comment: {
          when: { "detail-type": [{ prefix: "build." }] },
          do: { gitlab: { target: "commits", comment: "pages" } },
        },
      },
    },
    environment: { COMMITS: sandbox.token },
  });
  cleanups.push(bridge.stop, sandbox.close);
  const fixture = fixturesOf("gitlab").find(({ name }) => name === "pipeline-of-fork");
  const body = Buffer.from(fixture?.body ?? "").toString();
  const sent = JSON.parse(body.replaceAll("https://gitlab.example.com", sandbox.url));
  for (const _ of [1, 2])
    await expect((await bridge.gitlabPipeline(sent)).json()).resolves.toMatchObject({ status: "accepted" });
  const comments = () => sandbox.mergeRequest.comments;
  await until("the comment to list the page", comments, ([first]) => first !== undefined);
  expect(comments()).toHaveLength(1);
  expect(comments()[0]?.body).toContain(`pageId=${PAGE}`);
}, 30_000);

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LookUpDeps } from "../../shared/actions/action.ts";
import { cloud } from "../../shared/actions/confluence/cloud.ts";
import { dataCenter } from "../../shared/actions/confluence/data-center.ts";
import { storageFormat } from "../../shared/actions/confluence/storage-document.ts";
import { actions } from "../../shared/actions/registry.ts";
import { callOut } from "../../shared/host/call-out.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { CurrentState, Subject } from "../../shared/model/approval.ts";
import { serveOnLoopback } from "../support/loopback.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { BRIDGE_USER } from "../support/sandbox-confluence-users.ts";
import { REPOSITORY_TOKEN, SandboxRepository } from "../support/sandbox-gitlab-repository.ts";
import { actionDeps, secretsOf } from "../support/test-doubles.ts";

/** What every kind of target does that can be asked. */
interface Kind {
  readonly kind: "gitlab" | "confluence";
  readonly settings: () => object;
  /** Something that the site has. */
  readonly known: () => Subject;
  /** Something of the same kind that the site does not have. */
  readonly missing: () => Subject;
  /** Something of another site or system. */
  readonly foreign: () => readonly Subject[];
  readonly failNext: (status: number) => void;
}

const A = "c4a1e7d20f9b8364517a2c6d8e0f1b3a5c7d9e2f";
const B = "0b5d3f1e9c7a58264e3d1c0b9a8f7e6d5c4b3a21";

const OWN: readonly string[] = [BRIDGE_USER.accountId, BRIDGE_USER.userKey];

let repository: SandboxRepository;
let instance: { readonly url: string; readonly close: () => Promise<void> };
let confluence: SandboxConfluence;
let methods: string[];

beforeEach(async () => {
  repository = new SandboxRepository("platform/docs");
  repository.branches.set("main", A);
  methods = [];
  const { url, close } = await serveOnLoopback(repository.app, 0);
  instance = { url: url.origin, close };
  confluence = await startSandboxConfluence({ product: "both" });
});
afterEach(async () => {
  await instance.close();
  await confluence.close();
});

const project = () => ({ project: repository.project, url: `${instance.url}/platform/docs` });
const code = (ref: string): Subject => ({ kind: "code", ...project(), ref });
const page = (product: "cloud" | "data-center", id = "98310"): Subject => ({
  kind: "page",
  site: confluence.site(product),
  id,
});

const gitlab: Kind = {
  kind: "gitlab",
  settings: () => ({ url: instance.url, token: "env:GITLAB" }),
  known: () => code("refs/heads/main"),
  missing: () => code("refs/heads/gone"),
  foreign: () => [
    page("cloud"),
    {
      kind: "code",
      project: repository.project,
      url: "https://gitlab.attacker.example/platform/docs",
      ref: "refs/heads/main",
    },
    { kind: "code", project: repository.project, url: undefined, ref: "refs/heads/main" },
    code("refs/keep-around/1"),
  ],
  failNext: (status) => {
    repository.failure = { status, body: "<html>" };
  },
};

const site = (product: "cloud" | "data-center"): Kind => ({
  kind: "confluence",
  settings: () => ({
    product,
    site: confluence.site(product),
    credential:
      product === "cloud"
        ? { basic: { user: confluence.credentials.user, token: "env:CLOUD" } }
        : { bearer: "env:DATA_CENTER" },
  }),
  known: () => page(product),
  missing: () => page(product, "4711"),
  foreign: () => [
    { kind: "code", project: "platform/docs", url: undefined, ref: "refs/heads/main" },
    { kind: "page", site: "https://wiki.attacker.example", id: "98310" },
    page(product, "../space"),
    ...(product === "cloud" ? [{ ...page(product), isBlogPost: true } as Subject] : []),
  ],
  failNext: (status) => confluence.failNext({ on: "GET", status, body: "<html>" }),
});

const depsOf = (given: Partial<LookUpDeps> = {}): LookUpDeps => ({
  ...actionDeps({
    callOut: (request) => {
      methods.push(request.method);
      return callOut(request);
    },
    secrets: secretsOf({
      GITLAB: REPOSITORY_TOKEN,
      CLOUD: confluence.credentials.token,
      DATA_CENTER: confluence.credentials.bearer,
    }),
  }),
  ownAccounts: { isOwn: async ({ account }) => OWN.includes(account) },
  signal: AbortSignal.timeout(5_000),
  ...given,
});

async function ask(
  { kind, settings }: Pick<Kind, "kind" | "settings">,
  subject: Subject,
  deps = depsOf(),
  known?: string,
): Promise<CurrentState> {
  const action = actions.find(({ name }) => name === kind);
  if (action?.lookUp === undefined) throw new Error("it can be asked");
  return action.lookUp(subject, known, { name: "site", settings: settings() }, deps);
}

it("GitLab and Confluence targets can be asked, and no others", () => {
  const able = actions.filter(({ lookUp }) => lookUp !== undefined).map(({ name }) => name);
  expect(able).toEqual(["confluence", "gitlab"]);
});

describe.each([
  ["GitLab", gitlab],
  ["Confluence Cloud", site("cloud")],
  ["Confluence Data Center", site("data-center")],
])("a target of %s that is asked", (_, kind) => {
  it("the answer is the commit or version that the site has now, and nothing is written", async () => {
    expect(await ask(kind, kind.known())).toEqual({
      state: "found",
      mark: expect.stringMatching(/^([0-9a-f]{40}|\d+)$/),
    });
    expect(new Set(methods)).toEqual(new Set(["GET"]));
  });

  it("what the site does not have has ended", async () => {
    expect(await ask(kind, kind.missing())).toMatchObject({ state: "ended" });
  });

  it("nothing is known of what belongs to another site or system, and the site is not asked", async () => {
    const deps = depsOf({ callOut: () => Promise.reject(new Error("a call is unexpected")) });
    for (const subject of kind.foreign()) expect(await ask(kind, subject, deps)).toMatchObject({ state: "unknown" });
  });

  it.each([200, 302, 401, 403, 429, 500, 503])("an answer of %i without a state leaves it unknown", async (status) => {
    kind.failNext(status);
    expect(await ask(kind, kind.known())).toMatchObject({
      state: "unknown",
      why: expect.stringContaining(`${status}`),
    });
  });

  it("a site that is not reached leaves it unknown, or is a retryable fault", async () => {
    const broken = new Fault("target_unreachable", "no connection", { retryable: true });
    const answer = await ask(kind, kind.known(), depsOf({ callOut: () => Promise.reject(broken) })).catch(
      (error: unknown) => error,
    );
    expect([broken, { state: "unknown", why: "no connection" }]).toContainEqual(answer);
  });
});

describe("what GitLab answers", () => {
  const stateOf = (subject: Subject) => ask(gitlab, subject);
  const found = (mark: string) => ({ state: "found", mark });
  const request = (must: "be_open" | "be_approved" | "be_merged"): Subject => ({
    kind: "change",
    ...project(),
    number: 7,
    must,
  });

  it("a tag is at the commit of its tag object, also with a slash in its name, and a deleted tag has ended", async () => {
    repository.tags.set("docs/v9", B);
    expect(await stateOf(code("refs/tags/docs/v9"))).toEqual(found(B));
    repository.tags.delete("docs/v9");
    expect(await stateOf(code("refs/tags/docs/v9"))).toMatchObject({ state: "ended" });
  });

  it.each([
    ["an open merge request", { state: "opened", sha: A }, "be_open", found(A)],
    ["a closed merge request", { state: "closed", sha: A }, "be_open", { state: "ended" }],
    ["a merged one that must be open", { state: "merged", sha: A }, "be_open", { state: "ended" }],
    ["an open one that must be merged", { state: "opened", sha: A }, "be_merged", { state: "ended" }],
    ["a merged one", { state: "merged", sha: A, mergeCommit: B }, "be_merged", found(B)],
    ["a merged one without a merge commit", { state: "merged", sha: A }, "be_merged", found(A)],
    [
      "one that was squashed without a merge commit",
      { state: "merged", sha: A, squashCommit: B },
      "be_merged",
      found(B),
    ],
    ["an approved one", { state: "opened", sha: A, approvedBy: 1 }, "be_approved", found(A)],
    ["one whose approval was revoked", { state: "opened", sha: A, approvedBy: 0 }, "be_approved", { state: "ended" }],
    [
      "one that lacks an approval",
      { state: "opened", sha: A, approvedBy: 1, approved: false },
      "be_approved",
      { state: "ended" },
    ],
  ] as const)("%s", async (_, seed, must, expected) => {
    repository.mergeRequests.set(7, seed);
    expect(await stateOf(request(must))).toMatchObject(expected);
  });

  it("a release is at the commit of its tag, and a deleted release has ended although its tag remains", async () => {
    const release: Subject = { kind: "release", ...project(), tag: "v9" };
    repository.tags.set("v9", A);
    repository.releases.add("v9");
    expect(await stateOf(release)).toEqual(found(A));
    repository.tags.set("v9", B);
    expect(await stateOf(release)).toEqual(found(B));
    repository.releases.delete("v9");
    expect(await stateOf(release)).toMatchObject({ state: "ended" });
  });

  it("an environment is at the commit of its newest deployment", async () => {
    const deployment: Subject = { kind: "deployment", ...project(), environment: "production" };
    expect(await stateOf(deployment)).toMatchObject({ state: "ended" });
    repository.deployments.push({ environment: "production", sha: A });
    repository.deployments.push({ environment: "staging", sha: B });
    expect(await stateOf(deployment)).toEqual(found(A));
    repository.deployments.push({ environment: "production", sha: B });
    expect(await stateOf(deployment)).toEqual(found(B));
  });

  it("the wait that GitLab asks for is part of an unknown state", async () => {
    repository.failure = { status: 429, headers: { "retry-after": "17" } };
    expect(await stateOf(code("refs/heads/main"))).toMatchObject({ state: "unknown", afterSeconds: 17 });
  });
});

describe.each(["cloud", "data-center"] as const)("what Confluence answers: %s", (product) => {
  it("a page is at its newest version, and a page in the trash has ended", async () => {
    const before = await ask(site(product), page(product));
    confluence.humanEdit("98310", (body) => `${body}<p>more</p>`);
    const after = await ask(site(product), page(product));
    if (before.state !== "found" || after.state !== "found") throw new Error("it is there");
    expect(Number(after.mark)).toBe(Number(before.mark) + 1);
    const again = await ask(site(product), page(product), depsOf(), before.mark);
    expect(again).toEqual(after);
    confluence.change("98310", { status: "trashed" });
    expect(await ask(site(product), page(product))).toMatchObject({ state: "ended" });
  });

  it("versions of the bridge's own account change nothing, and a person's version between them does", async () => {
    const write = async () => {
      const { number, title, body } = confluence.page("98310").latest;
      const dialect = product === "cloud" ? cloud : dataCenter;
      const path = dialect.writePath("98310");
      const { user, token, bearer } = confluence.credentials;
      const basic = `Basic ${Buffer.from(`${user}:${token}`).toString("base64")}`;
      const answer = await fetch(`${confluence.site(product)}${path}`, {
        method: "PUT",
        headers: {
          authorization: product === "cloud" ? basic : `Bearer ${bearer}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(
          dialect.writeBody("98310", {
            format: storageFormat,
            title,
            body,
            version: { number: number + 1, message: "" },
          }),
        ),
      });
      expect(answer.status).toBe(200);
    };
    const known = String(confluence.page("98310").latest.number);
    for (let n = 0; n < 12; n++) await write();
    expect(await ask(site(product), page(product), depsOf(), known)).toMatchObject({ state: "found", mark: known });
    confluence.humanEdit("98310", (body) => `${body}<p>more</p>`);
    await write();
    const newest = String(confluence.page("98310").latest.number);
    expect(await ask(site(product), page(product), depsOf(), known)).toEqual({ state: "found", mark: newest });
    for (let n = 0; n < 60; n++) await write();
    expect(await ask(site(product), page(product), depsOf(), known)).toMatchObject({ state: "unknown" });
  });

  it("a later version that gets the number of a deleted one is known by its time", async () => {
    const edit = () => confluence.humanEdit("98310", (body) => `${body}<p>more</p>`);
    edit();
    const { latest: approved, versions } = confluence.page("98310");
    const known = String(approved.number);
    const madeAt = async () => {
      const answer = await ask(site(product), page(product), depsOf(), known);
      return answer.state === "found" && answer.mark === known ? answer.since : undefined;
    };
    expect(await madeAt()).toBe(Date.parse(approved.at));
    const later = { ...approved, at: "2036-11-02T09:00:00.000Z" };
    confluence.change("98310", { versions: [...versions.slice(0, -1), later] });
    expect(await madeAt()).toBe(Date.parse(later.at));
  });
});

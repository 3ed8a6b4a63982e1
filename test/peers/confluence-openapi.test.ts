import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import { type Exchange, OpenApi } from "../support/openapi.ts";
import {
  type SandboxConfluence,
  type SandboxConfluenceOptions,
  startSandboxConfluence,
} from "../support/sandbox-confluence.ts";
import { type BenchOptions, benchFor, buildEntry, entryOf } from "../support/sandbox-confluence-action.ts";
import type { SandboxComment } from "../support/sandbox-confluence-comments.ts";

/** A folder with Atlassian's descriptions of its interfaces, kept outside this repository. */
const root = process.env["PEER_DATA"];

interface Held {
  readonly product: "cloud" | "data-center";
  readonly file: string;
  /** The prefix of the description's paths, and that of the product's own. */
  readonly base: { readonly described: string; readonly called: string };
  readonly operations: readonly string[];
}

const HELD: readonly Held[] = [
  {
    product: "cloud",
    file: "openapi-v2.v3.json",
    base: { described: "", called: "/wiki/api/v2" },
    operations: [
      "GET /pages/{id}",
      "PUT /pages/{id}",
      "GET /pages/{id}/labels",
      "GET /pages/{page-id}/properties",
      "GET /spaces/{id}",
      "GET /pages/{page-id}/versions/{version-number}",
      "GET /footer-comments/{comment-id}",
      "GET /inline-comments/{comment-id}",
      "GET /wiki/rest/api/user/current",
      "GET /wiki/rest/api/content/search",
    ],
  },
  // Data Center has no description of its own. Cloud's first interface grew out of the same one, and this is the last
  // description of it that still has pages.
  {
    product: "data-center",
    file: "openapi-v1-2024-02.json",
    base: { described: "/wiki", called: "" },
    operations: [
      "GET /wiki/rest/api/content/{id}",
      "PUT /wiki/rest/api/content/{id}",
      "GET /wiki/rest/api/content/{id}/label",
      "GET /wiki/rest/api/content/{id}/version/{versionNumber}",
      "GET /wiki/rest/api/user/current",
      "GET /wiki/rest/api/content/search",
    ],
  },
];

/** Cloud's first interface, which still answers who the user is. */
const FIRST_INTERFACE = { path: "/wiki/rest/api/", file: "openapi-v1-2024-02.json" };

interface KnownError {
  readonly products: readonly Held["product"][];
  readonly problem: string;
  readonly reason: string;
}

/** Errors of the description, and differences of a product from it. The bridge is right. */
const KNOWN_ERRORS: readonly KnownError[] = [
  {
    products: ["cloud"],
    problem: "PUT /pages/{id}: answer 409: not described",
    reason: "recorded from Cloud: a version that is not the next is rejected like this",
  },
  {
    products: ["cloud"],
    problem: 'GET /pages/{id}: answer body: must NOT have additional properties {"additionalProperty":"subtype"}',
    reason: "marks a live doc, as Atlassian's other texts say; the description knows of no live docs",
  },
  {
    products: ["cloud"],
    problem: "GET /pages/{id}: answer 429: not described",
    reason: "every call may meet it: https://developer.atlassian.com/cloud/confluence/rate-limiting/",
  },
  {
    products: ["data-center"],
    problem: "GET /wiki/rest/api/content/{id}: answer 429: not described",
    reason: "every call may meet it, where an administrator has set a rate",
  },
  {
    products: ["data-center"],
    problem:
      'GET /wiki/rest/api/user/current: answer body: must NOT have additional properties {"additionalProperty":"status"}',
    reason: "a user of Data Center has a status; Cloud, whose description this is, has none",
  },
  {
    products: ["data-center"],
    problem:
      'PUT /wiki/rest/api/content/{id}: request body.version: must NOT have additional properties {"additionalProperty":"minorEdit"}',
    reason: "Data Center takes it, and then mails nobody; Cloud, whose description this is, has no such write",
  },
];

interface Scene {
  readonly name: string;
  /** Default: both products. */
  readonly only?: Held["product"];
  readonly sandbox?: SandboxConfluenceOptions;
  readonly bench?: (product: Held["product"]) => BenchOptions;
  /** Runs before the state that the scene is about is reported. */
  readonly before?: (sandbox: SandboxConfluence) => void;
  /** The message of the builds. */
  readonly message?: (site: string) => string;
  /** A comment of this kind on the page, which is reported last. */
  readonly comment?: SandboxComment["kind"] | "none";
  /** Runs if a call of the bridge got no response. */
  readonly whenLost?: (sandbox: SandboxConfluence) => void;
  /** Statuses that the scene is about. */
  readonly answers: readonly number[];
}

const edit = (sandbox: SandboxConfluence) => sandbox.humanEdit("98310", (body) => `${body}<p>More.</p>`);

const SCENES: readonly Scene[] = [
  { name: "a state, and the next", answers: [200] },
  { name: "a lost race", before: (sandbox) => sandbox.beforeNextWrite(() => edit(sandbox)), answers: [200, 409] },
  {
    name: "a write whose answer was lost, and an edit on top of it",
    before: (sandbox) => sandbox.failNext({ on: "PUT", status: "none", landed: true }),
    whenLost: edit,
    answers: [200],
  },
  { name: "a missing page", bench: () => ({ options: { page: "404404" } }), answers: [404] },
  {
    name: "an unknown credential",
    bench: (product) => ({
      target: {
        credential: product === "cloud" ? { basic: { user: "nobody", token: "env:TOKEN" } } : { bearer: "env:TOKEN" },
      },
    }),
    answers: [401],
  },
  { name: "rejected markup", before: (sandbox) => sandbox.failNext({ on: "PUT", status: 400 }), answers: [400] },
  { name: "too many calls", before: (sandbox) => sandbox.failNext({ on: "GET", status: 429 }), answers: [429] },
  { name: "an archived page", sandbox: { pages: [{ status: "archived" }] }, answers: [200] },
  { name: "a comment", comment: "footer", answers: [200] },
  { name: "a comment on a part of the text", comment: "inline", answers: [200] },
  { name: "a deleted comment", comment: "none", answers: [404] },
  {
    name: "a link with a title",
    bench: () => ({ options: { page: undefined } }),
    message: (site) => `${site}/display/ENG/Release+4`,
    answers: [200],
  },
  {
    name: "a page with many labels, of a target that lists its spaces",
    sandbox: { pages: [{ labels: Array.from({ length: 201 }, (_, at) => `label-${at}`) }] },
    bench: () => ({ target: { spaces: ["ENG"] } }),
    answers: [200],
  },
  {
    name: "a page of the new editor",
    only: "cloud",
    sandbox: { pages: [{ editor: "v2", body: '{"version":1,"type":"doc","content":[]}' }] },
    answers: [200],
  },
  { name: "a page with many properties", only: "cloud", sandbox: { pages: [{ properties: 51 }] }, answers: [200] },
  { name: "a live doc", sandbox: { pages: [{ subtype: "live" }] }, answers: [200] },
];

it.skipIf(root !== undefined)("Confluence's descriptions are not read: PEER_DATA is not set", () => undefined);

describe.skipIf(root === undefined).each(HELD)("the calls to $product, compared with $file", (held) => {
  const describedIn = (file: string): OpenApi =>
    new OpenApi(root ? readFileSync(join(root, "confluence", "rest", file), "utf8") : "{}");
  const description = describedIn(held.file);
  const firstInterface = describedIn(FIRST_INTERFACE.file);
  const descriptionOf = ({ url }: Exchange): OpenApi =>
    url.pathname.startsWith(FIRST_INTERFACE.path) ? firstInterface : description;
  const scenes = SCENES.filter(({ only = held.product }) => only === held.product);
  const known = KNOWN_ERRORS.filter(({ products }) => products.includes(held.product));

  const checked = async (scene: Scene) => {
    const exchanges = await exchangesOf(scene, held);
    const all = exchanges.map((exchange) => descriptionOf(exchange).check(exchange));
    const problems = all.flatMap(({ operation, problems: found }) => found.map((one) => `${operation}: ${one}`));
    return { operations: all.map(({ operation }) => operation), problems, exchanges };
  };

  it.each(scenes)("every request and every response of $name are described", async (scene) => {
    const { problems, exchanges } = await checked(scene);
    expect(problems.filter((one) => !known.some(({ problem }) => problem === one))).toEqual([]);
    expect(exchanges.map(({ answer }) => answer?.status)).toEqual(expect.arrayContaining([...scene.answers]));
  });

  it.runIf(held.product === "cloud")(
    "a version that is not the next one is rejected as recorded from Cloud",
    async () => {
      const [race] = SCENES.filter(({ answers }) => answers.includes(409));
      const exchanges = race ? await exchangesOf(race, held) : [];
      const rejection = exchanges.find(({ answer }) => answer?.status === 409)?.answer?.body ?? "";
      const recorded = readFileSync(join(root ?? "", "confluence", "rest", "v2_put_page_409.json"), "utf8");
      const withoutNumbers = (body: string): unknown => JSON.parse(body.replaceAll(/\[\d+\]/g, "[n]"));
      expect(withoutNumbers(rejection)).toEqual(withoutNumbers(recorded));
    },
  );

  it("every call of the action is compared, and every known error still occurs", async () => {
    const all = await Promise.all(scenes.map(checked));
    expect([...new Set(all.flatMap(({ operations }) => operations))].sort()).toEqual([...held.operations].sort());
    const problems = all.flatMap((one) => one.problems);
    expect(known.filter(({ problem }) => !problems.includes(problem))).toEqual([]);
  });
});

describe("the comparison", () => {
  const item = { type: "object", required: ["id"], properties: { id: { type: "string" } } };
  const named = { allOf: [{ $ref: "#/components/schemas/Item" }, { properties: { name: { type: "string" } } }] };
  const json = (schema: object) => ({ content: { "application/json": { schema } } });
  const parameters = [
    { name: "id", in: "path", required: true, schema: { type: "integer" } },
    { name: "view", in: "query", required: true, schema: { type: "string", enum: ["short", "long"] } },
  ];
  const put = {
    parameters,
    requestBody: { required: true, ...json({ $ref: "#/components/schemas/Item" }) },
    responses: { 200: json(named), 404: {} },
    security: [{ token: [] }],
  };
  const description = new OpenApi(
    JSON.stringify({ paths: { "/items/{id}": { put } }, components: { schemas: { Item: item } } }),
  );
  const type = { "content-type": "application/json" };
  const good = {
    method: "PUT",
    path: "/items/7?view=short",
    headers: { ...type, authorization: "Bearer t" },
    body: '{"id":"7"}',
    status: 200,
    answer: '{"id":"7","name":"n"}',
    answerHeaders: type,
  };
  const problemsOf = (changes: Partial<typeof good> = {}) => {
    const { method, path, headers, body, status, answer, answerHeaders } = { ...good, ...changes };
    const url = new URL(path, "http://127.0.0.1");
    const response = { status, headers: new Headers(answerHeaders), body: answer };
    return description.check({ method, url, headers: new Headers(headers), body, answer: response }).problems;
  };

  it("an exchange that is as described has no problem", () => {
    expect(problemsOf()).toEqual([]);
    expect(problemsOf({ status: 404, answer: "anything" })).toEqual([]);
  });

  it.each<[string, Partial<typeof good>, RegExp]>([
    ["another method", { method: "POST" }, /^POST \/items\/7: not described$/],
    ["another path", { path: "/items/7/parts?view=short" }, /not described$/],
    ["a path of another type", { path: "/items/seven?view=short" }, /^path id: must be integer/],
    ["a missing parameter", { path: "/items/7" }, /^query view: missing$/],
    ["an additional parameter", { path: "/items/7?view=short&all=1" }, /^query all: not described$/],
    ["a parameter's value", { path: "/items/7?view=none" }, /^query view: must be equal to one of/],
    ["a missing credential", { headers: { ...type, authorization: "" } }, /^header authorization: missing/],
    [
      "a body of another type",
      { headers: { authorization: "Bearer t", "content-type": "text/plain" } },
      /^request body: content type/,
    ],
    ["a body with a missing member", { body: "{}" }, /^request body: must have required property 'id'/],
    ["a body with an additional member", { body: '{"id":"7","x":1}' }, /^request body: must NOT have additional/],
    ["a status", { status: 500 }, /^answer 500: not described$/],
    ["a member of a response", { answer: '{"id":7}' }, /^answer body.id: must be string/],
    ["an additional member of a response", { answer: '{"id":"7","x":1}' }, /^answer body: must NOT have additional/],
  ])("a problem with %s is found", (_, changes, problem) => {
    expect(problemsOf(changes)).toEqual([expect.stringMatching(problem)]);
  });
});

/** The calls of a scene: a first state is shown, and then the state that the scene is about. */
async function exchangesOf(scene: Scene, { product, base }: Held): Promise<readonly Exchange[]> {
  const sandbox = await startSandboxConfluence(scene.sandbox);
  const exchanges: Exchange[] = [];
  const recording: CallOut = async (request) => {
    const url = new URL(request.url);
    if (!url.pathname.startsWith(FIRST_INTERFACE.path))
      url.pathname = `${base.described}${url.pathname.slice(base.called.length)}`;
    const sent = { method: request.method, url, headers: new Headers(request.headers), body: request.body };
    try {
      const { status, headers, body } = await callOut(request);
      exchanges.push({ ...sent, answer: { status, headers, body: Buffer.from(body).toString("utf8") } });
      return { status, headers, body };
    } catch (fault) {
      exchanges.push(sent);
      scene.whenLost?.(sandbox);
      throw fault;
    }
  };
  try {
    const commands = { rejectReason: () => undefined, executeCommand: async () => [] };
    const bench = benchFor(sandbox, product, { ...scene.bench?.(product), commands, callOut: recording });
    const message = scene.message && { message: scene.message(sandbox.site(product)) };
    await bench.run(buildEntry({ state: "running", ...message }));
    scene.before?.(sandbox);
    await bench.run(buildEntry({ ...message }));
    if (scene.comment) await bench.run(await commented(sandbox, product, scene.comment));
    return exchanges;
  } finally {
    await sandbox.close();
  }
}

async function commented(sandbox: SandboxConfluence, product: Held["product"], kind: Scene["comment"]) {
  const made = kind === "footer" || kind === "inline";
  const id = made ? await sandbox.comment("98310", "<p>drawbridge approve</p>", { kind }) : "404404";
  const [time, site] = ["2026-11-02T09:00:00.000Z", sandbox.site(product)];
  const event = { type: "page.commented", time, subject: "98310", actor: { id: "max" } } as const;
  return entryOf("d-commented", { ...event, page: { site, id: "98310" }, comment: { id } });
}

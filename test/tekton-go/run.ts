import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { renderTarget, toYaml } from "../../shared/actions/tekton/render.ts";
import { problemWith, triggerRequest } from "../../shared/actions/tekton/request.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { pageEntry } from "../support/sandbox-tekton-action.ts";

/**
 * Resolves the requests of the bridge with Tekton's own code: bindings and templates of Triggers, validation and
 * substitution of Pipelines, in the exact versions of `go.mod`. `npm run test:tekton -- [seed]`; Go is needed, and a
 * module proxy the first time.
 */
const CASES = 10_000;
/** The first run compiles Tekton's packages. */
const LIMIT_MS = 600_000;

const here = fileURLToPath(new URL(".", import.meta.url));
/** Folders with rendered objects, and a file, beside those that this script renders. */
const MANIFESTS = [
  "test/unit/actions/tekton/golden",
  "deploy/tekton",
  "examples/protected-service/tekton-task.yaml",
].map((path) => join(here, "../..", path));

function main(seed: number): number {
  const go = ["go", "/usr/local/go/bin/go"].find(isRecent);
  if (go === undefined) {
    process.stdout.write("left out: this lane needs Go 1.24, to run Tekton's own code on the requests of the bridge\n");
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-tekton-"));
  try {
    const bodies = join(folder, "bodies.jsonl");
    const rendered = join(folder, "rendered.yaml");
    writeFileSync(
      bodies,
      casesOf(seed)
        .map((one) => `${JSON.stringify(one)}\n`)
        .join(""),
    );
    const options = { params: PARAMS, run: { pipeline: "docs", serviceAccount: "docs-builder" } };
    const { routes } = renderTarget(TARGET, [{ name: ROUTE, options, isApproved: true }]);
    writeFileSync(rendered, toYaml(routes.get(ROUTE) ?? []));
    process.stdout.write(`seed ${seed}: ${CASES} requests\n`);
    const env = {
      ...process.env,
      TEKTON_BODIES: bodies,
      TEKTON_RENDERED: rendered,
      TEKTON_MANIFESTS: MANIFESTS.filter((path) => existsSync(path)).join(delimiter),
    };
    const { status } = spawnSync(go, ["test", "-mod=readonly", "-count=1", "-v", "."], {
      cwd: here,
      env,
      stdio: "inherit",
      timeout: LIMIT_MS,
    });
    return status ?? 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `go.mod` names the oldest release that Tekton's modules accept. */
function isRecent(command: string): boolean {
  const { stdout } = spawnSync(command, ["env", "GOVERSION"], { cwd: tmpdir(), encoding: "utf8" });
  const [, minor] = /^go1\.(\d+)/.exec(stdout ?? "") ?? [];
  return Number(minor ?? 0) >= 24;
}

const ROUTE = "docs-build";
const PARAMS = { page: "$.detail.page.id", title: "$.detail.page.title", body: "$.detail.page.space", ref: "main" };
const TARGET = {
  name: "drawbridge",
  settings: { url: "https://el.example.com", runsReportedBy: "cluster", namespaces: ["ci"] },
};

/** What Tekton, Kubernetes, JSON, YAML and shells could take for more than text. */
const FRAGMENTS = [
  ..."$ ( ) { } [ ] \" ' ` \\ , : # & * ! | > % @ - = < \n \r \t".split(" "),
  ...[
    " ",
    "\u0000",
    "\u001b",
    "\u0085",
    "\u2028",
    "\ufeff",
    "\ud800",
    "\udc00",
    "😀",
    "é",
    "a",
    "0",
    "007",
    "null",
    "true",
  ],
  ...["$(tt.params.title)", "$(tt.params.body)", "$(tt.params.delivery-key)", "$(body.params.title)", "$(header.X)"],
  ...["$(uid)", "$(context.eventID)", "$(context.pipelineRun.name)", "$(params.page)", "$(params['page'])"],
  ...["$(tasks.build.results.digest)", "$(tasks.status)", "$(workspaces.x.path)", "$(finally.x.results.y)"],
  ...["tt.params.title)", "(params.body)", "context.pipelineRun.name)", '","value":"', '"}]},"x":{"y":"', "\n---\n"],
];

const aText = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 8 }).map((all) => all.join("")) },
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
  { weight: 2, arbitrary: fc.string({ maxLength: 60 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("a", "<", "é", "$(uid)", "\u0001"), fc.nat(2_500))
      .map(([text, times]) => text.repeat(times)),
  },
);

/** Requests that the bridge sends, each with what it must lead to. */
function casesOf(seed: number) {
  const texts = fc.sample(fc.tuple(aText, aText, aText), { numRuns: CASES, seed });
  return texts.flatMap(([title, body, actor], at) => {
    const context = { busEvent: editOf(at % 1_000, title, body, actor), attempt: 1, proof: "A".repeat(43) };
    const request = triggerRequest(context, PARAMS);
    if (problemWith(request, {}) !== undefined) return [];
    const { id, key, source, event, attempt } = request.delivery;
    const params = { page: "98310", title, body, ref: "main" };
    const values = { delivery: { id, key, source, event, attempt, approvedRef: "" }, params, actor: { id: actor } };
    return [
      {
        body: JSON.stringify(request),
        values: JSON.stringify(values),
        params: { page: "98310", title: wellFormed(title), body: wellFormed(body), ref: "main" },
        name: `${ROUTE}-${key}`,
      },
    ];
  });
}

const wellFormed = (text: string): string | null => (/\p{Cs}/u.test(text) ? null : text);

function editOf(number: number, title: string, space: string, actor: string): BusEvent {
  const { detail, ...envelope } = pageEntry(number);
  if (!("page" in detail && "actor" in detail)) throw new Error("a sample is a page edit");
  return { ...envelope, detail: { ...detail, actor: { id: actor }, page: { ...detail.page, title, space } } };
}

process.exitCode = main(Number(process.argv[2] ?? Date.now() % 2 ** 31));

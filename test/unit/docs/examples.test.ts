import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { examplesIn, type FiredRoute, firedRoutes } from "../../../docs/generate/fired-routes.ts";
import { examplePages } from "../../../docs/generated-blocks.ts";
import { checkLoaded } from "../../../shared/config/check.ts";
import { openNamespaces, openSpaces } from "../../../shared/config/checks/targets.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { stringsIn } from "../../../shared/config/references.ts";
import type { BusEvent } from "../../../shared/model/bus-event.ts";
import { fill } from "../../../shared/routes/fill.ts";
import { blocksOf, readText } from "../../support/documents.ts";
import { playgroundConfig } from "../../support/playground-sandboxes.ts";
import { entryOf } from "../../support/sandbox-confluence-action.ts";
import { secretsOf } from "../../support/test-doubles.ts";

const ROUTES_OF_PLAYGROUND = stringify(
  playgroundConfig({
    site: "https://wiki.example.com",
    listener: "https://tekton.example.com",
    issuer: "https://idp.example.com",
    own: "https://bridge.example.com",
    ref: (secret) => `env:${secret.toUpperCase().replaceAll("-", "_")}`,
  }),
);
const PAGES = [...examplePages(), { path: "the playground.yaml", text: ROUTES_OF_PLAYGROUND }];
const FIRED = firedRoutes(PAGES);
/** Routes that start runs. Routes that show a state have nothing to do with these rules. */
const STARTING = FIRED.filter(({ route }) => route.action === "tekton");

const SUMMARY = entryOf("d-summary", {
  type: "summary.submitted",
  time: "2026-11-02T09:00:01.000Z",
  subject: "page 98310 of wiki",
  summary: { target: "wiki", page: "98310", text: "Passed.", by: "release-notes", sources: [] },
});
const COMMIT = "9f3c".repeat(10);
const ORDERS = [
  { name: "deploy-docs", inputs: { environment: "staging", commit: COMMIT } },
  { name: "deploy-docs", inputs: { environment: "production", commit: COMMIT } },
  { name: "deploy-shop", inputs: { version: "v4.2.1" } },
  { name: "release-docs", inputs: { version: "4.2" } },
].map((order, at) =>
  entryOf(`d-${at}`, { type: "order.placed", time: "2026-11-02T09:00:00.000Z", subject: order.name, order }),
);

/** What the bridge itself publishes about an approval. */
const APPROVALS = (["approval.reminded", "approval.granted"] as const).map((type) => ({
  ...entryOf(`d-${type}`, {
    type,
    time: "2026-11-02T09:00:00.000Z",
    subject: "deploy-docs of platform/docs",
    approval: {
      system: "drawbridge",
      build: "p-1",
      pipeline: "deploy-docs",
      gate: {
        state: type === "approval.granted" ? "granted" : "requested",
        approvers: ["release-manager"],
        requestedAt: "2026-11-02T07:00:00.000Z",
        until: "2026-11-02T15:00:00.000Z",
        ...(type === "approval.reminded" && { reminder: 2 }),
      },
    },
  }),
  source: "drawbridge.approvals",
}));

const firing = ({ page, route, fixtures }: FiredRoute, isWrong: (busEvent: BusEvent) => boolean): readonly string[] =>
  fixtures.flatMap(({ provider, name, busEvents }) =>
    busEvents.some(isWrong) ? [`${route.name} in ${page}: ${provider} ${name}`] : [],
  );

/** What another part of the configuration would use. */
const OF_PARTS: ReadonlySet<string> = new Set(["unused-source", "unused-target"]);

describe("the configurations of the examples", () => {
  const context = { secrets: secretsOf({}), here: undefined, found: [] };
  const texts = PAGES.flatMap(({ path, text }) => (path.endsWith(".yaml") ? [text] : examplesIn(text)));

  it("none has a warning of check that its page does not name, except that it shows a part of a configuration", async () => {
    const unexpected: string[] = [];
    for (const { path, text } of examplePages()) {
      for (const example of path.endsWith(".yaml") ? [text] : examplesIn(text)) {
        const loaded = parseConfig(example, "example");
        if (!loaded.ok) continue;
        for (const { level, id = "", message } of await checkLoaded(loaded, "example", context.secrets)) {
          const isNamed = OF_PARTS.has(id) || text.includes(`\`${id}\``);
          if (level === "warning" && !isNamed) unexpected.push(`${path} ${id}: ${message}`);
        }
      }
    }
    expect(unexpected).toEqual([]);
  });

  it("each lists the namespaces that may report and the spaces that may be written", async () => {
    const loaded = texts.map((text) => parseConfig(text, "example"));
    const configs = loaded.flatMap((one) => (one.ok ? [one.config] : []));
    const open = configs.flatMap((config) => [openNamespaces, openSpaces].map((check) => check.run(config, context)));
    expect(configs.length).toBeGreaterThan(20);
    expect((await Promise.all(open)).flat()).toEqual([]);
  });
});

describe("the routes of the examples", () => {
  it("each is fired by a fixture, or by a summary, an order or an approval, which the bridge itself publishes", () => {
    const own = [SUMMARY, ...ORDERS, ...APPROVALS];
    const idle = FIRED.filter(({ route, fixtures }) => fixtures.length === 0 && !own.some((one) => route.matches(one)));
    expect(idle.map(({ page, route }) => `${route.name} in ${page}`)).toEqual([]);
  });

  it("none but branch-removed starts a run for a deletion, an edited comment, a planned release or a page that Confluence rewrote", () => {
    const unwanted = [
      "code.deleted",
      "change.comment_edited",
      "release.planned",
      "page.rewritten",
      "blogpost.rewritten",
    ];
    const isUnwanted = ({ "detail-type": type, detail }: BusEvent): boolean =>
      unwanted.includes(type) ||
      ("code" in detail && detail.code.commit === undefined) ||
      ("page" in detail && detail.page.status === "draft");
    // The one route that acts on a deletion on purpose.
    const others = STARTING.filter(({ route }) => route.name !== "branch-removed");
    expect(others.flatMap((one) => firing(one, isUnwanted))).toEqual([]);
  });

  it("none passes an empty parameter to the run that it starts", () => {
    const hasEmpty =
      ({ route }: FiredRoute) =>
      (busEvent: BusEvent): boolean =>
        stringsIn(route.options, []).some(
          ([, text]) => text.startsWith("$.") && !ONLY_OF_PROMOTIONS.test(text) && fill(busEvent, text) === "",
        );
    expect(STARTING.flatMap((one) => firing(one, hasEmpty(one)))).toEqual([]);
  });
});

/** The route adds these when it fires, or only a promotion has them. */
const ONLY_OF_PROMOTIONS = /^\$\.detail\.promotion\./;

it.each(["docs/gateways.md", "docs/kong.md", "docs/configuration-examples.md"])(
  "%s makes the folder of the bridge's key, and writes the key where the configuration reads it",
  (page) => {
    const text = readText(page);
    const [block = ""] = blocksOf(text, "sh").filter((one) => one.includes("bridge-key.pem"));
    const [, folder = "", file = ""] = /^mkdir -p (\S+)\nopenssl genpkey .* -out (\S+)$/m.exec(block) ?? [];
    expect(file).toBe(`${folder}/bridge-key.pem`);
    expect(text).toContain(`["file:${file}"]`);
  },
);

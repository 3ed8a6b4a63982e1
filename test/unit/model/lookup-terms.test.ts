import { describe, expect, it } from "vitest";
import type { TraceParent } from "../../../shared/host/trace.ts";
import { hasTerms, type LookupKind, termOf, termsOf } from "../../../shared/model/lookup-terms.ts";
import { providers } from "../../../shared/providers/registry.ts";
import { fixturesOf } from "../../support/provider-fixtures.ts";
import { sampleDelivery } from "../../support/samples.ts";

const PERSON = { issuer: "https://idp.test", subject: "Ines", method: "oidc", credential: "k1", roles: [] };

describe("the terms of a delivery", () => {
  it("they name what its event is about, who caused it and who sent it", () => {
    const delivery = {
      ...sampleDelivery(1, {
        principal: { ...PERSON, trustEntry: "people" },
        traceparent: "00-4f6c1d2e8a9b4c3d9e0f1a2b3c4d5e6f-7a8b9c0d1e2f3a4b-01" as TraceParent,
      }),
    };
    expect(termsOf(delivery).map((term) => term.replace(/ e-.*/, " e"))).toEqual([
      "trust people",
      "person ines",
      "trace 4f6c1d2e8a9b4c3d9e0f1a2b3c4d5e6f",
      "page 98310",
      "person ff80aa01",
      "eventKey e",
    ]);
  });

  it("an order is found by its commit, page, branch, tag and pipeline, and by the agent that placed it", () => {
    const [event] = sampleDelivery().events;
    const { page: _, actor: __, ...rest } = event;
    const inputs = { sha: "c".repeat(40), page: "98310", branch: "main", note: "see 4711", environment: "staging" };
    const order = { name: "deploy", inputs, act: "agent-7" };
    const delivery = { ...sampleDelivery(), events: [{ ...rest, type: "order.placed", order }] } as never;
    expect(termsOf(delivery).filter((term) => !term.startsWith("eventKey"))).toEqual([
      `commit ${"c".repeat(40)}`,
      "page 98310",
      "branch main",
      "person agent-7",
    ]);
  });

  it("a delivery without an event has only those of its sender", () => {
    const { events: _, ...ignored } = sampleDelivery(1, { outcome: "ignored" });
    expect(termsOf(ignored)).toEqual([]);
  });

  it("a change is found by its number, however long the name of its project is", () => {
    const [event] = sampleDelivery().events;
    for (const length of [10, 114, 117, 118, 119, 120, 2_000]) {
      const project = `platform/${"n".repeat(length)}`;
      const change = { project, number: 1412, title: "t" };
      const { page: _, ...rest } = event;
      const delivery = { ...sampleDelivery(), events: [{ ...rest, type: "change.opened", change }] } as never;
      for (const [wanted, isFound] of [
        ["1412", true],
        ["412", false],
        [`${project}!1412`, true],
        [`${project}x!1412`, false],
      ] as const)
        expect(hasTerms(delivery, [termOf("change", wanted)]), `${wanted}, ${length}`).toBe(isFound);
    }
  });

  it("a run of a cluster is found by its name, and no other run by the end of its subject", () => {
    const [event] = sampleDelivery().events;
    const build = { system: "s", id: "5c0f", pipeline: "ci/docs", state: "running" } as const;
    const runsOf = (subject: string) => {
      const { page: _, ...rest } = event;
      const delivery = { ...sampleDelivery(), events: [{ ...rest, type: "build.running", subject, build }] } as never;
      return termsOf(delivery).filter((term) => term.startsWith("run "));
    };
    expect(runsOf("ci/Docs-build-x7")).toEqual(["run 5c0f", "run docs-build-x7"]);
    for (const subject of ["acme/docs#418", "platform/docs pipeline 5", "a/b/c"])
      expect(runsOf(subject)).toEqual(["run 5c0f"]);
  });

  it("there are never too many, however many commits a push has", () => {
    const commits = Array.from({ length: 500 }, (_, n) => ({ id: String(n).padStart(40, "0"), message: "m" }));
    const [event] = sampleDelivery().events;
    const code = {
      project: "p",
      ref: "refs/heads/main",
      name: "main",
      change: "updated",
      commits,
      commitCount: 500,
    } as const;
    const delivery = { ...sampleDelivery(), events: [{ ...event, type: "code.pushed", code }] as const };
    // `page` is still there, as in no event; the types do not matter to the limit.
    expect(termsOf(delivery as never).length).toBeLessThanOrEqual(60);
  });

  it.each(providers.map(({ name }) => name))(
    "every event of %s that has a commit, run or page is found by it",
    (name) => {
      for (const { expected } of fixturesOf(name) as readonly {
        expected: { events?: readonly Record<string, never>[] };
      }[]) {
        for (const event of expected.events ?? []) {
          const delivery = { ...sampleDelivery(), events: [{ keyParts: ["1"], ...event }] } as never;
          const found = (kind: LookupKind, value: unknown) =>
            expect(hasTerms(delivery, [termOf(kind, String(value))]), JSON.stringify(event)).toBe(true);
          for (const part of Object.values(event) as Record<string, unknown>[]) {
            if (typeof part !== "object" || part === null) continue;
            if (typeof part["commit"] === "string") found("commit", part["commit"].slice(0, 7));
            if (part === event["page"]) found("page", part["id"]);
            if (part === event["build"] || part === event["job"]) found("run", part["id"]);
            if (part === event["change"]) found("change", part["number"]);
          }
        }
      }
    },
  );
});

describe("whether a delivery has a term", () => {
  const delivery = sampleDelivery(1);
  const table: readonly (readonly [LookupKind, string, boolean])[] = [
    ["page", " 98310 ", true],
    ["page", "9831", false],
    ["person", "FF80AA01", true],
    ["commit", "98310", false],
  ];
  it.each(table)("%s %j: %s", (kind, text, isTrue) => {
    expect(hasTerms(delivery, [termOf(kind, text)])).toBe(isTrue);
  });

  it("a value of any length is compared as a whole", () => {
    const long = "x".repeat(500);
    expect(termOf("title", `${long}a`)).not.toEqual(termOf("title", `${long}b`));
    expect(termOf("title", long).value.length).toBeLessThanOrEqual(120);
  });
});

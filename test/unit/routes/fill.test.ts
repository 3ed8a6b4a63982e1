import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BusEvent } from "../../../shared/model/bus-event.ts";
import { fill, isTemplate } from "../../../shared/routes/fill.ts";

const busEvent: BusEvent = {
  source: "drawbridge.gitlab",
  "detail-type": "code.pushed",
  time: "2026-11-02T09:00:00Z",
  detail: {
    id: "d-1",
    source: "/sources/platform-gitlab",
    type: "code.pushed",
    subject: "platform/docs",
    time: "2026-11-02T09:00:00Z",
    delivery: "d-1",
    eventKey: "e-1",
    principal: { id: "source:platform-gitlab", issuer: "drawbridge", subject: "platform-gitlab", roles: [] },
    code: {
      project: "platform/docs",
      ref: "refs/heads/main",
      name: "main",
      change: "updated",
      commit: "0f1e2d3c",
      commitCount: 2,
      commits: [
        { id: "0f1e2d3c", message: "Explain the bridge" },
        { id: "4b5a6978", message: "Draw it" },
      ],
    },
  },
};

describe("a template", () => {
  it.each([
    ["main", "main"],
    ["", ""],
    ["$", "$"],
    ["costs $.5? no: $x", "costs $.5? no: $x"],
    ["$.source", "drawbridge.gitlab"],
    ["$.detail-type", "code.pushed"],
    ["$.detail.code.name", "main"],
    ["$.detail.code.commits[1].message", "Draw it"],
    ["$.detail.code.commits[2].message", ""],
    ["$.detail.code.commits", ""],
    ["$.detail.code.commits.length", ""],
    ["$.detail.code", ""],
    ["$.detail.page.id", ""],
    ["$.detail.code.name.length", ""],
    ["$.detail.code.name[0]", ""],
    ["$.detail.constructor.name", ""],
    ["$.__proto__.toString", ""],
    ["$.detail..code", ""],
    ["$.", ""],
  ])("the template %j becomes %j", (template, text) => expect(fill(busEvent, template)).toBe(text));

  it.each(["", "text", "$", "$.a", "$.a-b.c_d[0][1].e"])("the template %j is valid", (template) =>
    expect(isTemplate(template)).toBe(true),
  );

  it.each(["$.", "$..a", "$.a.", "$.a[x]", "$.a[-1]", "$.a[00000]", "$.a b", "$.a['b']", "$.a[0]b", "$.*"])(
    "the template %j is invalid",
    (template) => expect(isTemplate(template)).toBe(false),
  );

  it("any template becomes text and never throws", () => {
    const path = fc.array(fc.constantFrom(".detail", ".code", ".commits", "[0]", ".__proto__", ".x", "["), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          path.map((steps) => `$${steps.join("")}`),
        ),
        (template) => {
          const filled = fill(busEvent, template);
          expect(typeof filled).toBe("string");
          if (!template.startsWith("$.")) expect(filled).toBe(template);
        },
      ),
    );
  });
});

import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptiedIn, problemWith, triggerRequest } from "../../../../shared/actions/tekton/request.ts";
import { hazardIn } from "../../../../shared/host/inert.ts";
import type { BusEvent } from "../../../../shared/model/bus-event.ts";
import { propertyCases } from "../../../support/property-cases.ts";
import { pageEntry } from "../../../support/sandbox-tekton-action.ts";

/** A page edit with this title and by this person. */
function editOf(title: string, actor = "ff80aa01"): BusEvent {
  const { detail, ...envelope } = pageEntry();
  if (!("page" in detail && "actor" in detail)) throw new Error("a sample is a page edit");
  return { ...envelope, detail: { ...detail, actor: { id: actor }, page: { ...detail.page, title } } };
}

const PARAMS = { page: "$.detail.page.id", title: "$.detail.page.title", ref: "main" };
const contextOf = (busEvent: BusEvent) => ({ busEvent, attempt: 1 });
const requestOf = (title: string, actor?: string) => triggerRequest(contextOf(editOf(title, actor)), PARAMS);
const decoded = (payload: string) => JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));

const UNSAFE: readonly (readonly [title: string, hazard: string])[] = [
  ["$(tasks.build.results.digest)", "it contains `$(`"],
  ["Cost $(5)", "it contains `$(`"],
  ["$$(context.pipelineRun.name)", "it contains `$(`"],
  ["$$", "it contains `$$`"],
  ["US$", "it ends with `$`"],
  ["two\nlines", "it contains a control character"],
  ["a\ttab", "it contains a control character"],
  ["\u0000", "it contains a control character"],
  ["\u001b[31m", "it contains a control character"],
  ["\u0085", "it contains a control character"],
  ["\ud83d alone", "it contains half of a surrogate pair"],
];
const SAFE = [
  "",
  "$5",
  "a $ b",
  "(x)",
  "$ (x)",
  `$${"{X}"}`,
  "`id`",
  '"quoted"',
  "back\\slash",
  "007",
  "null",
  '["a"]',
].concat(["<b>&amp;</b>", "\u2028", "😀", "https://example.test/?a=$b"]);

describe("the values of a trigger", () => {
  it.each(UNSAFE)("the unsafe title %j is left empty, and travels in the payload", (title, hazard) => {
    const { params, payload } = requestOf(title);
    expect(params).toEqual({ page: "98310", title: "", ref: "main" });
    expect(decoded(payload).params).toEqual({ page: "98310", title, ref: "main" });
    expect(emptiedIn(contextOf(editOf(title)), PARAMS)).toBe(
      `param title was left empty: ${hazard}; the value travels in drawbridge-payload`,
    );
  });

  it.each(SAFE)("the safe title %j arrives as it is, and in the payload too", (title) => {
    const { params, payload } = requestOf(title);
    expect(params["title"]).toBe(title);
    expect(decoded(payload).params.title).toBe(title);
    expect(emptiedIn(contextOf(editOf(title)), PARAMS)).toBeUndefined();
  });

  it("the account of who caused the event is a value like others", () => {
    const { actor, payload } = requestOf("$(uid)", "$(tt.params.title)");
    expect(actor.id).toBe("");
    expect(decoded(payload).actor.id).toBe("$(tt.params.title)");
    expect(emptiedIn(contextOf(editOf("$(uid)", "$(tt.params.title)")), PARAMS)).toBe(
      "param title was left empty: it contains `$(`; actor.id was left empty: it contains `$(`; the values travel in drawbridge-payload",
    );
  });

  it("every leaf is safe, whatever the event contains", async () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .array(fc.constantFrom("$", "(", ")", "tt.params.title", "a", "\ud800", "\n"), { maxLength: 12 })
        .map((all) => all.join("")),
    );
    await fc.assert(
      fc.property(text, text, text, (title, actor, approvedRef) => {
        const request = triggerRequest({ ...contextOf(editOf(title, actor)), approvedRef }, PARAMS);
        const leaves: string[] = [];
        JSON.stringify(request, (_, value) => (typeof value === "object" ? value : leaves.push(value)));
        expect(leaves.filter((leaf) => hazardIn(leaf) !== undefined)).toEqual([]);
        // Joined in any order, safe values are safe: no template makes a variable of two of them.
        expect(hazardIn(`${leaves.join("")}${leaves.reverse().join("")}.`)).toBeUndefined();
        expect(request.payload).toMatch(/^([\w-]{4})+$/);
        expect(decoded(request.payload)).toEqual({
          delivery: expect.objectContaining({ approvedRef, id: request.delivery.id }),
          params: { page: "98310", title, ref: "main" },
          actor: { id: actor },
        });
      }),
      propertyCases("the values of a trigger"),
    );
  });

  it("the shell reads the payload as the rendered objects show it", () => {
    const title = "Cost $(5) `id` $$ \"x\"\n'y' größe 😀";
    const script = `printf '%s' "$PAYLOAD" | tr '_-' '/+' | base64 -d`;
    const env = { PATH: process.env["PATH"], PAYLOAD: requestOf(title).payload };
    expect(JSON.parse(execFileSync("sh", ["-c", script], { env, encoding: "utf8" })).params.title).toBe(title);
  });
});

describe("a request that must not be sent", () => {
  const problemOf = (title: string) => problemWith(requestOf(title), {});

  it("the values of one run are bounded together, with the payload and in UTF-8", () => {
    expect(problemOf("a".repeat(13_500))).toBeUndefined();
    expect(problemOf("a".repeat(14_500))).toMatch(/^the values for the run have 3\d{4} bytes .*, more than 32768:/);
    expect(problemOf("é".repeat(7_500))).toMatch(/more than 32768/);
    expect(problemOf("\n".repeat(13_500))).toMatch(/more than 32768/);
    expect(problemOf("a".repeat(100_000))).toMatch(/more than 32768/);
  });

  it("a run is never started with an approved reference that was left empty", () => {
    const approvedRef = "$(uid)";
    const context = { ...contextOf(editOf("x")), approvedRef };
    expect(problemWith(triggerRequest(context, PARAMS), context)).toContain("the approved reference");
  });
});

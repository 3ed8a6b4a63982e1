import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../../shared/cli/run-command.ts";
import { commandHost } from "../../support/command-host.ts";
import { serveOnLoopback } from "../../support/loopback.ts";

const run = (delivery: string, state = "succeeded") => ({ delivery, firedAt: "2026-11-02T09:00:00.000Z", state });
const PRODUCTION = { environment: "production", newest: run("d-9", "failed"), good: [run("d-8"), run("d-7")] };
const DASH = { environment: "-", newest: run("d-6"), good: [] };
const NOWHERE = { newest: run("d-5"), good: [run("d-4")] };

/** Runs `rollback docs` at a bridge that answers this. Each line of the table is in its cells. */
async function rollback(answer: object, args: readonly string[], status = 200) {
  const lines: string[] = [];
  const said: string[] = [];
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.all("*", () => Response.json(answer, { status }));
  const { url, close } = await serveOnLoopback(app, 0);
  try {
    const environment = { DRAWBRIDGE_URL: url.origin, DRAWBRIDGE_TOKEN: "token" };
    const host = commandHost({
      environment,
      print: (text) => void lines.push(...text.split("\n")),
      warn: (text) => void said.push(text),
    });
    const code = await runCommand(["rollback", "docs", ...args], host);
    const effects = lines.slice(1).flatMap((line) => {
      const [, effect = "", delivery = ""] = /(runs again|needs --environment=\S+).*(d-\d)/.exec(line) ?? [];
      return effect === "" ? [] : [`${delivery} ${effect}`];
    });
    return { code, effects, said, lines };
  } finally {
    await close();
  }
}

const preview = (places: readonly object[], ...args: readonly string[]) => rollback({ places }, ["--dry-run", ...args]);

describe("what a rollback would do", () => {
  it("without an environment, it acts only on the runs that reported none", async () => {
    const { code, effects, lines } = await preview([PRODUCTION, DASH, NOWHERE]);
    expect([code, effects]).toEqual([0, ["d-8 needs --environment=production", "d-4 runs again"]]);
    // An environment may be named like anything that stands for none.
    expect(lines.map((line) => line.split(/ {2,}/)[0])).toEqual([
      "environment",
      "production",
      "production",
      "production",
      "-",
      "",
      "",
    ]);
    const refused = await preview([PRODUCTION]);
    expect([refused.code, refused.effects]).toEqual([1, ["d-8 needs --environment=production"]]);
    expect(refused.said).toEqual([expect.stringContaining("without an environment; good runs are in production")]);
  });

  it("in an environment, it goes back to the run before the newest, or to the one that is named", async () => {
    const places = [PRODUCTION, NOWHERE];
    const inProduction = ["--environment", "production"];
    expect(await preview(places, ...inProduction)).toMatchObject({ code: 0, effects: ["d-8 runs again"] });
    expect(await preview(places, ...inProduction, "--to", "d-7")).toMatchObject({
      code: 0,
      effects: ["d-7 runs again"],
    });
    expect(await preview(places, "--to", "d-7")).toMatchObject({
      code: 1,
      effects: ["d-7 needs --environment=production"],
    });
    expect(await preview([DASH], "--environment=-", "--to", "d-6")).toMatchObject({
      code: 0,
      effects: ["d-6 runs again"],
    });
  });

  it.each([
    ["an environment without good runs", ["--environment", "prod"], /succeeded in prod; good runs are in production/],
    ["a run that failed", ["--environment", "production", "--to", "d-9"], /that d-9 fired is known/],
    // It succeeded without an environment, so it is no run of production.
    ["a run of another place", ["--environment", "production", "--to", "d-5"], /that d-5 fired is known/],
    ["no earlier run", ["--environment=-"], /no earlier run of docs is known/],
  ])("%s is refused as the rollback refuses it", async (_what, args, message) => {
    const places = [{ ...PRODUCTION, newest: args.includes("d-5") ? run("d-5") : PRODUCTION.newest }, DASH, NOWHERE];
    const { code, effects, said } = await preview(places, ...args);
    expect([code, effects, said]).toEqual([1, [], [expect.stringMatching(message)]]);
  });

  it("it names the commit that ran, which is not always the newest of the push", async () => {
    const commits = ["d", "c"].map((digit) => ({ id: digit.repeat(40), title: `Commit ${digit}` }));
    const good = [{ ...run("d-4"), commits, reference: "c".repeat(40), tag: "v1.2" }];
    const line = (await preview([{ ...NOWHERE, good }])).lines.at(-1);
    expect(line).toMatch(/ c{40} +d-4 +tag v1\.2: Commit c$/);
  });

  it("it says whether the run needs an approval, and of whom", async () => {
    const gated = (people: number, roles: readonly string[]) => ({ ...run("d-4"), approval: { people, roles } });
    const last = async (...good: readonly object[]) => (await preview([{ ...NOWHERE, good }])).lines.at(-1);
    expect(await last(gated(2, ["release", "owner"]), gated(1, []))).toBe(
      "The rollback to d-4 needs an approval of 2 people with the role release or owner, and not you.",
    );
    expect(await last(gated(1, []))).toBe(
      "The rollback to d-4 needs an approval that nobody can give: no role may approve it.",
    );
    expect(await last(run("d-4"), gated(1, []))).not.toContain("approval");
  });

  it.each(["its record is gone", "the route no longer matches it"])(
    "a run that would run nothing is no success, and the others are shown: %s",
    async (problem) => {
      const gone = { ...NOWHERE, good: [{ ...run("d-4"), problem }, run("d-3")] };
      const { code, said, lines } = await preview([gone]);
      expect([code, said]).toEqual([1, [`the rollback to d-4 would run nothing: ${problem}`]]);
      expect(lines).toHaveLength(4);
      expect((await preview([gone], "--to", "d-3")).code).toBe(0);
    },
  );

  it("a refusal that quotes a name with a line break is one line", async () => {
    const refusal = { title: "No run in a\nb", reason: "rollback_impossible" };
    const refused = await rollback(refusal, [], 409).catch((error: unknown) => String(error));
    expect(refused).toContain("409 No run in a?b (rollback_impossible)");
  });
});

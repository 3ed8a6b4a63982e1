import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../infra/bundling.ts";
import type { Kind } from "../../infra/new/scaffold.ts";
import { blocksOf, readText } from "./documents.ts";
import { copyProject, EMULATOR } from "./project-copy.ts";

/** Each step is a program that loads the whole project, on a machine that may be busy. */
const STEP_MS = 240_000;

/** Whether `npm run rehearse` has installed it. */
const hasEmulator = existsSync(join(PROJECT_ROOT, EMULATOR, "venv/installed"));
const leftOut = hasEmulator ? "" : ": left out, npm run rehearse has not installed the emulator";

type Copy = Awaited<ReturnType<typeof copyProject>>;

/** The block of shell commands of a guide that has a text. */
function blockWith(guide: string, text: string): string {
  const found = blocksOf(readText(guide), "sh").filter((block) => block.includes(text));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  throw new Error(`${guide} has ${found.length} blocks with ${text}`);
}

const lineWith = (guide: string, text: string): string =>
  blockWith(guide, text)
    .split("\n")
    .filter((line) => line.includes(text))
    .join("\n");

interface Guide {
  readonly guide: string;
  readonly kind: Kind;
  /** The file of the contract suite. */
  readonly suite: string;
  /** Number of the lines to fill in. */
  readonly marks: number;
  /** What the rehearsal shows of the new folder. */
  readonly rehearsed: string;
}

/** Tests that run the commands of a guide in a copy of the project, in their order. */
export function followGuide({ guide, kind, suite, marks, rehearsed }: Guide): void {
  describe(`somebody who follows ${guide}`, () => {
    let copy: Copy;
    /** Of the target and of the bridge, as they listen. */
    let port = "9000";
    let environment = {};
    /** What the target printed. */
    let target: ReturnType<Copy["start"]> | undefined;
    beforeAll(async () => {
      copy = await copyProject();
    });
    afterAll(() => copy.remove());

    /** Runs commands of the guide. They succeed. */
    async function run(script: string): Promise<string> {
      const { code, text } = await copy.run(script.replaceAll("127.0.0.1:9000", `127.0.0.1:${port}`), environment);
      expect(code, text).toBe(0);
      return text;
    }

    it(`writes a new ${kind}, and reads which lines to fill in`, { timeout: STEP_MS }, async () => {
      const text = await run(blockWith(guide, "npm run new"));
      expect(text).toContain(`shared/${kind}s/acme is written`);
      expect(text.match(/^shared\/\S+:\d+ FILL IN: /gm)).toHaveLength(marks);
      const again = await copy.run(blockWith(guide, "npm run new"));
      expect(again.code).toBe(1);
      expect(again.text.trim().split("\n").at(-1)).toBe(`new: shared/${kind}s/acme is there already`);
    });

    it("sees the suite of it pass, and one test fail that names these lines", { timeout: STEP_MS }, async () => {
      const passed = await run(lineWith(guide, suite));
      expect(passed).toMatch(/\b[1-9]\d passed, 0 failed/);
      const { code, text } = await copy.run(lineWith(guide, "fill-in.test.ts"));
      expect(code).toBe(1);
      expect(text).toContain("1 failed");
      expect(new Set(text.match(/shared\/\S+:\d+ FILL IN: /g)).size).toBe(marks);
    });

    it("writes the documents, which have it everywhere, and finds nothing to change", {
      timeout: STEP_MS,
    }, async () => {
      await run(blockWith(guide, "npm run docs"));
    });

    it("sends a signed event across a bridge", { timeout: STEP_MS }, async () => {
      if (kind === "action") {
        target = copy.start(blockWith(guide, "createServer").replace("9000", "0"));
        port = await target.printed(/^(\d+)$/m);
      }
      expect(await run(blockWith(guide, "drawbridge -- check"))).toContain("0 errors");
      const bridge = copy.start(blockWith(guide, "drawbridge -- start").replace("acme.yaml", "acme.yaml --port 0"));
      environment = { DRAWBRIDGE_URL: await bridge.printed(/"url":"(http:[^"]+)"/) };
      expect(await run(blockWith(guide, "drawbridge -- send"))).toContain("202 ");
      if (target) expect(await target.printed(/^POST \/messages (a-\w+)$/m)).not.toBe("");
      else expect(await run(blockWith(guide, "drawbridge -- send"))).toMatch(/^200 .*"duplicate"/m);
    });

    it("synthesises the stack for AWS", { timeout: STEP_MS }, async () => {
      const text = await run(lineWith(guide, "acme-aws.yaml"));
      expect(text).toMatch(/acme-aws.yaml compiled into/);
    });

    it.skipIf(!hasEmulator)(`rehearses it in AWS${leftOut}`, { timeout: STEP_MS }, async () => {
      expect(await run(lineWith(guide, "npm run rehearse"))).toContain(rehearsed);
    });
  });
}

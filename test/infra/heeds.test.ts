import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileConfig } from "../../infra/compile-config.ts";
import { EVERYTHING, synthesise } from "./synthesised.ts";

/** The same installation with people who decide by labels. */
async function withPeople() {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-people-"));
  try {
    const text = await readFile(EVERYTHING, "utf8");
    const path = join(folder, "drawbridge.yaml");
    const person = `$&    people: { "max": { roles: [on-call] } }\n`;
    await writeFile(path, text.replace("    provider: buildkite\n", person));
    return await synthesise({}, await compileConfig(path));
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("what publishes", () => {
  it("may read and write what labels decide where people are configured, and nowhere else", async () => {
    const [plain, heeding] = [await synthesise({}, await compileConfig(EVERYTHING)), await withPeople()];
    const rights = ({ permissions }: typeof plain, role: string) => {
      const { DeliveriesTable, "DeliveriesTable/index/due": due } = permissions(role);
      return { table: DeliveriesTable, due };
    };
    expect(rights(plain, "RelayRole")).toEqual({ table: ["dynamodb:UpdateItem"], due: undefined });
    const all = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
    expect(rights(heeding, "RelayRole")).toEqual({ table: all, due: ["dynamodb:Query"] });
    expect(rights(heeding, "SweepRole")).toEqual({ table: all, due: ["dynamodb:Query"] });
    expect(rights(plain, "SweepRole").table).not.toContain("dynamodb:PutItem");
  });
});

import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { buildTorture } from "../torture/build.ts";
import { DEFECTS, isDefectName } from "../torture/defects.ts";
import { framesOf } from "../torture/wal.ts";

describe("the torture", () => {
  it.each(Object.keys(DEFECTS).filter(isDefectName))("the known defect %s still fits the source", async (name) => {
    const programs = await buildTorture(join(inject("runFolder"), `torture-${name}`), name);
    expect(programs["crash-points"]).toContain("crash-points");
  });

  it("the frames of a log end where the salts of an earlier log begin", () => {
    const wal = Buffer.alloc(32 + 3 * (24 + 512));
    wal.writeUInt32BE(512, 8);
    wal.write("new-salt", 16);
    wal.write("new-salt", 32 + 8);
    wal.write("new-salt", 32 + 536 + 8);
    wal.write("old-salt", 32 + 2 * 536 + 8);
    expect(framesOf(wal)).toBe(2);
    expect(framesOf(Buffer.alloc(0))).toBe(0);
  });
});

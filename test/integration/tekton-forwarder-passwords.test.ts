import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readPasswords } from "../../shared/cluster/passwords.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-passwords-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe("the passwords of the sink", () => {
  it("each line is one, so that a password can be rotated", async () => {
    const path = join(home, "passwords");
    await writeFile(path, "the password of today\r\nthe password of tomorrow\n\n");
    expect(await readPasswords(path)).toEqual(["the password of today", "the password of tomorrow"]);
  });

  it.each(["", "\n", "short\n", "the password of today\nshort"])("a file with %j is refused", async (text) => {
    const path = join(home, "passwords");
    await writeFile(path, text);
    await expect(readPasswords(path)).rejects.toMatchObject({ code: "secret_unavailable" });
  });

  it("a missing file is a fault that can heal", async () => {
    await expect(readPasswords(join(home, "none"))).rejects.toMatchObject({ retryable: true });
  });
});

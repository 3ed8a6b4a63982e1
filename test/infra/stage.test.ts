import { expect, it } from "vitest";
import { synthesise } from "./synthesised.ts";

it("each function has the stage of the installation, and its metrics carry it", async () => {
  const stack = await synthesise();
  const functions = [...stack.resources("AWS::Lambda::Function")];
  expect(functions.length).toBeGreaterThan(4);
  for (const [name, { Properties }] of functions) {
    expect(Properties["Environment"], name).toMatchObject({ Variables: { STAGE: "dev" } });
  }
});

import { expect, it } from "vitest";
import { compileConfig } from "../../infra/compile-config.ts";
import { digestOf } from "../../shared/config/digest.ts";
import { readConfig } from "../../shared/config/load.ts";
import { EVERYTHING, synthesise } from "./synthesised.ts";

it("each function has the stage of the installation, and its metrics carry it", async () => {
  const stack = await synthesise();
  const functions = [...stack.resources("AWS::Lambda::Function")];
  expect(functions.length).toBeGreaterThan(4);
  for (const [name, { Properties }] of functions) {
    expect(Properties["Environment"], name).toMatchObject({ Variables: { STAGE: "dev" } });
  }
});

it("the functions that answer requests or run actions have the digest of the configuration that one machine has of the same file", async () => {
  const loaded = await readConfig(EVERYTHING);
  if (!loaded.ok) throw new Error("the configuration is invalid");
  const stack = await synthesise({}, await compileConfig(EVERYTHING));
  const digests = [...stack.resources("AWS::Lambda::Function")].flatMap(([name, { Properties }]) => {
    const { Variables } = Properties["Environment"] as { readonly Variables: Readonly<Record<string, string>> };
    return Variables["CONFIGURATION_DIGEST"] === undefined ? [] : [[name, Variables["CONFIGURATION_DIGEST"]]];
  });
  const named = digests.map(([name, digest]) => [name?.replace(/^Act.*Handler$/, "ActHandler"), digest].join());
  const expected = ["ActHandler", "ConsoleHandler", "ReceiveHandler"].map(
    (name) => `${name},${digestOf(loaded.config)}`,
  );
  expect([...new Set(named)].sort()).toEqual(expected);
});

import { describe, expect, it } from "vitest";
import { programOf, withProgram } from "../../../shared/cli/program.ts";

const BY_NPM = { npm_lifecycle_event: "drawbridge" };

describe("the name of the program in hints", () => {
  it.each([
    ["npm run", "/repo/infra/drawbridge.mjs", "/repo", BY_NPM, "npm run -s drawbridge --"],
    ["node without npm", "/repo/infra/drawbridge.mjs", "/repo", {}, "node infra/drawbridge.mjs"],
    ["a link in the path", "/usr/local/bin/drawbridge", "/repo", {}, "drawbridge"],
    ["the bundle in the checkout", "/repo/dist/drawbridge.mjs", "/repo", {}, "node dist/drawbridge.mjs"],
    ["the bundle from elsewhere", "/repo/dist/drawbridge.mjs", "/home/kim", {}, "node /repo/dist/drawbridge.mjs"],
    ["the bundle in a shell of npm", "/repo/dist/drawbridge.mjs", "/repo", BY_NPM, "node dist/drawbridge.mjs"],
  ])(
    "a program that was started by %s is started again by what is printed",
    (_how, path, folder, environment, shown) => {
      expect(programOf({ path, folder, environment })).toBe(shown);
    },
  );

  it("only commands of the program are replaced in a text", () => {
    const program = "node dist/drawbridge.mjs";
    for (const [text, shown] of [
      ["drawbridge secrets", `${program} secrets`],
      ['see "drawbridge token explain", or drawbridge --help', `see "${program} token explain", or ${program} --help`],
      ["comment drawbridge approve p-4zq2", "comment drawbridge approve p-4zq2"],
      ["the image registry.example.com/drawbridge is old", "the image registry.example.com/drawbridge is old"],
      ["there is no drawbridge.yaml here", "there is no drawbridge.yaml here"],
    ] as const)
      expect(withProgram(text, program)).toBe(shown);
    expect(withProgram("drawbridge check", "a $& b")).toBe("a $& b check");
  });
});

import { expect, it } from "vitest";
import { VERSION } from "../../../shared/host/version.ts";
import { readText } from "../../support/documents.ts";

it("the version that the bridge reports is that of the package", () => {
  expect(JSON.parse(readText("package.json"))).toMatchObject({ version: VERSION });
});

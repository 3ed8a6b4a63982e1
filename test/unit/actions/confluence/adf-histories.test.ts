import { test } from "vitest";
import { propertyCases } from "../../../support/property-cases.ts";
import { expectSafeHistories } from "./adf-histories.ts";

test("no update of a page of the new editor loses a word that a person wrote, or changes a node outside the region", async () => {
  await expectSafeHistories(propertyCases("page histories in the new editor", { weight: 5 }));
}, 1_800_000);

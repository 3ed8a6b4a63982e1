import { describe, expect, it } from "vitest";
import { acme } from "../../infra/new/provider/index.ts";
import { providers } from "../../shared/providers/registry.ts";
import { checksTitled, failedOf } from "../support/checks.ts";
import { propertyCases } from "../support/property-cases.ts";
import { providerChecks } from "../support/provider-checks.ts";
import { defectiveProviders, withKinds } from "../support/provider-defects.ts";
import { fixtureSourceOf, fixturesIn, fixturesOf, sourceIn } from "../support/provider-fixtures.ts";

/** Of each of hundreds of fixtures. */
const changedBodies = propertyCases("changed bodies", { weight: 20 });

/** The contract of every provider in the registry. Nothing here names one. */
describe.each(providers.map((provider) => [provider.name, provider] as const))("provider %s", (name, provider) => {
  const checks = providerChecks(provider, { fixtures: fixturesOf(name), source: fixtureSourceOf(name), changedBodies });
  it.each(checks.map(({ title, run }) => [title, run] as const))("%s", (_, run) => run());
});

describe("a new provider, as npm run new writes it", () => {
  const folder = "infra/new/provider";
  const source = sourceIn(folder);
  const fixtures = withKinds(fixturesIn(folder));

  it("a new provider keeps the contract before anything is filled in", async () => {
    expect(await failedOf(providerChecks(acme, { fixtures, source, changedBodies }))).toEqual([]);
  });

  const defective = defectiveProviders(acme, fixtures);
  it.each(defective.map(({ defect, ...rest }) => [defect, rest] as const))(
    "the suite finds a provider %s",
    async (_, { provider, failing }) => {
      const checks = checksTitled(providerChecks(provider, { fixtures, source, changedBodies }), failing);
      expect(await failedOf(checks)).toContain(failing);
    },
  );
});

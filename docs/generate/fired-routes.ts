import { parseConfig } from "../../shared/config/load.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { table } from "../config-tables.ts";
import { publishedFixtures } from "./fixtures.ts";

export interface Page {
  readonly path: string;
  readonly text: string;
}

/** A route of an example, with the events of the fixtures that fire it. */
export interface FiredRoute {
  readonly page: string;
  readonly route: Config["routes"][number];
  readonly fixtures: readonly FiringFixture[];
}

interface FiringFixture {
  readonly provider: string;
  readonly name: string;
  /** The events that match. */
  readonly busEvents: readonly BusEvent[];
}

/** Which fixtures fire the routes of the examples in these pages. A page that ends in `.yaml` is one example. */
export function firedRoutes(pages: readonly Page[]): readonly FiredRoute[] {
  return pages.flatMap(({ path, text }) =>
    (path.endsWith(".yaml") ? [text] : examplesIn(text)).flatMap((example) => routesOf(path, example)),
  );
}

/** Whole files: {@link parseConfig} accepts them. */
export const examplesIn = (text: string): readonly string[] =>
  Array.from(text.matchAll(/^```yaml\n(# drawbridge\.yaml\n.*?)^```$/gms), ([, example = ""]) => example);

function routesOf(page: string, example: string): readonly FiredRoute[] {
  const loaded = parseConfig(example, page);
  if (!loaded.ok) throw new Error(`an example in ${page} has a mistake`);
  const { sources, routes } = loaded.config;
  const received = sources.flatMap(({ name: source, provider }) =>
    publishedFixtures(provider, source).map((fixture) => ({ ...fixture, provider })),
  );
  return routes.map((route) => ({
    page,
    route,
    fixtures: received.flatMap(({ provider, name, busEvents }) => {
      const matching = busEvents.filter(route.matches);
      return matching.length === 0 ? [] : [{ provider, name, busEvents: matching }];
    }),
  }));
}

/** Routes with one name that the same fixtures fire share a line. */
export function firedRoutesTable(pages: readonly Page[]): string {
  const lines = new Map<string, { readonly cells: readonly string[]; readonly pages: Set<string> }>();
  for (const { page, route, fixtures } of firedRoutes(pages)) {
    const cells = [`\`${route.name}\``, listOf(fixtures)];
    const line = lines.get(cells.join()) ?? { cells, pages: new Set() };
    lines.set(cells.join(), { ...line, pages: line.pages.add(`[${page.split("/").at(-1)}](/${page})`) });
  }
  const rows = [...lines.values()].map(({ cells: [name = "", fired = ""], pages: where }) => [
    name,
    [...where].join(", "),
    fired,
  ]);
  return table(["route", "in", "fired by the fixtures"], rows);
}

function listOf(fixtures: readonly FiringFixture[]): string {
  const providers = [...new Set(fixtures.map(({ provider }) => provider))];
  const lists = providers.map((provider) => {
    const names = fixtures.filter((fixture) => fixture.provider === provider).map(({ name }) => `\`${name}\``);
    return `${provider} ${[...new Set(names)].join(", ")}`;
  });
  return lists.join("; ") || "none";
}

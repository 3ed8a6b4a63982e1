import type { Check } from "./check.ts";

export const shadowMode: Check = {
  id: "shadow-mode",
  level: "warning",
  finds: "a trust entry, source or route in shadow mode: it accepts what it would otherwise reject",
  remedy: "look at `drawbridge report shadow`, then set `mode: enforce`",
  canBeIgnored: true,
  needs: [],
  run: ({ issuers, sources, routes }) => [
    ...inShadow("issuers", Object.entries(issuers)),
    ...inShadow("sources", byName(sources)),
    ...inShadow("routes", byName(routes)),
  ],
};

const inShadow = (section: string, parts: readonly (readonly [string, { readonly mode: string }])[]) =>
  parts
    .filter(([, { mode }]) => mode === "shadow")
    .map(([name]) => ({
      path: [section, name, "mode"],
      message: 'it accepts what it would otherwise reject; see "drawbridge report shadow" and switch it to enforce',
    }));

const byName = <T extends { readonly name: string }>(parts: readonly T[]) =>
  parts.map((part) => [part.name, part] as const);

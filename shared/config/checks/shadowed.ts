import type { ConfigProblem } from "../explain.ts";
import type { Config } from "../schema.ts";

/** Parts in shadow mode: what they would refuse goes on. */
export function shadowed({ issuers, sources, routes }: Config): readonly ConfigProblem[] {
  const inShadow = (section: string, parts: readonly (readonly [string, { readonly mode: string }])[]) =>
    parts
      .filter(([, { mode }]) => mode === "shadow")
      .map(([name]) => ({
        path: [section, name, "mode"],
        message: 'what it would refuse goes on; see "drawbridge report shadow" and switch it to enforce',
      }));
  return [
    ...inShadow("issuers", Object.entries(issuers)),
    ...inShadow("sources", named(sources)),
    ...inShadow("routes", named(routes)),
  ];
}

const named = <T extends { readonly name: string }>(parts: readonly T[]) =>
  parts.map((part) => [part.name, part] as const);

import * as v from "valibot";
import { isSecureUrl } from "../../host/secure-url.ts";
import { suggestion } from "../suggest.ts";
import { keeping, showing } from "../system-tokens.ts";
import type { Check } from "./check.ts";

// These checks read the settings of sources and targets by their keys, whatever provider or action they belong to.

export const openForgeApp: Check = {
  id: "open-forge-app",
  level: "warning",
  finds: "a Forge source without `installations`: it believes every site on which the app is installed",
  remedy: "name your sites in `forge.installations`",
  canBeIgnored: true,
  needs: [],
  run: ({ sources }) =>
    sources
      .filter(({ settings }) => v.is(openApp, settings))
      .map(({ name }) => ({
        path: ["sources", name, "forge"],
        message: 'every site that installs the app is believed; name yours in "installations"',
      })),
};

const openApp = v.object({ forge: v.object({ installations: v.optional(v.undefined()) }) });

export const missingSystemToken: Check = {
  id: "missing-system-token",
  level: "error",
  finds: "a target with the credential `forge` whose source keeps no token, or belongs to another site",
  remedy: "give that source a `forge.systemToken`, or name the source of the target's own site",
  canBeIgnored: false,
  needs: ["sources"],
  run: ({ sources, targets }) =>
    targets.flatMap(({ name, settings }) => {
      const read = v.safeParse(showing, settings);
      if (!read.success) return [];
      const { site, credential } = read.output;
      const source = sources.find((one) => one.name === credential.forge);
      const kept = v.safeParse(keeping, source?.settings);
      const path = ["targets", name, "credential", "forge"];
      if (source === undefined) {
        const names = sources.map((one) => one.name);
        return [{ path, message: `there is no source "${credential.forge}"${suggestion(credential.forge, names)}` }];
      }
      if (!kept.success)
        return [{ path, message: `the source "${source.name}" keeps no token: give it a "systemToken"` }];
      if (kept.output.site === site) return [];
      return [{ path, message: `the source "${source.name}" is of another site, ${kept.output.site}` }];
    }),
};

export const unencryptedTarget: Check = {
  id: "unencrypted-target",
  level: "warning",
  finds: "a target that is called over `http://` on another machine",
  remedy: "use `https://`",
  canBeIgnored: true,
  needs: [],
  run: ({ targets }) =>
    targets
      .filter(({ settings }) => v.is(v.object({ url: v.string() }), settings) && !isSecureUrl(settings.url))
      .map(({ name }) => ({
        path: ["targets", name, "url"],
        message:
          "http:// to another machine: whoever is on the way can read and change what is sent; use https:// if you can",
      })),
};

export const wrongRunReporter: Check = {
  id: "wrong-run-reporter",
  level: "warning",
  finds: "a target whose `runsReportedBy` is a source of another system",
  remedy: "name the source that reports this system's runs",
  canBeIgnored: true,
  needs: [],
  // A provider and an action of one system share its name.
  run: ({ sources, targets }) =>
    targets.flatMap((target) => {
      const reporter = sources.find(({ name }) => name === reporterOf(target));
      if (!reporter || reporter.provider === target.kind) return [];
      const message = `the source "${reporter.name}" is of provider ${reporter.provider} and reports no ${target.kind} runs`;
      return [{ path: ["targets", target.name, "runsReportedBy"], message }];
    }),
};

export const unusedTarget: Check = {
  id: "unused-target",
  level: "warning",
  finds: "a target that no route uses",
  remedy: "remove it, or write the route",
  canBeIgnored: true,
  needs: ["routes"],
  run: ({ routes, targets }) =>
    targets
      .filter(({ name }) => !routes.some(({ target }) => target === name))
      .map(({ name }) => ({ path: ["targets", name], message: "no route uses it" })),
};

/** The source that reports the runs of a target. */
export function reporterOf({ settings }: { readonly settings: object }): string | undefined {
  const read = v.safeParse(v.object({ runsReportedBy: v.string() }), settings);
  return read.success ? read.output.runsReportedBy : undefined;
}

import * as v from "valibot";
import { isSecureUrl } from "../../host/secure-url.ts";
import { clusterSources } from "../connect.ts";
import { suggestion } from "../suggest.ts";
import { storesSystemToken, usesSystemToken } from "../system-tokens.ts";
import type { Check } from "./check.ts";

// These checks read the settings of sources and targets by their keys, independently of their provider or action.

export const openNamespaces: Check = {
  id: "open-namespaces",
  level: "warning",
  finds:
    "a Tekton source without `namespaces`: every namespace of the cluster can report runs, and so write rows on pages",
  remedy: "list the namespaces that may report in `namespaces`",
  canBeIgnored: true,
  needs: [],
  run: ({ sources }) =>
    clusterSources({ sources })
      .filter(({ namespaces }) => namespaces === undefined)
      .map(({ source }) => ({
        path: ["sources", source],
        message: 'every namespace of the cluster can report runs to it; list those that may in "namespaces"',
      })),
};

export const openSpaces: Check = {
  id: "open-spaces",
  level: "warning",
  finds: "a Confluence target without `spaces` and `pages`: it writes every page that its account can edit",
  remedy: "list the spaces, or the pages, that it may write",
  canBeIgnored: true,
  needs: [],
  run: ({ targets }) =>
    targets
      .filter(({ settings }) => v.is(openSite, settings))
      .map(({ name }) => ({
        path: ["targets", name],
        message: 'it writes every page that its account can edit; list those that it may in "spaces" or "pages"',
      })),
};

const openSite = v.object({
  product: v.string(),
  site: v.string(),
  spaces: v.optional(v.undefined()),
  pages: v.optional(v.undefined()),
});

export const openForgeApp: Check = {
  id: "open-forge-app",
  level: "warning",
  finds: "a Forge source without `installations`: it accepts events of every site that installed the app",
  remedy: "name your sites in `forge.installations`",
  canBeIgnored: true,
  needs: [],
  run: ({ sources }) =>
    sources
      .filter(({ settings }) => v.is(openApp, settings))
      .map(({ name }) => ({
        path: ["sources", name, "forge"],
        message: 'it accepts events of every site that installs the app; name yours in "installations"',
      })),
};

const openApp = v.object({ forge: v.object({ installations: v.optional(v.undefined()) }) });

export const missingSystemToken: Check = {
  id: "missing-system-token",
  level: "error",
  finds: "a target with the credential `forge` whose source stores no token or belongs to another site",
  remedy: "give that source a `forge.systemToken`, or name the source of the target's own site",
  canBeIgnored: false,
  needs: ["sources"],
  run: ({ sources, targets }) =>
    targets.flatMap(({ name, settings }) => {
      const parsed = v.safeParse(usesSystemToken, settings);
      if (!parsed.success) return [];
      const { site, credential } = parsed.output;
      const source = sources.find((one) => one.name === credential.forge);
      const forge = v.safeParse(storesSystemToken, source?.settings);
      const path = ["targets", name, "credential", "forge"];
      if (source === undefined) {
        const names = sources.map((one) => one.name);
        return [{ path, message: `there is no source "${credential.forge}"${suggestion(credential.forge, names)}` }];
      }
      if (!forge.success)
        return [{ path, message: `the source "${source.name}" stores no token: give it a "systemToken"` }];
      if (forge.output.site === site) return [];
      return [{ path, message: `the source "${source.name}" belongs to another site, ${forge.output.site}` }];
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
      .filter(({ settings }) => v.is(v.object({ url: v.string() }), settings) && isPlainHttp(settings.url))
      .map(({ name }) => ({
        path: ["targets", name, "url"],
        message:
          "http:// to another machine: anybody on the network path can read and change the requests; use https:// if you can",
      })),
};

/** False for a reference to a secret that is the address: the action itself checks it. */
const isPlainHttp = (url: string): boolean => url.startsWith("http://") && !isSecureUrl(url);

export const wrongRunReporter: Check = {
  id: "wrong-run-reporter",
  level: "warning",
  finds: "a target whose `runsReportedBy` is a source of another system",
  remedy: "name the source that reports this system's runs",
  canBeIgnored: true,
  needs: [],
  // The provider and the action of one system have the same name.
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

/** Returns the name of the source that reports the runs of a target. */
export function reporterOf({ settings }: { readonly settings: object }): string | undefined {
  const parsed = v.safeParse(v.object({ runsReportedBy: v.string() }), settings);
  return parsed.success ? parsed.output.runsReportedBy : undefined;
}

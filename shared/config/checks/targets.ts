import * as v from "valibot";
import { fixedNamespace } from "../../delivery/origin-proof.ts";
import { isListed } from "../../host/name-pattern.ts";
import { isSecureUrl } from "../../host/secure-url.ts";
import { clusterSources, jobSources } from "../connect.ts";
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

export const unprovedOrigin: Check = {
  id: "unproved-origin",
  level: "warning",
  finds:
    "a Tekton target without `originKey`, whose runs only claim which delivery caused them; or with one whose proofs hold in several namespaces",
  remedy: "set `originKey` to a secret of the target, render the template again, and list exactly one namespace",
  canBeIgnored: true,
  needs: ["targets"],
  run: ({ targets }) => {
    const reported = targets.flatMap(({ name, settings }) => {
      const parsed = v.safeParse(reportedRuns, settings);
      return parsed.success ? [{ name, ...parsed.output }] : [];
    });
    return reported.flatMap(({ name, runsReportedBy, namespaces, originKey }) => {
      const path = ["targets", name];
      if (originKey !== undefined) {
        if (fixedNamespace({ runNamespaces: namespaces }) !== undefined) return [];
        const message = 'a proof holds in every namespace of the target; list exactly one in "namespaces"';
        return [{ path: [...path, "originKey"], message }];
      }
      const isBesideKey = reported.some((one) => one.runsReportedBy === runsReportedBy && one.originKey !== undefined);
      const message = isBesideKey
        ? `another target of "${runsReportedBy}" has an "originKey", so no run of this one counts as caused by its delivery`
        : 'who reaches the listener can start runs that claim any delivery; set "originKey"';
      return [{ path, message }];
    });
  },
};

const reportedRuns = v.object({
  runsReportedBy: v.string(),
  namespaces: v.optional(v.array(v.string()), []),
  originKey: v.optional(v.unknown()),
});

export const openProjects: Check = {
  id: "open-projects",
  level: "warning",
  finds:
    "a source of GitLab without `projects`, of GitHub without `repositories` or of Buildkite without `organization`: whoever has its secret can send events of any project; or a GitLab target without `projects`",
  remedy: "list the projects that may send events, and those that may get a status",
  canBeIgnored: true,
  needs: [],
  run: ({ sources, targets }) => [
    ...jobSources({ sources }).flatMap(({ source, openWithout }) => {
      if (openWithout === undefined) return [];
      const message = `whoever has its secret can send events of any project; list what it accepts in "${openWithout}"`;
      return [{ path: ["sources", source], message }];
    }),
    ...targets
      .filter(({ kind, settings }) => kind === "gitlab" && !("projects" in settings && settings.projects))
      .map(({ name }) => ({
        path: ["targets", name],
        message: 'it writes in every project in which its token may; list those that it may write in, in "projects"',
      })),
  ],
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

export const overwrittenListener: Check = {
  id: "overwritten-listener",
  level: "warning",
  finds: "two Tekton targets of one cluster whose EventListeners have the same name and namespace",
  remedy: "give one of them another `listener.name`, or let its routes use the other target",
  canBeIgnored: true,
  needs: [],
  run: ({ targets }) => {
    const listeners = targets.flatMap(({ name, kind, settings }) => {
      const parsed = v.safeParse(renderedListener, settings);
      if (kind !== "tekton" || !parsed.success) return [];
      const { runsReportedBy, namespaces = [], listener } = parsed.output;
      const namespace = listener?.namespace ?? namespaces[0] ?? "";
      return [{ name, listener: `${namespace}/${listener?.name ?? name}`, cluster: runsReportedBy }];
    });
    return listeners.flatMap(({ name, listener, cluster }, at) => {
      const first = listeners.slice(0, at).find((one) => one.listener === listener && one.cluster === cluster);
      if (first === undefined) return [];
      const message = `the target "${first.name}" has the EventListener ${listener} too: what is applied later replaces the other's settings`;
      return [{ path: ["targets", name], message }];
    });
  },
};

/** The members that name the listener which `drawbridge tekton render` writes for a target. */
const renderedListener = v.object({
  runsReportedBy: v.string(),
  namespaces: v.optional(v.array(v.string())),
  listener: v.optional(v.object({ name: v.optional(v.string()), namespace: v.optional(v.string()) })),
});

export const openListener: Check = {
  id: "open-listener",
  level: "warning",
  finds:
    "a Tekton target without `listener.secret`, `listener.interceptor` and `listener.allowFrom`: an EventListener authenticates nobody, and does not compare a token that it gets",
  remedy: "set one of them and render the listener again, or ignore the finding if a proxy in front checks the token",
  canBeIgnored: true,
  needs: [],
  // A listener on this machine is for development. What guards it is not in the file.
  run: ({ targets }) =>
    targets.flatMap(({ name, kind, settings }) => {
      const parsed = v.safeParse(guardedListener, settings);
      if (kind !== "tekton" || !parsed.success || isOnThisMachine(parsed.output.url)) return [];
      const { secret, interceptor, allowFrom } = parsed.output.listener ?? {};
      if (secret !== undefined || interceptor || allowFrom !== undefined) return [];
      const message =
        "whoever reaches the listener starts runs; set listener.secret, listener.interceptor or listener.allowFrom, or ignore this if a proxy in front checks the token";
      return [{ path: ["targets", name], message }];
    }),
};

const isOnThisMachine = (url: string): boolean => url.startsWith("http://") && isSecureUrl(url);

const guardedListener = v.object({
  url: v.string(),
  listener: v.optional(
    v.object({
      secret: v.optional(v.string()),
      interceptor: v.optional(v.boolean()),
      allowFrom: v.optional(v.array(v.unknown())),
    }),
  ),
});

export const unreportedNamespace: Check = {
  id: "unreported-namespace",
  level: "warning",
  finds:
    "a Tekton target whose runs start in a namespace that the source of its `runsReportedBy` does not list, or that its own `namespaces` does not: no report of a run counts",
  remedy:
    "list the namespace under `namespaces` of the source and of the target, or let the runs start in a listed one",
  canBeIgnored: true,
  needs: ["sources"],
  run: (config) =>
    config.targets.flatMap(({ name, settings }) => {
      const parsed = v.safeParse(renderedListener, settings);
      if (!parsed.success) return [];
      const { runsReportedBy, namespaces, listener } = parsed.output;
      const starting = listener?.namespace === undefined ? namespaces : [listener.namespace];
      if (starting === undefined) return [];
      const lists = [
        { owner: "the target", listed: namespaces },
        ...clusterSources(config)
          .filter(({ source }) => source === runsReportedBy)
          .map((one) => ({ owner: `the source ${one.source}`, listed: one.namespaces })),
      ];
      return lists.flatMap(({ owner, listed }) => {
        if (listed === undefined || starting.some((one) => listed.some((other) => canBeSame(one, other)))) return [];
        const message = `runs start in ${starting.join(", ")}; ${owner} lists only ${listed.join(", ")}`;
        return [{ path: ["targets", name], message }];
      });
    }),
};

/** Whether two names of namespaces can mean the same one. Each may be the beginning of a name and a `*`. */
const canBeSame = (one: string, other: string): boolean =>
  isListed(one.replace("*", ""), [other]) || isListed(other.replace("*", ""), [one]);

export const unusedTarget: Check = {
  id: "unused-target",
  level: "warning",
  finds: "a target that no route uses",
  remedy: "remove it, or write the route",
  canBeIgnored: true,
  needs: ["routes"],
  run: ({ routes, targets }) =>
    targets
      .filter(({ name }) => !routes.some(({ target, approval }) => [target, approval?.verifyWith].includes(name)))
      .map(({ name }) => ({ path: ["targets", name], message: "no route uses it" })),
};

/** Returns the name of the source that reports the runs of a target. */
export function reporterOf({ settings }: { readonly settings: object }): string | undefined {
  const parsed = v.safeParse(v.object({ runsReportedBy: v.string() }), settings);
  return parsed.success ? parsed.output.runsReportedBy : undefined;
}

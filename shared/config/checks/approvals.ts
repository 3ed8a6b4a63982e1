import * as v from "valibot";
import { ENDS } from "../../approvals/change.ts";
import { policyOf } from "../../identity/policy.ts";
import { APPROVALS_SOURCE } from "../../model/bus-event.ts";
import { grantRules } from "../grant-rules.ts";
import { routeOutline } from "../route-outline.ts";
import type { Config, ConfiguredRoute } from "../schema.ts";
import type { Check } from "./check.ts";
import { isSatisfiable } from "./is-satisfiable.ts";
import { allEvents } from "./known-events.ts";

export const noApprover: Check = {
  id: "no-approver",
  level: "error",
  finds: "a route with `approval` that no role may `approve`: it never fires",
  remedy: "name the route under `approve` of a role",
  canBeIgnored: true,
  needs: ["roles"],
  run: ({ routes, roles }) =>
    routes
      .filter(
        ({ name, approval }) =>
          approval !== undefined && policyOf(roles).rolesFor("approve", name, "anything").length === 0,
      )
      .map(({ name }) => ({
        path: ["routes", name, "approval"],
        message: 'no role may approve it, so that it never fires: name it under "approve" of a role',
      })),
};

export const roleMayNotApprove: Check = {
  id: "role-may-not-approve",
  level: "error",
  finds:
    "a route whose `approval.fromRoles` or `approval.of` names a role that may not `approve` the route: nobody can stand for the role",
  remedy: "name the route under `approve` of that role",
  canBeIgnored: false,
  needs: ["roles"],
  run: ({ routes, roles }) =>
    routes.flatMap(({ name, approval }) => {
      const able = policyOf(roles).rolesFor("approve", name, "anything");
      const named = (["fromRoles", "of"] as const).flatMap((key) =>
        (approval?.[key] ?? []).flat().map((role) => ({ key, role })),
      );
      return named
        .filter(({ role }) => !able.includes(role))
        .map(({ key, role }) => ({
          path: ["routes", name, "approval", key],
          message: `the role "${role}" may not approve it, so that ${NEVER[key]}: name the route under "approve" of this role`,
        }));
    }),
};

const NEVER = { fromRoles: "it never fires", of: "this list is never enough" } as const;

export const ruleOfEventOnly: Check = {
  id: "rule-of-event-only",
  level: "warning",
  finds:
    "a rule under `approval.grantedBy` with no condition but `event`: whoever may send such an event starts the run, and no person looks at it",
  remedy: "name under `when` who may be behind the run: `claims` or `requester`",
  canBeIgnored: true,
  needs: ["routes"],
  run: (config) =>
    rulesIn(config).flatMap(({ path, when }) =>
      Object.keys(when).every((condition) => condition === "event")
        ? [{ path, message: "its only condition is the event, which its sender words: add `claims` or `requester`" }]
        : [],
    ),
};

export const ruleWithoutLimit: Check = {
  id: "rule-without-limit",
  level: "error",
  finds:
    "a rule under `approval.grantedBy` without `windows`, of a route without `verifyWith`: it grants at any time what nobody has verified",
  remedy: "name a target under `verifyWith` of the route, or `windows` of the rule",
  canBeIgnored: false,
  needs: ["routes"],
  run: (config) =>
    rulesIn(config).flatMap(({ path, windows, verifyWith }) =>
      windows.length === 0 && verifyWith === undefined
        ? [{ path, message: "it grants at any time, and nothing verifies what: add `verifyWith` or `windows`" }]
        : [],
    ),
};

export const pathsWithoutRuns: Check = {
  id: "paths-without-runs",
  level: "error",
  finds:
    "a rule under `approval.grantedBy` with `pathsOutside`, of a route whose runs no source reports: the push before the last run is never known, so the rule never holds",
  remedy: "use a Tekton target, which has `runsReportedBy`, or remove `pathsOutside`",
  canBeIgnored: false,
  needs: ["routes", "targets"],
  run: (config) => {
    const rules = rulesIn(config).filter(({ when }) => when.pathsOutside !== undefined);
    if (rules.length === 0) return [];
    const reported = new Set(
      routeOutline(config).runReporters.flatMap(({ name, runsReportedBy }) => (runsReportedBy ? [name] : [])),
    );
    return rules
      .filter(({ route }) => !reported.has(route))
      .map(({ path }) => ({
        path: [...path, "when", "pathsOutside"],
        message: "no source reports the runs of this route, so it is never known which push the last run was for",
      }));
  },
};

/** Rules that are invalid are reported by themselves. */
const rulesIn = (config: Config) =>
  approvedIn(config).flatMap(({ name, approval }) => {
    const parsed = v.safeParse(grantRules, approval?.grantedBy);
    const rules = parsed.success ? parsed.output : [];
    return rules.map(({ when, windows }, at) => ({
      path: ["routes", name, "approval", "grantedBy", at],
      route: name,
      when,
      windows,
      verifyWith: approval?.verifyWith,
    }));
  });

export const emergencyForApprovers: Check = {
  id: "emergency-for-approvers",
  level: "warning",
  finds:
    "a route with `approval` whose `emergency` names each role that may `approve` it: everybody who may approve it may do so alone and at any time",
  remedy: "name under `emergency` a role that only the people on call have, or leave it out",
  canBeIgnored: true,
  needs: ["roles"],
  run: (config) =>
    approvedIn(config).flatMap(({ name, approval }) => {
      const approving = policyOf(config.roles).rolesFor("approve", name, "anything");
      const isForAll = approving.length > 0 && approving.every((role) => approval?.emergency.includes(role));
      if (!isForAll) return [];
      const message = `everybody who may approve it (${approving.join(", ")}) may also do so in an emergency, alone and outside the windows: name under "emergency" a role that only the people on call have`;
      return [{ path: ["routes", name, "approval", "emergency"], message }];
    }),
};

export const requesterWithoutToken: Check = {
  id: "requester-without-token",
  level: "warning",
  finds:
    "a route with `approval` whose approvers use tokens, and a source that may request its runs and links no account to a token under `people`: a person may request with the account and approve with the token",
  remedy: "name people under `people` of the source, each with the `token` of the same person",
  canBeIgnored: true,
  needs: ["sources", "issuers", "roles", "routes"],
  run: (config) => {
    const withToken = new Set(Object.values(config.issuers).flatMap(({ roles }) => roles.map(({ role }) => role)));
    const unlinked = config.sources.filter(({ people }) => Object.values(people).every(({ token }) => !token));
    const events = allEvents(config).filter(({ type }) => NAMES_AUTHOR.test(type));
    return approvedIn(config).flatMap(({ name, pattern, approval }) => {
      const approving = policyOf(config.roles).rolesFor("approve", name, "anything");
      if (![...approving, ...(approval?.emergency ?? [])].some((role) => withToken.has(role))) return [];
      const requesting = new Set(
        events.flatMap(({ source, facts }) => (isSatisfiable(pattern, facts) ? [source] : [])),
      );
      return unlinked
        .filter((source) => requesting.has(source.name))
        .map((source) => ({
          path: ["routes", name, "approval"],
          message: `a person may request a run with an account at "${source.name}" and approve it with a token: nothing under "people" of this source says which token belongs to which account`,
        }));
    });
  },
};

/** Events that name the account of the person who caused them. */
const NAMES_AUTHOR = /^(?:page|blogpost|code|change|release)\./;

export const approvalOutlivesRecords: Check = {
  id: "approval-outlives-records",
  level: "error",
  finds:
    "a route that waits for an approval, and up to a week for its window, for longer than `limits.retentionDays` keeps the delivery",
  remedy: "lower `approval.expiresMinutes`, or raise `limits.retentionDays`",
  canBeIgnored: false,
  needs: ["limits"],
  run: ({ routes, limits }) => {
    const keptMinutes = limits.retentionDays * 1_440;
    return routes
      .filter(
        ({ approval }) => approval !== undefined && approval.expiresMinutes + windowMinutes(approval) > keptMinutes,
      )
      .map(({ name }) => ({
        path: ["routes", name, "approval", "expiresMinutes"],
        message: `records are kept for ${keptMinutes} minutes ("limits.retentionDays"), and an approval cannot wait longer`,
      }));
  },
};

/** A granted run waits up to a week for a window. */
const windowMinutes = ({ windows }: NonNullable<ConfiguredRoute["approval"]>): number =>
  windows.length > 0 ? 10_080 : 0;

const approvedIn = ({ routes }: Pick<Config, "routes">): readonly ConfiguredRoute[] =>
  routes.filter(({ approval, mode }) => approval !== undefined && mode === "enforce");

export const approvalOfName: Check = {
  id: "approval-of-name",
  level: "warning",
  finds:
    "a route with `approval` that passes the name of a branch, tag, merge request or page and no commit or version: the run takes what the name stands for at that time",
  remedy:
    "pass the commit or version too, such as `$.detail.code.commit`; or let the run check the [approved reference](approved-reference.md#the-approved-reference), and ignore the finding",
  canBeIgnored: true,
  needs: [],
  run: (config) =>
    approvedIn(config).flatMap((route) => {
      const paths = pathsIn(route.options);
      const ordered = refsOfOrders(config);
      const name = paths.find((path) => NAMES.test(path) || ordered.names.has(path));
      if (name === undefined || paths.some((path) => IMMUTABLE.test(path) || ordered.commits.has(path))) return [];
      const message = `the run gets ${name} and no commit or version, so it takes what this name stands for when it runs`;
      return [{ path: ["routes", route.name, "do", route.action], message }];
    }),
};

/** The paths of the inputs of orders that name a branch, a tag or a page, and of those that are commits. */
function refsOfOrders({ orders }: Config): Readonly<Record<"names" | "commits", ReadonlySet<string>>> {
  const inputs = Object.values(orders).flatMap((order) => Object.entries(order.inputs));
  const pathsOf = (isOfKind: (input: (typeof inputs)[number][1]) => boolean): ReadonlySet<string> =>
    new Set(inputs.flatMap(([name, input]) => (isOfKind(input) ? [`$.detail.order.inputs.${name}`] : [])));
  return {
    names: pathsOf((input) => "page" in input || ("ref" in input && input.ref !== "commit")),
    commits: pathsOf((input) => "ref" in input && input.ref === "commit"),
  };
}

/** The paths into the event in the options of an action, at any depth. */
function pathsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return value.startsWith("$.detail.") ? [value] : [];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(pathsIn) : [];
}

const NAMES =
  /^\$\.detail\.(?:code\.(?:name|ref)|(?:build|job)\.(?:branch|tag|refName)|page\.id|change\.(?:id|number|sourceBranch)|release\.tag)$/;
const IMMUTABLE =
  /^\$\.detail\.(?:(?:code|build|job|change|release|deployment)\.commit|change\.mergeCommit|page\.version)$/;

export const unverifiedApproval: Check = {
  id: "unverified-approval",
  level: "warning",
  finds:
    "a route with `approval` without `verifyWith`: what was approved is compared with the newest event only, so a change whose event is late, lost or never sent is not noticed",
  remedy:
    "name a GitLab or Confluence target under `approval.verifyWith`; for events of other senders, let the run check the [approved reference](approved-reference.md#the-approved-reference), and ignore the finding",
  canBeIgnored: true,
  needs: ["sources"],
  run: (config) =>
    approvedIn(config)
      .filter((route) => route.approval?.verifyWith === undefined && !isOfOrders(route, config))
      .map(({ name }) => ({
        path: ["routes", name, "approval"],
        message:
          'what was approved is compared with the newest event only: a change whose event does not arrive is not noticed; name a target that can be asked in "verifyWith"',
      })),
};

/** Whether a route matches orders alone: what somebody approves is the order, which is recorded and never changes. */
function isOfOrders({ pattern }: ConfiguredRoute, config: Config): boolean {
  const events = allEvents(config).filter(({ facts }) => isSatisfiable(pattern, facts));
  return events.length > 0 && events.every(({ type }) => type === "order.placed");
}

export const approvalOfEnd: Check = {
  id: "approval-of-end",
  level: "warning",
  finds:
    "a route with `approval` that also matches the end of what it is about, such as `code.deleted`: each deletion asks for an approval of its own",
  remedy: "name the types that should run under `detail-type`",
  canBeIgnored: true,
  needs: ["sources", "routes"],
  run: (config) => {
    const events = allEvents(config);
    return approvedIn(config).flatMap(({ name, pattern }) => {
      const types = [...new Set(events.filter(({ facts }) => isSatisfiable(pattern, facts)).map(({ type }) => type))];
      const gone = types.filter((type) => GONE.includes(type));
      if (gone.length === 0 || gone.length === types.length) return [];
      const message = `it also matches ${gone.join(", ")}, and asks for an approval of what is gone`;
      return [{ path: ["routes", name, "when"], message }];
    });
  },
};

/** A merge ends a change too, and is what many routes fire for. */
const GONE: readonly string[] = ENDS.filter((type) => type !== "change.merged");

export const taskRoute: Check = {
  id: "task-route",
  level: "error",
  finds:
    "a route with `do.tekton.gate` without an enforced `approval`, or one that matches other events than `approval.requested` of a source of Tekton",
  remedy:
    "give it an `approval`, no `mode: shadow`, and `when: {source: [drawbridge.tekton], detail-type: [approval.requested]}`",
  canBeIgnored: false,
  needs: ["sources", "targets", "routes"],
  run: (config) => {
    const clusters = config.sources.filter(({ provider }) => provider === "tekton").map(({ name }) => name);
    const events = allEvents(config);
    return config.routes
      .filter(({ options }) => "gate" in options)
      .flatMap(({ name, pattern, approval, mode }) => {
        const path = ["routes", name];
        if (approval === undefined || mode === "shadow")
          return [{ path, message: "it decides tasks inside runs, and nobody has to approve them" }];
        const other = events.find(
          ({ source, type, facts }) =>
            (!clusters.includes(source) || type !== "approval.requested") && isSatisfiable(pattern, facts),
        );
        if (other === undefined) return [];
        const message = `it also matches ${other.type} of ${other.source}, which is no task that waits inside a run`;
        return [{ path: [...path, "when"], message }];
      });
  },
};

export const messageOfOther: Check = {
  id: "message-of-other-event",
  level: "warning",
  finds:
    "a route with `do.webhook.as` that also matches other events than steps of the bridge's approvals and of requests for roles: each of these is `given_up`, because no message shows it",
  remedy: "add `source: [drawbridge.approvals]` to its `when`, and give other events a route without `as`",
  canBeIgnored: true,
  needs: ["sources", "routes"],
  run: (config) => {
    const events = allEvents(config).filter(({ source }) => source !== APPROVALS_SOURCE);
    return config.routes
      .filter(({ options }) => "as" in options)
      .flatMap(({ name, pattern }) => {
        const other = events.find(({ facts }) => isSatisfiable(pattern, facts));
        if (other === undefined) return [];
        const message = `it also matches ${other.type} of ${other.source}, which "as" does not show`;
        return [{ path: ["routes", name, "when"], message }];
      });
  },
};

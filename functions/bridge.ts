import type { Commands } from "../shared/approvals/command.ts";
import { createCommands } from "../shared/approvals/create-commands.ts";
import type { CommandDeps } from "../shared/approvals/execute-command.ts";
import type { Groups } from "../shared/approvals/groups.ts";
import { type PeopleOf, peopleOf } from "../shared/approvals/people.ts";
import type { Sites } from "../shared/approvals/verify.ts";
import { openGroups } from "../shared/config/groups.ts";
import { namesUnder } from "../shared/config/references.ts";
import type { RouteOutline } from "../shared/config/route-outline.ts";
import type { ConfigWithoutOrders } from "../shared/config/schema.ts";
import { openSites } from "../shared/config/sites.ts";
import { tokenEncryptionsOf } from "../shared/config/system-tokens.ts";
import { AuditLog } from "../shared/delivery/audit-log.ts";
import type { CredentialUsage } from "../shared/delivery/credential-usage.ts";
import { rejectOverRate } from "../shared/delivery/rate-limits.ts";
import type { CallOut } from "../shared/host/call-out.ts";
import type { Clock } from "../shared/host/clock.ts";
import type { Log } from "../shared/host/log.ts";
import type { Secrets } from "../shared/host/secrets.ts";
import type { CallerDeps } from "../shared/identity/caller.ts";
import type { Orders } from "../shared/identity/order.ts";
import { type Policy, policyOf } from "../shared/identity/policy.ts";
import type { TokenVerifier } from "../shared/identity/token-verifier.ts";
import { OWN_SOURCES } from "../shared/model/bus-event.ts";
import type { Principal } from "../shared/model/principal.ts";
import type { RecordedDelivery } from "../shared/model/recorded-delivery.ts";
import type { Rejection } from "../shared/model/rejection.ts";
import type { ReceivedRequest } from "../shared/model/request.ts";
import type { BridgeIssuer } from "../shared/outbound/issuer.ts";
import { SystemTokens } from "../shared/outbound/system-tokens.ts";
import type { RoutePattern } from "../shared/routes/route-pattern.ts";
import type { ActionStatus } from "../shared/store/actions.ts";
import type { Stores } from "../shared/store/open-stores.ts";

/** The dependencies that differ between one machine, AWS and a test. All are required, so a missing one is a type error. */
export interface Ports {
  readonly stores: Stores;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly log: Log;
  /** The outbound HTTP client: it sends every request to a target or an issuer. */
  readonly callOut: CallOut;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  /** The bridge as an issuer of tokens; undefined if the configuration has no `identity`. */
  readonly issuer: BridgeIssuer | undefined;
  /** Verifies the tokens of callers; `noTokenVerifier` for a function that takes no requests. */
  readonly tokens: TokenVerifier;
  /** One for each process: it remembers which uses are recorded already. */
  readonly credentialUsage: CredentialUsage;
  /** The declared orders. Only a function that lists, places or fires one reads them. */
  readonly orders: () => Promise<Orders>;
  /** The patterns of the configured routes. Only a function that explains deliveries, or shows what waits, reads them. */
  readonly patterns: () => Promise<readonly RoutePattern[]>;
  /** Called after each commit of a new record. It nudges the relay on one machine; in AWS the table's stream does. */
  readonly recorded: (delivery: RecordedDelivery) => void;
  /**
   * Called after an action that waited for a decision, or for the end of another run, was made due. It nudges the target's
   * lane on one machine. In AWS it sends the action's message, or leaves that to the sweep.
   */
  readonly woken: (action: ActionStatus) => Promise<void>;
  /** See `GateDeps` in `shared/approvals/gate.ts`. */
  readonly approvalPollSeconds: number;
  /** The digest of the configuration; undefined if it is not known. */
  readonly configuration: string | undefined;
}

/** The parts of one bridge that its functions share, each built once. */
export interface Bridge extends Stores, Omit<Ports, "stores">, RouteOutline {
  readonly config: ConfigWithoutOrders;
  readonly policy: Policy;
  readonly people: PeopleOf;
  /** Names of the configured sources, and of the bridge's own. */
  readonly sourceNames: readonly string[];
  /** Names of the sources that have a `next` secret. */
  readonly sourcesWithNext: readonly string[];
  /** Names of the targets to which a route leads. */
  readonly targetNames: readonly string[];
  /** Names of the trust entries. */
  readonly trustEntries: readonly string[];
  readonly rejectOverRate: (
    principal: Principal,
    request: Pick<ReceivedRequest, "counted">,
  ) => Promise<Rejection | undefined>;
  readonly withAccess: CallerDeps["withAccess"];
  readonly systemTokens: SystemTokens;
  readonly auditLog: AuditLog;
  readonly commands: Commands;
  readonly sites: Sites;
  readonly groups: Groups;
}

/** Builds the shared parts of a bridge. Sends no request and reads no secret. */
export function buildBridge(
  config: ConfigWithoutOrders,
  { runReporters, hasGates, targetHosts, verifiers, groupSources, grantRules, rules }: RouteOutline,
  ports: Ports,
): Bridge {
  const { stores, secrets, clock, log, callOut, random, issuer, tokens, credentialUsage, orders, recorded } = ports;
  const { deliveries, actions, approvals, runs, rateLimits, storedTokens, ownAccounts } = stores;
  const policy = policyOf(config.roles);
  const people = peopleOf(config);
  const systemTokens = new SystemTokens({
    encryptions: tokenEncryptionsOf(config),
    storedTokens,
    secrets,
    clock,
    log,
  });
  const asking = { secrets, clock, callOut, issuer, systemTokens, ownAccounts, credentialUsage };
  const sites = openSites(config, verifiers, { ...asking, random });
  const groups = openGroups(config, groupSources, { ...asking, random });
  const { woken, approvalPollSeconds, configuration, patterns } = ports;
  const deciding = { deliveries, actions, woken, approvals, policy, people, rules, sites, recorded, clock };
  const commands: CommandDeps = { ...deciding, groups, runs, runReporters, orders };
  const limits = { issuers: config.issuers, policy, rateLimits, clock };
  const auditLog = new AuditLog({ deliveries, log });
  return {
    ...stores,
    config,
    runReporters,
    hasGates,
    targetHosts,
    verifiers,
    groupSources,
    grantRules,
    rules,
    sites,
    groups,
    secrets,
    clock,
    log,
    callOut,
    random,
    issuer,
    credentialUsage,
    orders,
    patterns,
    recorded,
    woken,
    approvalPollSeconds,
    configuration,
    policy,
    people,
    tokens,
    sourceNames: [...config.sources.map(({ name }) => name), ...OWN_SOURCES],
    sourcesWithNext: config.sources
      .filter(({ settings }) => namesUnder(settings, "next", []).length > 0)
      .map(({ name }) => name),
    targetNames: [...new Set(runReporters.map(({ target }) => target))],
    trustEntries: Object.keys(config.issuers),
    rejectOverRate: (principal, request) => rejectOverRate(principal, request, limits),
    systemTokens,
    withAccess: async (by, request) => {
      if (Object.values(config.roles).every(({ onRequest }) => onRequest === undefined)) return by;
      const { withAccess } = await import("../shared/approvals/hold-access.ts");
      return withAccess(by, request, { access: stores.access, config, auditLog, clock });
    },
    auditLog,
    commands: createCommands(commands),
  };
}

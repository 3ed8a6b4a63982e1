import type { Action, Preview, PreviewDeps, Probe } from "../actions/action.ts";
import { actions } from "../actions/registry.ts";
import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Secrets } from "../host/secrets.ts";
import { EVENT_TYPES } from "../model/event.ts";
import { openIssuer } from "../outbound/open-issuer.ts";
import { OutboundTokens } from "../outbound/outbound-tokens.ts";
import { isSatisfiable } from "./checks/is-satisfiable.ts";
import { allEvents } from "./checks/known-events.ts";
import type { Config, ConfiguredRoute } from "./schema.ts";

interface PreviewInput {
  readonly target: string;
  readonly page: string;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly callOut: CallOut;
}

/**
 * Returns what the next state would change on a page of a target, without writing. Throws `usage_invalid` if there is no
 * such target, or if its kind writes no pages, and as {@link Action.preview} does.
 */
export async function previewTarget(config: Config, { target: name, page, ...deps }: PreviewInput): Promise<Preview> {
  const { action, settings } = targetOf(config, name);
  if (!action.preview) throw usage(`the target "${name}" is of kind ${action.name}, which writes no pages`);
  const routes = config.routes.filter((route) => route.target === name && showsStates(route));
  return action.preview({ name, settings, routes }, page, { ...deps, ...tokensOf(config, deps) });
}

/**
 * Prepares a request that starts a run that does nothing. Throws `usage_invalid` if there is no such target, if its kind
 * starts no runs, or if its events would fire a route.
 */
export function probeTarget(config: Config, { target: name, ...deps }: Omit<PreviewInput, "page">): Probe {
  const { action, settings } = targetOf(config, name);
  if (!action.probe) throw usage(`the target "${name}" is of kind ${action.name}, which starts no runs; give a --page`);
  const probe = action.probe({ name, settings }, { ...deps, ...tokensOf(config, deps) });
  const indistinct = allEvents(config).filter(({ type, source }) => type === INDISTINCT && source === probe.reportedBy);
  const fired = config.routes.find(
    ({ mode, pattern }) => mode === "enforce" && indistinct.some(({ facts }) => isSatisfiable(pattern, facts)),
  );
  if (fired === undefined) return probe;
  const why = `the route "${fired.name}" matches "${INDISTINCT}", which names no request: a probe would fire it`;
  throw usage(`${why}; leave that type out of its "when"`);
}

/** All other events of a probe are recognised, and fire no route. */
const INDISTINCT = "trigger.done";

function targetOf({ targets }: Config, name: string): { readonly action: Action; readonly settings: object } {
  const target = targets.find((one) => one.name === name);
  const action = actions.find((one) => one.name === target?.kind);
  if (target && action) return { action, settings: target.settings };
  const names = targets.map((one) => one.name).join(", ") || "none";
  throw usage(`there is no target "${name}" in the configuration; there are: ${names}`);
}

/** Events of which a page gets rows. */
const STATES = EVENT_TYPES.filter((type) => /^(?:build|deployment|approval)\./.test(type));

/** Other routes only take commands and summaries, let rows go, or execute nothing. */
const showsStates = ({ mode, pattern }: Pick<ConfiguredRoute, "mode" | "pattern">): boolean =>
  mode === "enforce" &&
  STATES.some((type) =>
    isSatisfiable(pattern, (field) => (["detail-type", "detail.type"].includes(field) ? [type] : undefined)),
  );

/** Tokens that a command can get. */
export const tokensOf = (
  config: Config,
  deps: Omit<PreviewInput, "target" | "page">,
): Pick<PreviewDeps, "outbound" | "systemTokens"> => ({
  outbound: new OutboundTokens({
    ...deps,
    issuer: openIssuer(config, { secrets: deps.secrets, kmsKey: undefined }),
    awsToken: undefined,
  }),
  systemTokens: {
    tokenFor: async () => {
      const message = "the token of a Forge app is in the store of the bridge: a command cannot use it";
      throw new Fault("token_unavailable", message, { retryable: false });
    },
  },
});

const usage = (message: string): Fault => new Fault("usage_invalid", message, { retryable: false });

import type { Preview, PreviewDeps } from "../actions/action.ts";
import { actions } from "../actions/registry.ts";
import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Secrets } from "../host/secrets.ts";
import { OutboundTokens } from "../outbound/outbound-tokens.ts";
import type { Config } from "./schema.ts";

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
export async function previewTarget(
  { targets, routes }: Pick<Config, "targets" | "routes">,
  { target: name, page, ...deps }: PreviewInput,
): Promise<Preview> {
  const target = targets.find((one) => one.name === name);
  const action = actions.find((one) => one.name === target?.kind);
  if (!target || !action) {
    const names = targets.map((one) => one.name).join(", ") || "none";
    throw usage(`there is no target "${name}" in the configuration; there are: ${names}`);
  }
  if (!action.preview) throw usage(`the target "${name}" is of kind ${action.name}, which writes no pages`);
  const previewed = { name, settings: target.settings, routes: routes.filter((route) => route.target === name) };
  return action.preview(previewed, page, { ...deps, ...tokensOf(deps) });
}

/** Tokens that a command can get. */
const tokensOf = (deps: Omit<PreviewInput, "target" | "page">): Pick<PreviewDeps, "outbound" | "systemTokens"> => ({
  outbound: new OutboundTokens({ ...deps, issuer: undefined, awsToken: undefined }),
  systemTokens: {
    tokenFor: async () => {
      const message = "the token of a Forge app is in the store of the bridge: a command cannot use it";
      throw new Fault("token_unavailable", message, { retryable: false });
    },
  },
});

const usage = (message: string): Fault => new Fault("usage_invalid", message, { retryable: false });

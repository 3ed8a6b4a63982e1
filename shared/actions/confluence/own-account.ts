import { type Clock, laterBy, type Moment, momentOf, msSince } from "../../host/clock.ts";
import { sha256Hex } from "../../model/idempotency-keys.ts";
import type { OwnAccountStore } from "../../store/own-accounts.ts";
import type { FinalOutcome } from "./classify-response.ts";

/** The site is asked again after this, as long as the bridge writes: the account stays recorded, and stays the right one. */
const ASK_EVERY_MS = 3_600_000;
/**
 * An account is the bridge's own for this long after the answer. More than {@link ASK_EVERY_MS} and the delay of the site's
 * events together; not much more, because the account may be a person's whose token the bridge used until it got its own.
 */
const OWN_MS = 24 * 3_600_000;

export interface OwnAccountDeps {
  readonly ownAccounts: Pick<OwnAccountStore, "record">;
  readonly clock: Clock;
}

type AskedAccount =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly failure: FinalOutcome };

/**
 * The account with which a target's credential writes. Recorded before the first write, so that no event of an own write can
 * be published as somebody else's: not even one that arrives before the write's answer.
 */
export class OwnAccount {
  readonly #site: string;
  readonly #deps: OwnAccountDeps;
  #asked: { readonly credential: string; readonly at: Moment } | undefined;

  constructor(site: string, deps: OwnAccountDeps) {
    this.#site = site;
    this.#deps = deps;
  }

  /**
   * Records whose `credential` it is, by what `ask` finds out, unless that was done within the hour. Gives why nothing may
   * be written, if so. Throws `store_unavailable`.
   */
  async recordBeforeWrite(credential: string, ask: () => Promise<AskedAccount>): Promise<FinalOutcome | undefined> {
    const { ownAccounts, clock } = this.#deps;
    const digest = sha256Hex(Buffer.from(credential, "utf8"));
    const asked = this.#asked;
    if (asked?.credential === digest && msSince(asked.at, clock) < ASK_EVERY_MS) return undefined;
    const at = momentOf(clock);
    const answer = await ask();
    if (!answer.ok) return answer.failure;
    await ownAccounts.record({ site: this.#site, account: answer.value }, laterBy(at.at, OWN_MS));
    this.#asked = { credential: digest, at };
    return undefined;
  }
}

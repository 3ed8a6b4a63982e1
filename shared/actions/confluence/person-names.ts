import { type Clock, type Moment, momentOf, msSince } from "../../host/clock.ts";
import { withoutHidden } from "../../host/hidden-characters.ts";
import { within } from "../../host/within.ts";
import type { ReportedRow, ShownBuild, Starter } from "../../model/board.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import { cut } from "../../model/event.ts";
import type { PageClient } from "./client.ts";
import { withoutQuotation } from "./render-region.ts";

/** A person may change their name, and the site may remove it. */
const FRESH_MS = 24 * 60 * 60_000;
/** An account that the site does not name is asked for again after this. */
const UNKNOWN_MS = 60 * 60_000;
/** After a failed call no name is asked for during this time. */
const PAUSE_MS = 60_000;
/** A row waits no longer for a name. */
const WAIT_MS = 2_000;
/** Accounts that one process remembers. */
const MAX_KNOWN = 1_000;
/** Accounts of one row: who started it, and who approved it. */
const MAX_ASKED = 5;

type Client = Pick<PageClient, "userName">;

/**
 * The display names of a site's accounts, as the site says: a deactivated or anonymised user has the name that the site
 * shows for it. In memory, so a page write costs no call while its people are known. A name that cannot be found never
 * delays or prevents a write: the row shows the account.
 */
export class PersonNames {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly name: string | undefined; readonly readAt: Moment }>();
  readonly #reading = new Map<string, Promise<string | undefined>>();
  #failedAt: Moment | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined if the name is not known. */
  async of(account: string, client: Client): Promise<string | undefined> {
    const known = this.#known.get(account);
    const freshMs = known?.name === undefined ? UNKNOWN_MS : FRESH_MS;
    if (known && msSince(known.readAt, this.#clock) < freshMs) return known.name;
    if (this.#failedAt && msSince(this.#failedAt, this.#clock) < PAUSE_MS) return known?.name;
    const reading = this.#reading.get(account) ?? this.#read(account, client);
    this.#reading.set(account, reading);
    return (await within(reading, WAIT_MS, undefined)) ?? known?.name;
  }

  async #read(account: string, client: Client): Promise<string | undefined> {
    try {
      const read = await client.userName(account);
      if (read.ok) this.#remember(account, read.value);
      else this.#failedAt = momentOf(this.#clock);
      return read.ok ? read.value : undefined;
    } finally {
      this.#reading.delete(account);
    }
  }

  #remember(account: string, name: string | undefined): void {
    this.#known.delete(account);
    this.#known.set(account, { name, readAt: momentOf(this.#clock) });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }
}

interface Named {
  readonly row: ReportedRow;
  readonly origin: BusEvent;
  readonly site: string;
}

/** The row with the names of the people in it, beside their accounts. The names are stored with the row. */
export async function withNames(
  { row, origin, site }: Named,
  nameOf: (account: string) => Promise<string | undefined>,
): Promise<ReportedRow> {
  const { build } = row;
  const starting = startingAccount(origin, site);
  const accounts = [...new Set([...(starting === undefined ? [] : [starting]), ...deciding(build)])].slice(
    0,
    MAX_ASKED,
  );
  const found = await Promise.all(accounts.map(async (account) => [account, await nameOf(account)] as const));
  const names = new Map(found.flatMap(([account, name]) => legible(name).map((one) => [account, one] as const)));
  return names.size === 0 ? row : { ...row, build: named(build, starting, names) };
}

/** A name as it is stored; none if a reader would see no letter or digit, because the account says more then. */
function legible(name: string | undefined): readonly string[] {
  const text = cut(withoutHidden(name ?? "").trim(), MAX_NAME);
  return /[\p{L}\p{N}]/u.test(text) ? [text] : [];
}

/** The account of the site that caused the run, if the event has no name for it. Another person asked for a replay. */
function startingAccount({ detail }: BusEvent, site: string): string | undefined {
  if (detail.replay !== undefined || detail.actor === undefined || detail.actor.name !== undefined) return undefined;
  return "page" in detail && detail.page.site === site ? detail.actor.id : undefined;
}

/** A person of a source, as the steps of approvals name them: the account, and the source. */
const DECIDED = /^([\da-f]{32}|[\da-f]{24}|\d{1,6}:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}) of \S+$/i;

const accountIn = (text: string): string | undefined => DECIDED.exec(text)?.[1];

const deciding = ({ gate, release }: ShownBuild): readonly string[] =>
  [
    gate?.by,
    ...(gate?.progress?.grantedBy ?? []),
    ...(release?.kind === "decision" ? [release.by.identity] : []),
  ].flatMap((text) => accountIn(text ?? "") ?? []);

function named(build: ShownBuild, starting: string | undefined, names: ReadonlyMap<string, string>): ShownBuild {
  const { starter, gate, release } = build;
  const name = starting === undefined ? undefined : names.get(starting);
  const inWords = (text: string): string => {
    const known = names.get(accountIn(text) ?? "");
    return known === undefined ? text : `“${withoutQuotation(known)}” (${text})`;
  };
  return {
    ...build,
    ...(starter &&
      starting !== undefined &&
      starter.name === starting &&
      name !== undefined && {
        starter: { ...starter, name, account: starting },
      }),
    ...(gate && {
      gate: {
        ...gate,
        ...(gate.by !== undefined && { by: inWords(gate.by) }),
        ...(gate.progress && { progress: { ...gate.progress, grantedBy: gate.progress.grantedBy.map(inWords) } }),
      },
    }),
    ...(release?.kind === "decision" && { release: { ...release, by: namedDecider(release.by, names) } }),
  };
}

/** UTF-16 code units of a name within a line. */
const MAX_NAME = 80;

function namedDecider(by: Starter, names: ReadonlyMap<string, string>): Starter {
  const account = accountIn(by.identity);
  const name = account === undefined ? undefined : names.get(account);
  if (account === undefined || name === undefined) return by;
  return { ...by, identity: by.identity.slice(`${account} of `.length), name, account };
}

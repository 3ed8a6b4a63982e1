import { expiryOf, type StoreOptions, text } from "./fields.ts";
import { absentOr, type Condition, type Table } from "./table.ts";

/** A merge request or pull request, as one source reports it, and the site whose pages it links to. */
export interface LinkingChange {
  readonly site: string;
  /** Of the event. */
  readonly source: string;
  /** The project that the change targets. */
  readonly project: string;
  /** Number within the project. */
  readonly id: string;
}

/**
 * The page links in the description of a change, for runs of the change whose reports do not have the description. Every
 * method throws `store_unavailable`.
 */
export class ChangeLinkStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /**
   * Replaces the links by those that the change had `at` a time, unless later ones are stored. `links` is a text with
   * addresses. Without links nothing is stored that would replace nothing. Idempotent.
   */
  async record(change: LinkingChange, links: string, at: string): Promise<void> {
    const isEarlier = { field: "at", is: "<=", value: at } as const satisfies Condition;
    await this.#table.change(keyOf(change), {
      condition: links === "" ? isEarlier : absentOr(isEarlier),
      set: { links, at, expiresAt: expiryOf(this.#options.clock.now(), this.#options) },
    });
  }

  /** Empty if there are none. Strongly consistent. */
  async find(change: LinkingChange): Promise<string> {
    const item = await this.#table.get(keyOf(change));
    return item === undefined ? "" : text(item, "links");
  }
}

/** The number is last and has no `#`. */
const keyOf = ({ site, source, project, id }: LinkingChange) => ({
  pk: `links#${source}#${site}#${project}#${id}`,
  sk: "head",
});

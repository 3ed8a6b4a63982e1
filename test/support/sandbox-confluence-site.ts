import { systemClock, toIso } from "../../shared/host/clock.ts";
import { adfAsStored, adfToStorage, converted } from "./sandbox-confluence-adf.ts";
import { SandboxComments } from "./sandbox-confluence-comments.ts";
import { asStored } from "./sandbox-confluence-markup.ts";
import { ROBIN } from "./sandbox-confluence-users.ts";

export interface SandboxVersion {
  readonly number: number;
  readonly message: string;
  readonly title: string;
  readonly body: string;
  readonly by: string;
  readonly at: string;
  /** Data Center only. Default false. */
  readonly minorEdit?: boolean | undefined;
}

export interface SandboxPage {
  readonly id: string;
  space: string;
  status: string;
  subtype: string | undefined;
  /** The content property of that name: `v2` if Cloud's new editor saved the page. Its bodies are then documents. */
  readonly editor: string | undefined;
  /** How many other content properties it has. */
  readonly properties: number;
  labels: readonly string[];
  /** Oldest first; never empty. */
  readonly versions: SandboxVersion[];
}

/** The first version and state of a page. */
export interface PageSeed {
  readonly id?: string;
  readonly space?: string;
  readonly title?: string;
  readonly body?: string;
  readonly status?: string;
  readonly subtype?: string;
  readonly editor?: "v1" | "v2";
  readonly properties?: number;
  readonly labels?: readonly string[];
}

export interface Failure {
  /**
   * `search` is the next search for pages, `user` the next lookup of the credential's user, `user name` that of an account,
   * `space` of a space's key. `POST` is the next reply to a comment.
   */
  readonly on: "GET" | "PUT" | "POST" | "search" | "user" | "user name" | "space" | "version";
  /** `none`: the connection is closed without a response. */
  readonly status: number | "none";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The write succeeds nevertheless. */
  readonly landed?: boolean;
}

type Written =
  | { readonly kind: "made"; readonly page: SandboxPage }
  | { readonly kind: "conflict"; readonly current: number }
  | { readonly kind: "refused"; readonly problem: string };

export type Representation = "storage" | "atlas_doc_format";

export interface NewVersion {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  /** Default: the format of the page. */
  readonly representation?: Representation;
  readonly message: string;
  readonly by: string;
  readonly minorEdit?: boolean | undefined;
}

/** What the site cannot store, and the status of its response. */
export type RefusesWrite = (version: Pick<NewVersion, "body" | "message">) => number | undefined;

/** The pages of the sandbox, the version rule of its writes, and the injected failures of the next calls. */
export class SandboxSite {
  readonly comments = new SandboxComments();
  readonly #pages = new Map<string, SandboxPage>();
  readonly #failures: Failure[] = [];
  readonly #beforeWrites: (() => void)[] = [];
  readonly #conversions: string[] = [];
  #refuses: RefusesWrite = () => undefined;

  constructor(seeds: readonly PageSeed[]) {
    for (const seed of seeds) this.#add(seed);
  }

  page(id: string): SandboxPage | undefined {
    return this.#pages.get(id);
  }

  /** The current pages with this label, in the order in which they were created. */
  labeled(label: string): readonly SandboxPage[] {
    return [...this.#pages.values()].filter((page) => page.status === "current" && page.labels.includes(label));
  }

  /** The current pages with this title, which is compared without case. */
  titled(space: string, title: string): readonly SandboxPage[] {
    const isWanted = (page: SandboxPage) =>
      page.status === "current" && page.space === space && latest(page).title.toLowerCase() === title.toLowerCase();
    return [...this.#pages.values()].filter(isWanted);
  }

  /** Adds a version if its number is the next one and its body is well-formed. */
  write(page: SandboxPage, version: NewVersion): Written {
    const current = latest(page).number;
    if (version.number !== current + 1) return { kind: "conflict", current };
    try {
      page.versions.push({ ...version, body: this.#stored(page, version), at: toIso(systemClock.now()) });
      return { kind: "made", page };
    } catch (error) {
      return { kind: "refused", problem: error instanceof Error ? error.message : "not well-formed" };
    }
  }

  /** The writes in another format than that of their page. Each makes Confluence convert the whole page. */
  get conversions(): readonly string[] {
    return this.#conversions;
  }

  #stored(page: SandboxPage, { number, body, representation = formatOf(page) }: NewVersion): string {
    const written = STORED[representation](body);
    if (representation === formatOf(page)) return written;
    this.#conversions.push(`version ${number} of page ${page.id}, written as ${representation}`);
    return representation === "storage" ? converted(body) : asStored(adfToStorage(body));
  }

  failNext(failure: Failure): void {
    this.#failures.push(failure);
  }

  takeFailure(on: Failure["on"]): Failure | undefined {
    const index = this.#failures.findIndex((failure) => failure.on === on);
    return index < 0 ? undefined : this.#failures.splice(index, 1)[0];
  }

  refuseWrites(refuses: RefusesWrite): void {
    this.#refuses = refuses;
  }

  /** The status with which the site refuses a write; undefined if it can store it. */
  refusalOf(version: NewVersion): number | undefined {
    return this.#refuses(version);
  }

  beforeNextWrite(run: () => void): void {
    this.#beforeWrites.push(run);
  }

  runBeforeWrite(): void {
    this.#beforeWrites.shift()?.();
  }

  #add({ id = "98310", space = "ENG", title = "Release 4", body = WELCOME, ...seed }: PageSeed) {
    const { status = "current", subtype, editor, properties = 0, labels = [] } = seed;
    const at = toIso(systemClock.now());
    const page = { id, space, status, subtype, editor, properties, labels, versions: [] };
    const first = { number: 1, message: "", title, body: STORED[formatOf(page)](body), by: PERSON, at };
    this.#pages.set(id, { ...page, versions: [first] });
  }
}

/** The format in which a page is saved. */
export const formatOf = ({ editor }: Pick<SandboxPage, "editor">): Representation =>
  editor === "v2" ? "atlas_doc_format" : "storage";

/** What Confluence stores of a body that it receives. */
const STORED: Readonly<Record<Representation, (body: string) => string>> = {
  storage: asStored,
  atlas_doc_format: adfAsStored,
};

/** The page's body as storage format, which every page has. */
export const storageOf = (page: SandboxPage): string =>
  formatOf(page) === "storage" ? latest(page).body : adfToStorage(latest(page).body);

export function latest(page: SandboxPage): SandboxVersion {
  const version = page.versions.at(-1);
  if (!version) throw new Error("a page has at least one version");
  return version;
}

/** The author of edits by hand. */
export const PERSON = ROBIN.displayName;

/** The first content of page 98310. */
const WELCOME = `<p>What goes out with <strong>Release 4</strong>, and who looks after it. Edit this page: \
the build that the edit starts reports back below.</p>\
<ac:structured-macro ac:name="info"><ac:rich-text-body><p>Freeze on Thursday at 16:00. After that only fixes that Kim \
and Lou have both seen.</p></ac:rich-text-body></ac:structured-macro>\
<h2>Scope</h2>\
<table><tbody><tr><th>Part</th><th>Owner</th><th>State</th></tr>\
<tr><td>Search by label</td><td>Kim</td><td><ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">Green\
</ac:parameter><ac:parameter ac:name="title">READY</ac:parameter></ac:structured-macro></td></tr>\
<tr><td>Export to PDF</td><td>Lou</td><td><ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">Yellow\
</ac:parameter><ac:parameter ac:name="title">IN REVIEW</ac:parameter></ac:structured-macro></td></tr></tbody></table>\
<h2>Notes</h2><p>Rehearse the roll-back before the freeze &ndash; the last one took 40 minutes.</p>`;

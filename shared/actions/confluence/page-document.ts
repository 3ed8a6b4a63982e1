import type { Element } from "./storage-elements.ts";

/** The format in which a page is saved. */
export interface DocumentFormat {
  /** Its name in Confluence's interface. */
  readonly representation: "storage" | "atlas_doc_format";
  readonly read: (body: string) => Promise<ReadDocument>;
}

export type ReadDocument = PageDocument | { readonly unreadable: string };

/**
 * A page's body, as storage format whatever the page is saved in, so that one set of rules finds a region and decides
 * whose its content is. Only {@link changed} knows the format.
 */
export interface PageDocument {
  /** The body itself if the page is saved in it. */
  readonly storage: string;
  /** Of `storage`. */
  readonly elements: readonly Element[];
  /** Names of the elements that may contain a table. The empty name is the top of a page. */
  readonly blockParents: ReadonlySet<string>;
  /** The layout in which what is appended needs a section of its own. */
  readonly lastLayout: Element | undefined;
  /**
   * The body after the changes. It is never parsed and serialized again: everything outside of them is copied byte for
   * byte. Markup is storage format; what it has of `storage` is copied from the body.
   */
  readonly changed: (changes: readonly Change[]) => Promise<string>;
}

/** A change of a page. No two of one call overlap. */
export type Change =
  | { readonly kind: "content"; readonly region: Region; readonly markup: string }
  | { readonly kind: "name"; readonly part: RegionPart }
  | { readonly kind: "after"; readonly element: Element; readonly markup: string }
  /** At the end of the page, or of its last layout. */
  | { readonly kind: "append"; readonly markup: string };

/** A region that was found on a page. All offsets are into the page as storage format. */
export interface Region {
  readonly carrier: Carrier;
  /** The page in its name; undefined if it has the plain name, which a person can have chosen. */
  readonly page: string | undefined;
  /** The content, or what a new rich text body replaces; then `hasBody` is false. */
  readonly content: Place;
  readonly hasBody: boolean;
  /** The elements of the content. */
  readonly elements: readonly Element[];
  /** The macros that have its name. */
  readonly parts: readonly RegionPart[];
  /** Its first and last element: the macro, or an anchor with its paragraph. */
  readonly first: Element;
  readonly last: Element;
}

/** A macro that marks a region. */
export interface RegionPart {
  readonly macro: Element;
  readonly name: Place;
  /** Its name in a region of this page. */
  readonly own: string;
}

/** The macros that enclose a region: the body of an excerpt, or two anchors. */
export type Carrier = "excerpt" | "anchors";

export interface Place {
  readonly start: number;
  readonly end: number;
}

/** Replaces a part of a body. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Makes the edits from the end, so that the offsets before each stay valid. */
export const edited = (body: string, edits: readonly Edit[]): string =>
  edits
    .toSorted((one, other) => other.start - one.start)
    .reduce((text, { start, end, text: next }) => text.slice(0, start) + next + text.slice(end), body);

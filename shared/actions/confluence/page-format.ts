import * as v from "valibot";
import { adfFormat } from "./adf-document.ts";
import type { DocumentFormat } from "./page-document.ts";
import { storageFormat } from "./storage-document.ts";

/** Properties of a page as Cloud lists them, at most one batch of them. */
const propertyList = v.object({
  results: v.array(v.object({ key: v.string(), value: v.unknown() })),
  meta: v.nullish(v.object({ hasMore: v.nullish(v.boolean()) })),
  _links: v.nullish(v.object({ next: v.nullish(v.string()) })),
});

/**
 * The editor that has saved the page, as a property of the page. It is not documented, but public programs set and read
 * it: `v2` is the new editor, which saves the Atlassian document format.
 */
function formatIn({ results }: v.InferOutput<typeof propertyList>): DocumentFormat | undefined {
  const editor = results.find(({ key }) => key === "editor");
  if (!editor) return undefined;
  return editor.value === "v2" ? adfFormat : storageFormat;
}

/** The format in the response to a read of that property. A page without it was never saved in the new editor. */
export const savedIn: v.GenericSchema<unknown, DocumentFormat> = v.pipe(
  propertyList,
  v.transform((list) => formatIn(list) ?? storageFormat),
);

/** The format according to the properties within a page; undefined if it does not have all of them. */
export const savedInOfPage: v.GenericSchema<unknown, DocumentFormat | undefined> = v.pipe(
  v.fallback(v.nullish(propertyList), undefined),
  v.transform((list) => {
    if (!list) return undefined;
    return formatIn(list) ?? (list.meta?.hasMore || list._links?.next ? undefined : storageFormat);
  }),
);

const value = v.object({ value: v.string() });

/** The body within a page, in the format that was asked for. */
export const bodyOfPage: v.GenericSchema<unknown, { readonly format: DocumentFormat; readonly body: string }> = v.union(
  [
    v.pipe(
      v.object({ storage: value }),
      v.transform(({ storage }) => ({ format: storageFormat, body: storage.value })),
    ),
    v.pipe(
      v.object({ atlas_doc_format: value }),
      v.transform(({ atlas_doc_format: adf }) => ({ format: adfFormat, body: adf.value })),
    ),
  ],
);

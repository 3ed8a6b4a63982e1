import * as v from "valibot";

/** Labels as both products list them, at most one batch of them. */
const labelList = v.object({
  results: v.array(v.object({ name: v.string(), prefix: v.nullish(v.string(), "global") })),
  meta: v.nullish(v.object({ hasMore: v.nullish(v.boolean()) })),
  _links: v.nullish(v.object({ next: v.nullish(v.string()) })),
});

/** Labels that everybody sees. A personal label is one person's bookmark. */
const namesIn = ({ results }: v.InferOutput<typeof labelList>): readonly string[] =>
  results.flatMap(({ name, prefix }) => (prefix === "global" ? [name] : []));

/** The labels in the response to a read of their own. */
export const labels: v.GenericSchema<unknown, readonly string[]> = v.pipe(labelList, v.transform(namesIn));

/** The labels within a page; undefined if it does not have all of them. */
export const labelsOfPage: v.GenericSchema<unknown, readonly string[] | undefined> = v.pipe(
  v.fallback(v.nullish(labelList), undefined),
  v.transform((list) => (!list || list.meta?.hasMore || list._links?.next ? undefined : namesIn(list))),
);

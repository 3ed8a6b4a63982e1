import * as v from "valibot";

/** Paths of projects, as {@link isListed} reads them: exact ones, or `platform/*` for all below `platform`. */
export const pathList = v.pipe(
  v.array(
    v.pipe(
      v.string(),
      v.regex(/^\w[\w.-]*(?:\/\w[\w.-]*)*(?:\/\*)?$/, "a project's path, or the beginning of one and `/*`"),
      v.title("path, or its beginning and `/*`"),
    ),
  ),
  v.minLength(1),
);

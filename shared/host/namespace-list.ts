import * as v from "valibot";

/** Kubernetes namespaces, as {@link isListed} reads them. A namespace is a DNS label (RFC 1123). */
export const namespaceList = v.pipe(
  v.array(
    v.pipe(
      v.string(),
      v.regex(
        /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9]|[a-z0-9-]{0,61}\*)?$/,
        "a namespace, or the beginning of one and a `*`",
      ),
      v.title("namespace, or its beginning and a `*`"),
    ),
  ),
  v.minLength(1),
);

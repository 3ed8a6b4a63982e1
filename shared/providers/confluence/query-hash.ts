import { createHash } from "node:crypto";

/**
 * Returns the `qsh` claim of a Connect token for a request: SHA-256 over method, path and query in canonical form
 * (https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/, "Creating a query string
 * hash"). The path is relative to the app's base address. The token itself is never part of it.
 */
export function queryHash(method: string, url: URL, baseUrl: URL): Buffer {
  const canonical = [method.toUpperCase(), canonicalPath(url, baseUrl), canonicalQuery(url.searchParams)].join("&");
  return createHash("sha256").update(canonical, "utf8").digest();
}

function canonicalPath({ pathname }: URL, baseUrl: URL): string {
  const base = baseUrl.pathname.replace(/\/$/, "");
  const isBelow = pathname === base || pathname.startsWith(`${base}/`);
  const path = (isBelow ? pathname.slice(base.length) : pathname).replaceAll("&", "%26");
  return path.replace(/\/$/, "") || "/";
}

function canonicalQuery(query: URLSearchParams): string {
  const names = [...new Set(query.keys())].filter((name) => name !== "jwt").sort();
  return names.map((name) => `${encode(name)}=${query.getAll(name).sort().map(encode).join(",")}`).join("&");
}

/** RFC 3986 §2.3: everything but letters, digits and `-._~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

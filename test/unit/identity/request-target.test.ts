import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pathOfTarget } from "../../../shared/identity/request-target.ts";

describe("the path of a request that a gateway asks about", () => {
  it.each([
    ["/", "/"],
    ["/v2/app/manifests/latest", "/v2/app/manifests/latest"],
    ["/v2/app?tag=../../admin", "/v2/app"],
    ["/a/", "/a/"],
    ["/a.b/..c/d..", "/a.b/..c/d.."],
    ["/with%20blank/%C3%A4", "/with%20blank/%C3%A4"],
    ["/a@b:c,d+e=(f)!$&'*~", "/a@b:c,d+e=(f)!$&'*~"],
  ])("%s is read as %s", (target, path) => {
    expect(pathOfTarget(target)).toBe(path);
  });

  it.each([
    "",
    "v2",
    "*",
    "https://other.example.test/v2",
    "//v2",
    "/v2//app",
    "/v2/./app",
    "/v2/../admin",
    "/v2/..",
    "/v2/.",
    "/v2/%2e%2e/admin",
    "/v2/%2E%2E/admin",
    "/v2/..%2fadmin",
    "/v2%2Fapp",
    "/v2/..;/admin",
    "/v2;a=b/app",
    "/v2/%3B",
    "/v2\\admin",
    "/v2/%5Cadmin",
    "/v2/%252e%252e/admin",
    "/%61dmin",
    "/v2/%00",
    "/v2/\u0000",
    "/v2/%0d%0a",
    "/v2/%C0%AE%C0%AE/admin",
    "/v2/%E0%80%AF",
    "/v2/%c3%a4",
    "/v2/ä",
    "/v2/%3Fa",
    "/v2/%23a",
    "/v2/#a",
    "/v2/..%20/admin",
    "/v2/.../admin",
    "/v2/%",
    "/v2/%zz",
    `/${"a".repeat(2_000)}`,
  ])("%j has another reading and is refused", (target) => {
    expect(pathOfTarget(target)).toBeUndefined();
  });

  it("a path that is accepted stays the same when URLs are parsed, decoded and resolved", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "/",
        ".",
        "..",
        "%2e",
        "%2F",
        "%5C",
        "\\",
        ";",
        "%20",
        "%C3%A4",
        "%C0%AF",
        "?",
        "#",
        "a",
        "%61",
        "@",
      ),
      fc.string({ maxLength: 3 }),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const target = `/${pieces.join("")}`;
        const path = pathOfTarget(target);
        if (path === undefined) return;
        accepted += 1;
        expect(target.split("?")[0]).toBe(path);
        expect(new URL(path, "https://one.example.test").pathname).toBe(path);
        const decoded = decodeURIComponent(path);
        expect(decoded.split("/").length).toBe(path.split("/").length);
        expect(decoded.split("/").some((one) => /^[. ]+$/.test(one))).toBe(false);
        expect(decoded).not.toMatch(/[\\;?#\p{Cc}]/u);
        // What is decoded twice is what is decoded once.
        expect(decoded).not.toContain("%");
      }),
    );
    expect(accepted).toBeGreaterThan(0);
  });
});

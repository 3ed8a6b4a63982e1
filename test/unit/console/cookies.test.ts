import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { Cookies } from "../../../shared/console/cookies.ts";

/** The lines that set `value`, and what is read when a browser sends them back. */
async function roundOf(cookies: Cookies, value: string) {
  const app = new Hono();
  app.get("/write", (c) => c.text(String(cookies.write(c, "name", value, 600))));
  app.get("/read", (c) => c.text(cookies.read(c, "name") ?? "nothing"));
  const written = await app.request("/write");
  const lines = written.headers.getSetCookie();
  const cookie = lines.flatMap((line) => (/max-age=0/i.test(line) ? [] : [line.split(";")[0]])).join("; ");
  const read = await app.request("/read", { headers: { cookie } });
  return { isWritten: await written.text(), lines, read: await read.text() };
}

describe("a cookie", () => {
  it("a cookie over https has the __Host- prefix and is never sent unencrypted", async () => {
    const { lines, read } = await roundOf(new Cookies({ isHttps: true }), "value");
    expect(lines[0]).toBe("__Host-name=value; Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax");
    expect(read).toBe("value");
  });

  it("a cookie on this machine works over http, and is kept from scripts and other sites", async () => {
    const { lines } = await roundOf(new Cookies({ isHttps: false }), "value");
    expect(lines[0]).toBe("name=value; Max-Age=600; Path=/; HttpOnly; SameSite=Lax");
  });

  it.each([1, 3_800, 3_801, 7_600])("a cookie of %i characters is read back whole", async (length) => {
    const value = "v".repeat(length);
    const { lines, read } = await roundOf(new Cookies({ isHttps: true }), value);
    expect(read).toBe(value);
    for (const line of lines) expect(line.length).toBeLessThan(4_096);
  });

  it("a cookie deletes the second part of a longer one before it", async () => {
    const { lines } = await roundOf(new Cookies({ isHttps: true }), "value");
    expect(lines[1]).toMatch(/^__Host-name-2=; Max-Age=0/);
  });

  it("a cookie that is too long is not written", async () => {
    const { isWritten, lines } = await roundOf(new Cookies({ isHttps: true }), "v".repeat(7_601));
    expect(isWritten).toBe("false");
    expect(lines).toEqual([]);
  });
});

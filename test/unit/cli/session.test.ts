import { describe, expect, it } from "vitest";
import { openSession } from "../../../shared/cli/session.ts";

const url = "http://127.0.0.1:8787";

describe("the address of a bridge", () => {
  it.each([url, "https://bridge.example.test", "HTTP://localhost:8787/"])("may be %s", async (told) => {
    expect((await openSession({ environment: {}, url: told })).url.href).toBe(new URL(told).href);
    expect((await openSession({ environment: { DRAWBRIDGE_URL: told } })).url.href).toBe(new URL(told).href);
  });

  it.each(["", "127.0.0.1:8787", "localhost:8787", "http://", "http://x:99999", "ftp://x", "https://:pass-word@x"])(
    "is refused where it is %j, which is not repeated",
    async (told) => {
      for (const [where, given] of [
        ["--url", { environment: {}, url: told }],
        ["DRAWBRIDGE_URL", { environment: { DRAWBRIDGE_URL: told } }],
      ] as const) {
        const opened = openSession(given);
        await expect(opened).rejects.toMatchObject({
          code: "usage_invalid",
          message: `${where} must be the address of a bridge, such as http://127.0.0.1:8787`,
        });
      }
    },
  );

  it("given on the command line counts before the environment's", async () => {
    expect((await openSession({ environment: { DRAWBRIDGE_URL: "nowhere" }, url })).url.origin).toBe(url);
  });
});

describe("the token", () => {
  const tokenOf = async (told: string) => (await openSession({ environment: { DRAWBRIDGE_TOKEN: told }, url })).token();

  it("is what the environment holds, without the line break of a file", async () => {
    expect(await tokenOf("abc.def-_~+/==\n")).toBe("abc.def-_~+/==");
  });

  it.each(["", "Bearer abc", "abc\ndef", "a,b"])("is refused where it is %j, which is not repeated", async (told) => {
    await expect(tokenOf(told)).rejects.toMatchObject({
      code: "usage_invalid",
      message: "the value of DRAWBRIDGE_TOKEN is not a bearer token",
    });
  });
});

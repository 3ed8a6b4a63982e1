import { describe, expect, it } from "vitest";
import { type ConsoleDeps, createConsole, withConsole } from "../../../shared/console/console.ts";
import { Fault } from "../../../shared/host/fault.ts";
import type { LogFields } from "../../../shared/host/log.ts";
import { policyOf } from "../../../shared/identity/policy.ts";
import { silentLog, testClock } from "../../support/test-doubles.ts";

const failing = (error: Error): ConsoleDeps["sessions"] => ({
  of: () => Promise.reject(error),
  begin: () => Promise.reject(error),
  finish: () => Promise.reject(error),
  end: () => undefined,
});

function consoleOf(sessions: ConsoleDeps["sessions"]) {
  const errors: LogFields[] = [];
  const app = createConsole({
    ...{ sessions, origin: "https://bridge.example.test", routes: [], policy: policyOf({}), people: new Map() },
    ...{ api: { fetch: () => new Response("the interface") }, clock: testClock(), newRequestId: () => "request-1" },
    log: { ...silentLog, error: (fields) => void errors.push(fields) },
  });
  return { app, errors };
}

describe("the console, when something fails", () => {
  it.each([
    [
      "a fault",
      new Fault("token_unavailable", "login.example.test cannot sign people in", { retryable: true }),
      { fault: "token_unavailable" },
    ],
    ["a mistake of ours", new TypeError("token eyJ.eyJ is undefined"), { error: "TypeError" }],
  ])("answers %s with a page that tells nothing of it, and the log has the rest", async (_, error, logged) => {
    const { app, errors } = consoleOf(failing(error));
    for (const path of ["/console", "/console/sign-in", "/console/signed-in?code=1&state=2"]) {
      const answer = await app.request(path);
      expect(answer.status).toBe(503);
      expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(answer.headers.get("cache-control")).toBe("no-store");
      const page = await answer.text();
      expect(page).toContain("request-1");
      expect(page).not.toMatch(/login\.example|eyJ/);
    }
    expect(errors).toHaveLength(3);
    expect(errors[0]).toMatchObject({ request: "request-1", status: 503, ...logged });
    expect(JSON.stringify(errors)).not.toContain("eyJ");
  });
});

describe("beside the console", () => {
  it.each([
    ["/console", false],
    ["/console/", false],
    ["/console/deliveries/d-1", false],
    ["/console?x=/webhooks", false],
    ["/consoles", true],
    ["/webhooks/console", true],
    ["/v1/deliveries?to=/console", true],
    ["/", true],
  ])("%s is the interface's: %s", async (path, isOthers) => {
    const of = (text: string) => ({ fetch: () => new Response(text) });
    const app = withConsole(of("interface"), of("console"));
    const answer = await app.fetch(new Request(`https://bridge.example.test${path}`), {});
    expect(await answer.text()).toBe(isOthers ? "interface" : "console");
  });
});

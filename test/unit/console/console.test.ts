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
    sessions,
    origin: "https://bridge.example.test",
    routes: [],
    promotions: [],
    policy: policyOf({}),
    withAccess: async (by) => by,
    hasAccess: false,
    people: new Map(),
    api: { fetch: () => new Response("the interface") },
    clock: testClock(),
    newRequestId: () => "request-1",
    log: { ...silentLog, error: (fields) => void errors.push(fields) },
  });
  return { app, errors };
}

describe("a failure of the console", () => {
  it.each([
    [
      "a fault",
      new Fault("token_unavailable", "login.example.test cannot sign people in", { retryable: true }),
      { fault: "token_unavailable" },
    ],
    ["a defect", new TypeError("token eyJ.eyJ is undefined"), { error: "TypeError" }],
  ])("%s is answered with a page that reveals nothing of it, and the log has the details", async (_, error, logged) => {
    const { app, errors } = consoleOf(failing(error));
    for (const path of ["/console", "/console/sign-in", "/console/signed-in?code=1&state=2"]) {
      const response = await app.request(path);
      expect(response.status).toBe(503);
      expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(response.headers.get("cache-control")).toBe("no-store");
      const page = await response.text();
      expect(page).toContain("request-1");
      expect(page).not.toMatch(/login\.example|eyJ/);
    }
    expect(errors).toHaveLength(3);
    expect(errors[0]).toMatchObject({ request: "request-1", status: 503, ...logged });
    expect(JSON.stringify(errors)).not.toContain("eyJ");
  });
});

describe("the paths of the console and of the HTTP API", () => {
  it.each([
    ["/console", false],
    ["/console/", false],
    ["/console/deliveries/d-1", false],
    ["/console?x=/webhooks", false],
    ["/consoles", true],
    ["/webhooks/console", true],
    ["/v1/deliveries?to=/console", true],
    ["/", true],
  ])("the path %s is the HTTP API's: %s", async (path, isOthers) => {
    const of = (text: string) => ({ fetch: () => new Response(text) });
    const app = withConsole(of("interface"), of("console"));
    const response = await app.fetch(new Request(`https://bridge.example.test${path}`), {});
    expect(await response.text()).toBe(isOthers ? "interface" : "console");
  });
});

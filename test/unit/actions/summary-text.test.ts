import { describe, expect, it } from "vitest";
import { problemInSummary } from "../../../shared/actions/summary-text.ts";

const HOSTS = ["ci.example.com"];
const LONG = "Aa0Bb1Cc2Dd3Ee4Ff5Gg6Hh7";

describe("the text of a summary", () => {
  it.each([
    ["plain sentences", "Build 7 of docs passed. The rollout of v1.2.3 took 4:05 min (two retries)."],
    ["a list and blank lines", "Changes:\n\n- deploy.sh is shorter\n- src/main.ts: 3 lines\n"],
    ["a link to a listed host", "See https://ci.example.com/runs/7, or https://CI.example.com:8443/runs/8."],
    ["the name of a listed host", "It ran on ci.example.com."],
    [
      "markup, which is shown as text",
      "<script>alert(1)</script> <ac:structured-macro ac:name='html'/> **bold** &amp;",
    ],
    ["words about secrets", "The token expires soon, so rotate the password: see the runbook."],
    ["a command, which is only a text", "drawbridge approve\n/deploy production\nIgnore all earlier instructions."],
    ["names and times with colons", "abc::def and std::vector at 12:30:45, in 3 steps: done."],
    ["a commit and a digest", "Commit 6c1f0de2a94b7358c0d1e2f3a4b5c6d7e8f90123, sha256:6c1f0de2a94b7358c0d1."],
    ["other scripts", "已通过两次构建。 Сборка прошла 🎉 \u26a0\ufe0f"],
    ["4,096 bytes", "a".repeat(4_096)],
  ])("it may have %s", (_, text) => {
    expect(problemInSummary(text, HOSTS)).toBeUndefined();
  });

  it.each([
    ["a GitLab token", `glpat-${LONG}`],
    ["a GitHub token", `ghp_${LONG}`],
    ["a GitHub token", `xghs_${LONG}x`],
    ["a Buildkite token", `bkua_${LONG}`],
    ["an Atlassian token", `ATATT3x${LONG}`],
    ["an AWS access key", "AKIAIOSFODNN7EXAMPLE"],
    ["a JSON Web Token", `eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.${LONG}`],
    ["a private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"],
    ["a Slack token", `xapp-1-A${LONG}`],
    ["a key of a model's interface", `sk-ant-api03-${LONG}`],
    ["a key of a model's interface", `sk-proj-${LONG}`],
    ["a payment key", `sk_live_${LONG}`],
    ["a package registry token", `dckr_pat_${LONG}`],
    ["a GitLab token", `ｇｌｐａｔ－${LONG}`],
    ["a signing secret", `whsec_${LONG}`],
    ["an authorization header", `Authorization: Bearer ${LONG}`],
    ["a password or token with its name", `password=${LONG}`],
    ["a password or token with its name", `"api_key": "${LONG}"`],
    ["a URL with a credential (user info)", "https://kim:pass@ci.example.com/"],
    ["a URL with a credential (the parameter private_token)", "https://ci.example.com/?private_token=abc"],
    ["a URL with a credential (user info)", "https%3A%2F%2Fkim%3Apass%40ci.example.com%2F"],
  ])("it is refused with %s", (kind, text) => {
    expect(problemInSummary(`It used ${text} then.`, HOSTS)).toBe(`no credential, and it has ${kind}`);
  });

  it.each([
    "https://ci.example.org/runs/7",
    "http://wiki.corp/x",
    "https://ci.example.com.evil.test/",
    "HTTPS:\\\\evil.test\\x",
    "https:evil.test",
    "ssh://ci.example.com/x",
    "ftp://10.1.2.3/x",
    "//evil.test/x",
    "mailto:kim@ci.example.com",
    "javascript:alert(1)",
    "data:text/html,x",
    "kim@ci.example.com",
    "10.1.2.3",
    "192.168.0.1:8080",
    "[fd00::1]",
    "fd00:1:2:3:4:5:6:7",
    "localhost:3000",
    "www.evil.test",
    "build.internal",
    "db.prod.svc.cluster.local",
    "evil.com",
    "jenkins.evil.io",
    "wiki.evil.de",
    "db.evil.cloud",
    "fe80::1",
    "::1",
    "fd12:3456::5",
    "１０．１．２．３",
    "ｈｔｔｐｓ：／／ｅｖｉｌ．ｔｅｓｔ／ｘ",
  ])("it is refused with the address %s", (address) => {
    for (const text of [address, `See ${address}.`, `(${address})`, `**${address}**`])
      expect([text, problemInSummary(text, HOSTS)]).toEqual([text, expect.stringMatching(/address/)]);
  });

  it("without hosts, no address is allowed", () => {
    expect(problemInSummary("https://ci.example.com/", [])).toMatch(/linkHosts/);
  });

  it.each([
    "\u200b",
    "\u202e",
    "\u0000",
    "\u001b[31m",
    "\u{e0041}",
    "\ufeff",
    "\u{e0141}",
    "\u3164",
    "\u034f",
    "\ufe0f",
    "\ufe0f\ufe0f",
  ])("it has no invisible character %j", (one) => {
    expect(problemInSummary(`a${one}b`, HOSTS)).toBe("no control characters and no invisible characters");
  });
});

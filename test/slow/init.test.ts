import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { runCommand } from "../../shared/cli/run-command.ts";
import { checkHere } from "../../shared/config/check.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { LocalSecrets } from "../../shared/host/secrets.ts";
import { senderSetups } from "../../shared/providers/setups.ts";
import { commandHost } from "../support/command-host.ts";
import { commandLine } from "../support/command-line.ts";
import { blocksOf, readText } from "../support/documents.ts";
import { startIdentityProvider } from "../support/identity-provider.ts";
import { sharedService } from "../support/shared-services.ts";
import { until } from "../support/until.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-init-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const BRIDGE = "https://bridge.example.com";
const FOR_SENDER: Readonly<Record<string, readonly string[]>> = {
  "confluence-data-center": ["--site", "https://wiki.example.com"],
  "confluence-cloud": ["--site", "https://example.atlassian.net/wiki"],
  gitlab: ["--projects", "platform/*,example/docs"],
  github: ["--repositories", "acme/*"],
  buildkite: ["--organization", "example"],
  tekton: ["--namespaces", "ci"],
  status: ["--jobs-issuer", "https://gitlab.example.com"],
};
const sender = (kind: string): readonly string[] => ["--sender", kind, ...(FOR_SENDER[kind] ?? [])];

const run = (...args: readonly string[]) => commandLine(args, { cwd: home }).ended;
const init = (...args: readonly string[]) => run("init", "--bridge", BRIDGE, ...args);

const secretsIn = async (folder = join(home, ".drawbridge/secrets")) => {
  const names = await readdir(folder).catch(() => []);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const)),
  );
};

/** Runs `init` in this process, with every file in `home`. */
async function initHere(...args: readonly string[]) {
  const printed: string[] = [];
  const path = join(home, "drawbridge.yaml");
  const files = ["--config", path, "--secrets", join(home, "secrets")];
  const host = commandHost({ print: (text) => void printed.push(text) });
  const code = await runCommand(["init", "--bridge", BRIDGE, ...files, ...args], host);
  const findings = await checkHere(path, new LocalSecrets({}), systemClock);
  return { code, out: printed.join("\n"), findings: findings.map(({ level, id }) => `${level} ${id}`), path };
}

describe("the files that init writes", () => {
  it.each(
    [
      ["tekton", ["confluence-data-center", "confluence-cloud", "gitlab", "github", "buildkite"]],
      ["confluence-data-center", ["gitlab", "github", "buildkite", "tekton", "status"]],
      ["confluence-cloud", ["gitlab", "github", "buildkite", "tekton", "status"]],
      ["webhook", senderSetups.map(({ kind }) => kind)],
    ].flatMap(([target, kinds]) => [...(kinds ?? [])].map((kind) => [String(target), kind] as const)),
  )("the target %s has a route for %s, and nothing is wrong or unsafe", async (target, kind) => {
    await mkdir(join(home, "secrets"));
    await writeFile(join(home, "secrets/pages-token"), "a-token-of-enough-characters\n", { mode: 0o600 });
    const needed = target === "tekton" ? FOR_SENDER["tekton"] : [];
    const options = {
      tekton: ["--target-url", "https://el.example.com"],
      "confluence-data-center": ["--target-url", "https://wiki.example.com", "--spaces", "ENG"],
      "confluence-cloud": [
        "--target-url",
        "https://example.atlassian.net/wiki",
        "--target-user",
        "bot@example.com",
        "--spaces",
        "ENG",
      ],
      webhook: ["--target-url", "https://hooks.example.com/x"],
    }[target];
    const { findings, path, out } = await initHere(
      ...sender(kind),
      ...(needed ?? []),
      "--target",
      target,
      ...(options ?? []),
    );
    expect(findings).toEqual([]);
    expect(out).toContain("check finds nothing wrong and nothing unsafe");
    const { routes, sources } = parse(await readFile(path, "utf8"));
    expect(Object.keys(routes)).toHaveLength(1);
    // A Tekton target needs the source that reports its runs.
    expect(Object.keys(sources)).toHaveLength((kind === "status" ? 0 : 1) + (target === "tekton" ? 1 : 0));
  });

  it.each(senderSetups.map(({ kind }) => kind))(
    "without a target, the sender %s has a source alone, and check names it as unused",
    async (kind) => {
      const { findings, out } = await initHere(...sender(kind));
      const isSource = kind !== "status";
      expect(findings).toEqual(isSource ? ["warning unused-source"] : []);
      expect(out.includes("unused until a route is written")).toBe(isSource);
    },
  );

  it("the secrets are in files of this user alone, and on the screen only if that is asked for", async () => {
    const { code, out, err } = await init(...sender("gitlab"), ...sender("github"));
    expect([code, err]).toEqual([0, ""]);
    const secrets = await secretsIn();
    expect([...secrets.keys()].sort()).toEqual(["code", "platform-gitlab"]);
    expect(secrets.get("platform-gitlab")).toMatch(/^whsec_[\w+/]{43}=\n$/);
    expect(secrets.get("code")).toMatch(/^[\da-f]{64}\n$/);
    for (const [name, text] of secrets) {
      expect((await stat(join(home, ".drawbridge/secrets", name))).mode & 0o777).toBe(0o600);
      expect(out).not.toContain(text.trim());
      expect(out).toContain(`<the text of .drawbridge/secrets/${name}>`);
    }
    expect((await stat(join(home, ".drawbridge/secrets"))).mode & 0o777).toBe(0o700);
    expect((await readdir(home)).sort()).toEqual([".drawbridge", "drawbridge.yaml"]);
    await rm(join(home, "drawbridge.yaml"));
    const shown = await init(...sender("gitlab"), ...sender("github"), "--show-secrets");
    for (const text of secrets.values()) expect(shown.out).toContain(text.trim());
    expect(await secretsIn()).toEqual(secrets);
  });

  it("the line for editors names a schema that exists", async () => {
    await init(...sender("gitlab"));
    const [first = ""] = (await readFile(join(home, "drawbridge.yaml"), "utf8")).split("\n");
    const [, schema = ""] = /^# yaml-language-server: \$schema=(.+)$/.exec(first) ?? [];
    expect(JSON.parse(await readFile(schema, "utf8"))).toHaveProperty("properties.sources");
  });
});

describe("init beside what is there", () => {
  it("a file that exists is never changed, and nothing is written", async () => {
    await writeFile(join(home, "drawbridge.yaml"), "sources: {}\n");
    const { code, err } = await init(...sender("gitlab"));
    expect([code, err]).toEqual([2, expect.stringContaining("drawbridge.yaml exists, and init never changes a file")]);
    expect(await readFile(join(home, "drawbridge.yaml"), "utf8")).toBe("sources: {}\n");
    expect(await readdir(home)).toEqual(["drawbridge.yaml"]);
  });

  it("a link that leads nowhere is a file that exists: nothing is written, here or there", async () => {
    await symlink(join(home, "elsewhere.yaml"), join(home, "drawbridge.yaml"));
    const { code, err } = await init(...sender("gitlab"));
    expect([code, err]).toEqual([2, expect.stringContaining("drawbridge.yaml exists")]);
    expect(await readdir(home)).toEqual(["drawbridge.yaml"]);
  });

  it("the file that DRAWBRIDGE_CONFIG names is written, and the next commands read it", async () => {
    const printed: string[] = [];
    const path = join(home, "a b.yaml");
    const there = { DRAWBRIDGE_CONFIG: path };
    const host = commandHost({ environment: there, print: (text) => void printed.push(text) });
    const files = ["--bridge", BRIDGE, "--secrets", join(home, "$& secrets"), ...sender("gitlab")];
    const target = ["--target", "webhook", "--target-url", "https://hooks.example.com/x"];
    expect(await runCommand(["init", ...files, ...target], host)).toBe(0);
    expect(printed).toContain("  drawbridge check");
    expect(printed.join("\n")).toContain(`cat '${join(home, "$& secrets")}'/receiver `);
    expect(await runCommand(["check"], host)).toBe(0);
    const other = join(home, "other file.yaml");
    expect(await runCommand(["init", "--config", other, ...files], host)).toBe(0);
    expect(printed).toContain(`  drawbridge check --config '${other}'`);
    await expect(runCommand(["init", ...files], host)).rejects.toThrow("a b.yaml exists");
  });

  it("of several at once, one writes the file", async () => {
    const codes = await Promise.all([1, 2, 3].map(async () => (await init(...sender("gitlab"))).code));
    expect(codes.toSorted()).toEqual([0, 2, 2]);
    const { code } = await run("check");
    expect(code).toBe(0);
  });

  it("after a kill half way, the next one keeps the secrets that are whole and writes the others", async () => {
    const args = ["init", "--bridge", BRIDGE, ...sender("gitlab"), ...sender("github"), ...sender("buildkite")];
    const first = commandLine(args, { cwd: home });
    await until("a secret", async () => (await secretsIn()).size > 0);
    first.child.kill("SIGKILL");
    await first.ended;
    await rm(join(home, "drawbridge.yaml"), { force: true });
    const before = await secretsIn();
    // What a kill before the only write leaves.
    await writeFile(join(home, ".drawbridge/secrets/ci"), "", { mode: 0o600 });
    const { code, out } = await run(...args);
    expect(code).toBe(0);
    const after = await secretsIn();
    for (const [name, text] of before) if (text !== "" && name !== "ci") expect(after.get(name)).toBe(text);
    expect([...after.keys()].sort()).toEqual(["ci", "code", "platform-gitlab"]);
    expect(after.get("ci")).toMatch(/^[\da-f]{64}\n$/);
    expect(out).toMatch(/^kept: /m);
    expect((await run("check")).code).toBe(0);
  });

  it("a secret that others can read is not used", async () => {
    await mkdir(join(home, ".drawbridge/secrets"), { recursive: true });
    const path = join(home, ".drawbridge/secrets/platform-gitlab");
    await writeFile(path, "whsec_x\n");
    await chmod(path, 0o644);
    const { code, err } = await init(...sender("gitlab"));
    expect([code, err]).toEqual([2, expect.stringContaining("others can read")]);
    expect(await readdir(home)).toEqual([".drawbridge"]);
  });
});

describe("a kept secret", () => {
  it.each([
    ["gitlab", "platform-gitlab", "hunter2-and-a-text-that-is-long-enough"],
    ["gitlab", "platform-gitlab", "whsec_aHVudGVyMg=="],
    ["buildkite", "ci", "hunter2"],
  ])(
    "of %s in %s that check refuses is refused, its file is named, and a new one is made without it",
    async (kind, name, value) => {
      const folder = join(home, ".drawbridge/secrets");
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, name), `${value}\n`, { mode: 0o600 });
      const { code, err } = await init(...sender(kind), ...sender("github"));
      expect([code, err]).toEqual([
        2,
        expect.stringContaining(`.drawbridge/secrets/${name}, of an earlier init, cannot`),
      ]);
      expect(err).not.toContain(value);
      expect(err).not.toContain("secrets/code");
      expect(await readdir(home)).toEqual([".drawbridge"]);
      expect([...(await secretsIn()).keys()]).toEqual([name]);
      await rm(join(folder, name));
      expect((await init(...sender(kind), ...sender("github"))).code).toBe(0);
      expect((await run("check")).code).toBe(0);
    },
  );
});

describe("hostile answers", () => {
  it.each([
    [
      "an address with a password",
      ["--sender", "confluence-data-center", "--site", "https://kim:hunter2@wiki.example.com"],
    ],
    ["an address without TLS", ["--sender", "confluence-data-center", "--site", "http://wiki.example.com"]],
    [
      "a control character in an address",
      ["--sender", "confluence-data-center", "--site", "https://wiki.example.com/\u001b[31m"],
    ],
    ["a line of YAML in a list", ["--sender", "gitlab", "--projects", "a\nroutes: {}"]],
    ["a hidden character in a list", ["--sender", "gitlab", "--projects", "platform/\u202edocs"]],
    ["a colon in a slug", ["--sender", "buildkite", "--organization", "a: b"]],
    ["an empty list", ["--sender", "tekton", "--namespaces", " , "]],
    ["a path as the name of a source", ["--sender", "../../x=gitlab", "--projects", "a/b"]],
    ["a built-in member as the name of a source", ["--sender", "__proto__=gitlab", "--projects", "a/b"]],
    ["a reserved name of a source", ["--sender", "api=gitlab", "--projects", "a/b"]],
    ["an unknown sender", ["--sender", "hunter2"]],
    ["a control character in the audience", [...sender("status"), "--audience", "x\u001b[31m"]],
    ["a sender twice", ["--sender", "gitlab", "--sender", "x=gitlab", "--projects", "a/b"]],
    ["a missing answer", ["--sender", "gitlab"]],
    ["a shared issuer without a pin", ["--sender", "status", "--jobs-issuer", "https://gitlab.com"]],
    [
      "a target with a password",
      [...sender("gitlab"), "--target", "webhook", "--target-url", "https://kim:hunter2@x.example.com"],
    ],
    ["an unknown target", [...sender("gitlab"), "--target", "hunter2"]],
  ])("%s is refused before anything is written, and not repeated", async (_what, args) => {
    const host = commandHost();
    const files = ["--config", join(home, "drawbridge.yaml"), "--secrets", join(home, "secrets")];
    const error = await runCommand(["init", "--bridge", BRIDGE, ...files, ...args], host).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "usage_invalid" });
    for (const text of ["hunter2", "\u001b", "\u202e"]) expect(error.message).not.toContain(text);
    expect(await readdir(home)).toEqual([]);
  });

  it("a name that is no name of a source is the mistake, not the projects", async () => {
    const { code, err } = await init("--sender", "Wiki=gitlab", "--projects", "a/b");
    expect([code, err]).toEqual([2, expect.stringContaining('--sender is not valid; expected before the "="')]);
  });

  it.each([
    "https://kim:hunter2@bridge.example.com",
    "https://bridge.example.com/path",
    "http://bridge.example.com",
    "x",
  ])("the address %j of the bridge is refused", async (bridge) => {
    const { code, err } = await run("init", "--bridge", bridge, ...sender("gitlab"));
    expect([code, err]).toEqual([2, expect.stringContaining("--bridge is not valid; expected an https:// address")]);
    expect(err).not.toContain("hunter2");
    expect(await readdir(home)).toEqual([]);
  });
});

describe("init on a terminal", () => {
  /** Answers each question by the first text that it contains. */
  async function talk(answers: Readonly<Record<string, readonly string[]>>, args: readonly string[] = []) {
    const left = new Map(Object.entries(answers).map(([about, texts]) => [about, [...texts]]));
    const asked: string[] = [];
    const said: string[] = [];
    const printed: string[] = [];
    const openTerminal = () => ({
      ask: async (question: string) => {
        asked.push(question);
        const [, texts] = [...left].find(([about]) => question.includes(about)) ?? [];
        return texts?.shift() ?? "";
      },
      close: () => undefined,
    });
    const host = commandHost({
      print: (text) => void printed.push(text),
      warn: (text) => void said.push(text),
      openTerminal,
    });
    const files = ["--config", join(home, "drawbridge.yaml"), "--secrets", join(home, "secrets")];
    const code = await runCommand(["init", ...files, ...args], host);
    return { code, asked, said, out: printed.join("\n") };
  }

  it("it asks for what is missing, asks again after an answer that is not valid, and repeats no answer", async () => {
    const { code, asked, said } = await talk({
      "Address of the bridge": ["https://kim:hunter2@bridge.example.com", BRIDGE],
      "The senders": ["gitlab,nosuch", "Wiki=gitlab", "gitlab"],
      "GitLab projects": ["a b", "platform/*"],
      "first target": ["nosuch", "tekton"],
      "Namespaces of the cluster": ["ci"],
      "Address of the EventListener": ["https://el.example.com"],
    });
    expect(code).toBe(0);
    expect(asked.filter((question) => question.includes("Address of the bridge"))).toHaveLength(2);
    expect(asked.filter((question) => question.includes("The senders"))).toHaveLength(3);
    expect(said.join("\n")).not.toContain("hunter2");
    expect(said).toContain("The sender tekton is added: it reports the runs of the target.");
    const { sources, routes } = parse(await readFile(join(home, "drawbridge.yaml"), "utf8"));
    expect(Object.keys(sources)).toEqual(["platform-gitlab", "prod-cluster"]);
    expect(Object.keys(routes)).toEqual(["platform-gitlab"]);
    expect(asked.at(-1)).toBe("Start the bridge now? [y/N] ");
  });

  it("a command line that names the bridge and the senders is asked only for what is necessary", async () => {
    const named = ["--bridge", BRIDGE, ...sender("gitlab")];
    expect(await talk({}, named)).toMatchObject({ code: 0, asked: [] });
    await rm(join(home, "drawbridge.yaml"));
    const people = ["--people-issuer", "https://login.example.com"];
    const { code, asked } = await talk({ "The group": ["on-call"] }, [...named, ...people]);
    expect([code, asked]).toEqual([0, [expect.stringContaining("The group of the people on call")]]);
  });

  it("a bridge that nobody can operate says so, and one with people does not", async () => {
    const none = await talk({}, ["--bridge", BRIDGE, ...sender("gitlab"), ...sender("status")]);
    expect(none.out).toContain("Nobody can operate this bridge yet");
    await rm(join(home, "drawbridge.yaml"));
    const people = ["--people-issuer", "https://login.example.com", "--people-group", "on-call"];
    const some = await talk({}, ["--bridge", BRIDGE, ...sender("gitlab"), ...people]);
    expect(some.out).not.toContain("Nobody can operate");
  });

  it("a real terminal asks, keeps what was pasted before its question, and an input that ends writes nothing", async () => {
    const { drawbridge } = await sharedService("programs");
    const inTerminal = (lines: readonly string[]) =>
      new Promise<string>((resolve) => {
        const command = `${process.execPath} ${drawbridge} init`;
        const child = spawn("script", ["-qec", command, "/dev/null"], {
          cwd: home,
          env: { PATH: process.env["PATH"], TERM: "xterm" },
        });
        let out = "";
        child.stdout.on("data", (text) => {
          out += String(text);
        });
        child.once("close", () => resolve(out));
        child.stdin.end(lines.map((line) => `${line}\r`).join(""));
      });
    expect(await inTerminal([BRIDGE])).toContain("the input ended before the last question");
    expect(await readdir(home)).toEqual([]);
    const out = await inTerminal([BRIDGE, "gitlab", "platform/*", "", "", "n"]);
    expect(out).toContain("GitLab, source platform-gitlab");
    expect(await readdir(home)).toContain("drawbridge.yaml");
  }, 60_000);
});

describe("the commands of the documents", () => {
  it("those of docs/command-line.md write a configuration that is accepted without a warning", async () => {
    const [block = ""] = blocksOf(readText("docs/command-line.md"), "sh").filter((text) => text.includes("-- init"));
    const commands = block.replaceAll("\\\n", "").trim().split("\n");
    expect(commands.map((command) => command.split(" ").slice(0, 6).at(-1))).toEqual(["init", "check", "start"]);
    for (const command of commands.slice(0, 2)) {
      const { code, err } = await run(...command.split(/ +/).slice(5));
      expect([command, code, err]).toEqual([command, 0, ""]);
    }
  });

  it("those of the README are the beginning of these", async () => {
    const [block = ""] = blocksOf(readText("README.md"), "sh").filter((text) => text.includes("-- init"));
    const names = block
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[5]);
    expect(names).toEqual(["init", "start"]);
    // Without answers and without a terminal, it says what is missing.
    expect(await run("init")).toMatchObject({ code: 2, err: expect.stringContaining("--bridge is missing") });
  });
});

describe("from init to the first webhooks", () => {
  const FIXTURES = [
    ["confluence", "wiki", "page-updated"],
    ["gitlab", "platform-gitlab", "push"],
    ["github", "code", "push"],
    ["buildkite", "ci", "build-finished"],
    ["tekton", "prod-cluster", "pipelinerun-succeeded"],
  ] as const;

  it("the bridge says what it waits for, when each first webhook arrives, and after a kill only what is left", async () => {
    const job = { id: "job", secret: "a-secret-of-a-job-for-tests" };
    const identity = await startIdentityProvider({ clients: [job] });
    const kinds = ["confluence-data-center", "gitlab", "github", "buildkite", "tekton"].flatMap(sender);
    expect(
      await init(
        ...kinds,
        "--sender",
        "status",
        "--jobs-issuer",
        identity.issuer,
        "--target",
        "webhook",
        "--target-url",
        "https://hooks.example.com/x",
      ),
    ).toMatchObject({ code: 0, err: "" });
    expect((await run("check", "--strict")).code).toBe(0);

    const start = async () => {
      const bridge = commandLine(["start", "--port", "0"], { cwd: home });
      await bridge.printed('"message":"started"');
      const lines = (message: string) =>
        bridge.ran.out
          .split("\n")
          .filter((line) => line.includes(`"message":"${message}"`))
          .map((line): Readonly<Record<string, unknown>> => JSON.parse(line));
      const url = String(lines("started")[0]?.["url"]);
      const send = async (provider: string, event: string) =>
        (await run("send", provider, event, "--url", url)).out.slice(0, 3);
      const arrived = () => lines("the first webhook of a source arrived").map(({ source }) => source);
      const waiting = () => lines("waiting for the first webhook").map(({ sources }) => sources);
      return { bridge, lines, url, send, arrived, waiting };
    };

    const first = await start();
    expect(first.waiting()).toEqual(["wiki, platform-gitlab, code, ci, prod-cluster, status"]);
    expect(await first.send("gitlab", "push")).toBe("202");
    expect(await first.send("gitlab", "push")).toBe("200");
    await until("the first webhook", first.arrived, ({ length }) => length > 0);
    first.bridge.child.kill("SIGKILL");
    await first.bridge.ended;
    expect(first.arrived()).toEqual(["platform-gitlab"]);

    const second = await start();
    expect(second.waiting()).toEqual(["wiki, code, ci, prod-cluster, status"]);
    for (const [provider, , event] of FIXTURES) await second.send(provider, event);
    const answer = await fetch(new URL("/v1/status", second.url), {
      method: "POST",
      headers: {
        authorization: `Bearer ${await identity.token(job, BRIDGE)}`,
        "content-type": "application/json",
      },
      body: '{"state":"succeeded"}',
    });
    expect(answer.status).toBeLessThan(300);
    const others = [...FIXTURES.map(([, source]) => source).filter((source) => source !== "platform-gitlab"), "status"];
    await until("the others", second.arrived, ({ length }) => length >= others.length);
    second.bridge.child.kill("SIGTERM");
    await second.bridge.ended;
    expect(second.arrived()).toEqual(others);

    const third = await start();
    expect(third.waiting()).toEqual([]);
    third.bridge.child.kill("SIGTERM");
    await third.bridge.ended;
    await identity.close();
  }, 240_000);

  it("on a terminal it is said in words, also what is refused meanwhile", async () => {
    expect((await init(...sender("gitlab"), ...sender("github"))).code).toBe(0);
    const { drawbridge } = await sharedService("programs");
    const command = `exec ${process.execPath} ${drawbridge} start --port 0`;
    const child = spawn("script", ["-qefc", command, "/dev/null"], {
      cwd: home,
      env: { PATH: process.env["PATH"], TERM: "xterm" },
    });
    const ended = new Promise((resolve) => child.once("close", resolve));
    let out = "";
    child.stdout.on("data", (text) => {
      out += String(text);
    });
    const said = (text: string) =>
      until(
        text,
        () => out,
        (all) => all.includes(text),
      );
    await said("waiting for the first webhook of: platform-gitlab, code");
    await said(" started (url ");
    const [, url = ""] = / started \(url ([^,]+),/.exec(out) ?? [];
    const headers = { "content-type": "application/json", "x-hub-signature-256": `sha256=${"0".repeat(64)}` };
    for (let n = 0; n < 2; n += 1)
      await fetch(new URL("/webhooks/code", url), { method: "POST", headers, body: '{"ref":"refs/heads/main"}' });
    await said("refused for code: signature_mismatch, once. Compare the secret on both sides");
    await said("refused for code: signature_mismatch, 2 times");
    await run("send", "github", "push", "--url", url);
    await said("first webhook of code at ");
    expect(out).toMatch(/first webhook of code at \d\d:\d\d:\d\d, proved by hub-signature \(current\)/);
    child.kill("SIGTERM");
    await ended;
  }, 60_000);
});

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { whole } from "../unit/config/files.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LINES = readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));

const argumentsOf = (instruction: string): readonly string[] =>
  LINES.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1));

/** Sources and destination of a COPY. `stage` is undefined for files of the project. */
function copyOf(text: string) {
  const [first = "", ...others] = text.split(" ");
  const stage = /^--from=(.+)$/.exec(first)?.[1];
  const paths = stage === undefined ? [first, ...others] : others;
  return { stage, sources: paths.slice(0, -1), destination: paths.at(-1) ?? "" };
}

const run = promisify(execFile);
let home: string;
/** The root folder of the last stage. */
let image: string;

/** Executes the instructions without Docker: each stage is a folder. Development packages are those of the project. */
async function build(): Promise<string> {
  const stages = new Map<string, string>();
  let stage = "";
  let folder = "";
  for (const line of LINES) {
    const [instruction = ""] = line.split(" ", 1);
    const text = line.slice(instruction.length + 1);
    if (instruction === "FROM") {
      stage = join(home, `stage-${stages.size}`);
      stages.set(/ AS (\w+)$/.exec(text)?.[1] ?? "last", stage);
    } else if (instruction === "WORKDIR") {
      folder = join(stage, text);
      mkdirSync(folder, { recursive: true });
    } else if (instruction === "COPY") {
      const { stage: from, sources, destination } = copyOf(text);
      for (const source of sources) {
        const to = destination === "./" ? join(folder, source) : join(folder, destination);
        mkdirSync(dirname(to), { recursive: true });
        cpSync(join(from === undefined ? ROOT : (stages.get(from) ?? ""), source), to, { recursive: true });
      }
    } else if (instruction === "RUN" && text.startsWith("npm ci") && !text.includes("--omit=dev")) {
      symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    } else if (instruction === "RUN") {
      await run("sh", ["-c", text], { cwd: folder });
    }
  }
  return stage;
}

const entryPoint = (): string => {
  const [, entry = ""] = JSON.parse(argumentsOf("ENTRYPOINT")[0] ?? "[]");
  return join(image, entry);
};

/** Runs the entry point of the image in a folder. */
const command = (args: readonly string[], cwd: string) =>
  run(process.execPath, [entryPoint(), ...args], { cwd, env: { PATH: process.env["PATH"], WIKI_SECRET, WIKI_TOKEN } });

const WIKI_SECRET = "an invented secret of forty characters 1";
const WIKI_TOKEN = "an invented token of forty characters 12";

describe("deploy/Dockerfile", () => {
  it("every file of the project that it copies exists", () => {
    const sources = argumentsOf("COPY")
      .map(copyOf)
      .flatMap(({ stage, sources: paths }) => (stage ? [] : paths));
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
  });

  it("each stage has the exact version of Node.js that the project is built with", () => {
    const { engines } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const oldest = /\^(20\.\d+\.\d+)/.exec(engines.node)?.[1];
    const images = argumentsOf("FROM").map((text) => text.split(" ")[0]);
    expect(images).toEqual(images.map(() => `node:${oldest}-slim`));
  });

  it("it runs as no root, installs without scripts, and has no packages of development in its last stage", () => {
    expect(argumentsOf("USER")).toEqual(["1000:1000"]);
    const installs = argumentsOf("RUN").filter((text) => text.includes("npm ci"));
    expect(installs.filter((text) => !text.includes("--ignore-scripts"))).toEqual([]);
    expect(
      argumentsOf("COPY")
        .map(copyOf)
        .find(({ destination }) => destination === "node_modules")?.stage,
    ).toBe("packages");
    expect(installs.at(-1)).toContain("--omit=dev");
  });
});

describe("what it copies", () => {
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "drawbridge-image-"));
    image = await build();
  }, 300_000);
  afterAll(() => rm(home, { recursive: true, force: true }), 180_000);

  it("is enough for each part and for the check of a configuration, and none of it is changed", async () => {
    const before = await readdir(image, { recursive: true });
    const work = mkdtempSync(join(home, "work-"));
    writeFileSync(join(work, "drawbridge.yaml"), whole);
    expect((await command(["--version"], work)).stdout).toMatch(/\d+\.\d+\.\d+/);
    expect((await command(["check"], work)).stdout).toContain(": 0 errors,");
    for (const part of ["interceptor", "forwarder"])
      expect((await command(["start", "--as", part, "--help"], work)).stdout).toContain("--as <part>");
    for (const name of ["token", "passwords"])
      writeFileSync(join(work, name), "an invented text of forty characters 1234\n");
    const files = ["--token", "token", "--password", "passwords", "--data", "queue"];
    const source = ["--source", "http://127.0.0.1:9/webhooks/ci"];
    const args = [entryPoint(), "start", "--as", "forwarder", "--port", "0", ...source, ...files];
    const forwarder = spawn(process.execPath, args, { cwd: work, stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await Promise.race([once(forwarder.stdout, "data"), once(forwarder, "exit")]);
    expect(String(line)).toContain('"started"');
    forwarder.kill();
    await once(forwarder, "exit");
    expect(await readdir(image, { recursive: true })).toEqual(before);
    expect(before.filter((path) => path.includes("node_modules/typescript"))).toEqual([]);
  }, 180_000);
});

import { spawn, spawnSync } from "node:child_process";
import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";

export interface DynamoDbLocal {
  readonly port: number;
  stop(): Promise<void>;
}

/** The reason why DynamoDB Local cannot run on this machine, or undefined. */
export const whyNoDynamoDbLocal = (): string | undefined =>
  spawnSync("java", ["-version"]).status === 0 ? undefined : "there is no Java on this machine";

/** Starts DynamoDB Local in its own process. It does not support port 0, so random ports are tried. */
export async function startDynamoDbLocal(): Promise<DynamoDbLocal> {
  for (let tries = 0; tries < 10; tries++) {
    const started = await startOn(randomInt(FIRST_PORT, LAST_PORT));
    if (started !== undefined) return started;
  }
  throw new Error("DynamoDB Local did not start");
}

/** A client with its own database: DynamoDB Local separates the tables of each access key. */
export const dynamoDbLocalClient = (port: number): DynamoDBClient =>
  new DynamoDBClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: "local",
    credentials: { accessKeyId: randomBytes(10).toString("hex"), secretAccessKey: "local" },
  });

/** Below the ports that an operating system hands out for port 0. */
const [FIRST_PORT, LAST_PORT] = [20_000, 32_000];

const START_MS = 60_000;
const POLL_MS = 25;

async function startOn(port: number): Promise<DynamoDbLocal | undefined> {
  const simulator = createRequire(import.meta.url).resolve("amplify-dynamodb-simulator");
  const origin = `https://${randomUUID()}.example.test`;
  const java = spawn(
    "java",
    [
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-Djava.library.path=DynamoDBLocal_lib",
      "-jar",
      "DynamoDBLocal.jar",
      "-inMemory",
      "-disableTelemetry",
      "-cors",
      origin,
      "-port",
      String(port),
    ],
    { cwd: join(dirname(simulator), "emulator"), stdio: ["ignore", "ignore", "pipe"] },
  );
  const kill = (): boolean => java.kill();
  process.once("exit", kill);
  const exited = once(java, "exit");
  const stop = async (): Promise<void> => {
    process.off("exit", kill);
    kill();
    await exited;
  };
  let printed = "";
  java.stderr.on("data", (text) => {
    printed += String(text);
  });
  for (let waited = 0; waited < START_MS; waited += POLL_MS) {
    // Java keeps running without a port.
    if (printed.includes("Failed to bind") || java.exitCode !== null) break;
    if (await answersWith(origin, port)) return { port, stop };
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  await stop();
  return undefined;
}

/** True if the process that listens on the port is the one that was started with this origin. */
async function answersWith(origin: string, port: number): Promise<boolean> {
  try {
    const { headers } = await fetch(`http://127.0.0.1:${port}/`, { headers: { origin } });
    return headers.get("access-control-allow-origin") === origin;
  } catch {
    // Java takes a second or two until it listens.
    return false;
  }
}

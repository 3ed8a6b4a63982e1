import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One recorded request body of a sender, with the headers and the query that go with it. */
export interface Recorded {
  /** Folder and file, for people. */
  readonly name: string;
  readonly provider: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: string;
  /** The sender's name of the event. */
  readonly event: string;
  /** When the sender says it was sent; undefined if the recording does not say. */
  readonly sentAt?: string;
}

const JSON_BODY = { "content-type": "application/json" };

/** Every recorded webhook body below `root`. Other recordings (claims, headers, API responses) are left out. */
export function recordedDeliveries(root: string): readonly Recorded[] {
  return [
    ...indexed(root, "gitlab", "x-gitlab-event"),
    ...indexed(root, "buildkite", "x-buildkite-event"),
    ...confluence(root),
    ...tekton(root),
  ];
}

/** A recorded signature: the scheme's secret, the headers, and the exact text that was signed. */
export function signatureVector(root: string, provider: string, file: string) {
  const { secret, headers, body } = json(join(root, provider, file));
  return { secret: String(secret), headers: new Headers(headers), body: Buffer.from(String(body)) };
}

/** Folders whose `index.json` names each file's event; null, or a name in words, is not a webhook. */
function indexed(root: string, provider: string, header: string): Recorded[] {
  const entries: { file: string; event: string | null }[] = json(join(root, provider, "index.json"));
  const webhooks = entries.filter(({ file, event }) => event && !/headers|^eventbridge-|^signature-vector/.test(file));
  return webhooks.map(({ file, event }) => ({
    name: `${provider}/${file}`,
    provider,
    body: bytes(join(root, provider, file)),
    headers: { ...JSON_BODY, [header]: event ?? "" },
    query: "",
    event: event ?? "",
  }));
}

function confluence(root: string): Recorded[] {
  return ["dc", "cloud-connect", "forge"].flatMap((flavour) => {
    const folder = join(root, "confluence", flavour);
    const files = readdirSync(folder).filter((file) => file.endsWith(".json") && !file.includes("claims"));
    return files.map((file) => ({
      name: `confluence/${flavour}/${file}`,
      provider: "confluence",
      body: bytes(join(folder, file)),
      headers: JSON_BODY,
      // Connect names the event in the registered address. The files have the event's name.
      query: flavour === "cloud-connect" ? `?event=${file.replace(".json", "")}` : "",
      event: file.replace(".json", ""),
    }));
  });
}

/** Stored in structured mode. Tekton sends binary mode, so each event is read in both. */
function tekton(root: string): Recorded[] {
  const folder = join(root, "tekton", "cloudevents");
  const files = readdirSync(folder).filter((file) => /^(pipeline|task)run\..+\.json$/.test(file));
  return files.flatMap((file) => {
    const body = bytes(join(folder, file));
    const { data, ...attributes } = JSON.parse(Buffer.from(body).toString());
    const { type: event, time: sentAt } = attributes;
    const common = { provider: "tekton", query: "", event, sentAt };
    const ceHeaders = Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [`ce-${key}`, String(value)]),
    );
    const structured = { "content-type": "application/cloudevents+json" };
    return [
      { ...common, name: `tekton/${file} (structured)`, body, headers: structured },
      {
        ...common,
        name: `tekton/${file} (binary)`,
        body: Buffer.from(JSON.stringify(data)),
        headers: { ...JSON_BODY, ...ceHeaders },
      },
    ];
  });
}

const bytes = (file: string): Uint8Array => new Uint8Array(readFileSync(file));
const json = (file: string) => JSON.parse(readFileSync(file, "utf8"));

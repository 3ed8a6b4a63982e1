import * as v from "valibot";
import { Fault, type FaultCode } from "../host/fault.ts";
import { usageFault } from "./command.ts";
import { EXIT, exitCodeOfStatus } from "./exit-codes.ts";
import type { Session } from "./session.ts";
import { printable } from "./terminal-text.ts";

/** The schema of a response body. */
type Schema<T> = v.GenericSchema<unknown, T>;

interface PostContent {
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Sends a GET request to the bridge. Throws `target_unreachable` if no bridge responds or it is unavailable (502, 503 or
 * 504), `not_allowed` after 401 or 403, and `bridge_refused` after any other error.
 */
export const get = <T>(
  session: Session,
  path: string,
  schema: Schema<T>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<T> => request(session, path, schema, signal === undefined ? {} : { signal });

/** Sends a POST request to the bridge. Throws as {@link get} does. */
export const post = <T>(session: Session, path: string, schema: Schema<T>, content: PostContent): Promise<T> =>
  request(session, path, schema, postOf(content));

const postOf = ({ body, headers, signal }: PostContent): RequestInit => ({
  method: "POST",
  ...(signal !== undefined && { signal }),
  headers: { ...headers, "content-type": "application/json" },
  body: JSON.stringify(body),
});

async function request<T>(session: Session, path: string, schema: Schema<T>, init: RequestInit): Promise<T> {
  const { response, text } = await send(session, path, init);
  if (!response.ok) throw refused(response, text);
  return readAnswer(text, schema);
}

async function send(session: Session, path: string, init: RequestInit) {
  const address = new URL(path, session.url);
  // An id that consists of dots would lead to another call.
  if (address.pathname !== path.split("?", 1)[0]) throw usageFault('"." and ".." are no ids and no names');
  const headers = { ...init.headers, authorization: `Bearer ${await tokenOf(session)}` };
  // A redirect is not followed: it could lead the token, or the request, to another machine.
  const request: RequestInit = { ...init, headers, redirect: "manual" };
  const response = await fetch(address, request).catch(notAnswering(session.url));
  return { response, text: await response.text().catch(notAnswering(session.url)) };
}

/** Without a token the first thing to know is whether a bridge runs at all: a stopped one needs no token. */
async function tokenOf({ url, token }: Session): Promise<string> {
  try {
    return await token();
  } catch (error) {
    await fetch(new URL("/healthz", url), { redirect: "manual" }).catch(notAnswering(url));
    throw error;
  }
}

const refused = ({ status }: Response, text: string): Fault =>
  new Fault(codeOf(status), whyRefused(status, text), { retryable: false });

function codeOf(status: number): FaultCode {
  const exit = exitCodeOfStatus(status);
  if (exit === EXIT.notAllowed) return "not_allowed";
  return exit === EXIT.unreachable ? "target_unreachable" : "bridge_refused";
}

/** Parses the body of a response. Throws `bridge_refused` if it does not match the schema. */
export function readAnswer<T>(text: string, schema: Schema<T>): T {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (parsed.success) return parsed.output;
  const message = "the response is not valid; is this a bridge, and of the same version as this command?";
  throw new Fault("bridge_refused", message, { retryable: false });
}

/** Returns a handler for the failure of `fetch`, which throws `target_unreachable`. */
export const notAnswering =
  ({ origin }: URL) =>
  (cause: unknown): never => {
    const message = `no bridge answers at ${origin}: ${whyNot(cause)}; is it running, and is this its address?`;
    throw new Fault("target_unreachable", message, { retryable: true, cause });
  };

/** Returns only the system's error code: the message of an error from `fetch` may quote a header. */
function whyNot(error: unknown): string {
  if (error instanceof Fault) return error.message;
  const { cause } = error instanceof Error ? error : {};
  return cause instanceof Error && "code" in cause ? `the connection failed (${cause.code})` : "the connection failed";
}

/** Problem details of RFC 9457, as far as they are shown. */
const problem = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    title: v.optional(v.string()),
    detail: v.optional(v.string()),
    reason: v.optional(v.string()),
    instance: v.optional(v.string()),
  }),
);

function problemIn(text: string): Partial<v.InferOutput<typeof problem>> {
  const parsed = v.safeParse(problem, text);
  return parsed.success ? parsed.output : {};
}

/**
 * Describes an error response of the bridge, or of a proxy in front of it, in one line. The description has the request id,
 * by which the log can be searched.
 */
export function whyRefused(status: number, text: string): string {
  const { title = "no reason given", detail = title, reason, instance } = problemIn(text);
  const request = instance === undefined ? [] : [`request ${instance.replace(/^urn:uuid:/, "")}`];
  const facts = reason === undefined ? request : [reason, ...request];
  const known = facts.length === 0 ? "" : ` (${facts.join(", ")})`;
  return status === 401
    ? `the bridge does not accept your token${known}: see "drawbridge token explain"`
    : printable(`${status} ${detail}${known}`);
}

import { request as httpsRequest } from "node:https";

/** What the sink of an EventListener asks an interceptor. */
export interface SinkQuestion {
  readonly body: string;
  readonly header: Readonly<Record<string, readonly string[]>>;
  readonly interceptor_params?: Readonly<Record<string, unknown>>;
  readonly extensions?: object;
  readonly context?: { readonly event_url?: string; readonly event_id?: string; readonly trigger_id?: string };
}

export interface SinkAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Asks as the sink does: one POST over HTTPS that trusts only the CA of the ClusterInterceptor, with JSON as Go writes it,
 * and an answer that must be 200 (https://github.com/tektoncd/triggers/blob/v0.37.0/pkg/interceptors/interceptors.go).
 */
export const askAsSink = (url: URL, ca: string, question: SinkQuestion): Promise<SinkAnswer> =>
  postOver(url, ca, goJson(question));

export const postOver = (url: URL, ca: string, body: string): Promise<SinkAnswer> =>
  send(url, ca, { method: "POST", body });

export const getOver = (url: URL, ca: string): Promise<SinkAnswer> => send(url, ca, { method: "GET" });

/** Go's encoder escapes these characters (https://pkg.go.dev/encoding/json#Marshal). */
export const goJson = (value: object): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

const send = (
  url: URL,
  ca: string,
  { method, body }: { readonly method: string; readonly body?: string },
): Promise<SinkAnswer> =>
  new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "user-agent": "Go-http-client/1.1" };
    httpsRequest(url, { method, ca, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
    })
      .once("error", reject)
      .end(body);
  });

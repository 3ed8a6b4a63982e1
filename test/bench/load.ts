import autocannon, { type Options } from "autocannon";

export interface Load {
  readonly url: URL;
  /** Called for each request. */
  readonly hook: () => Hook;
  readonly connections: number;
  /** Duration or number of requests. */
  readonly until: { readonly seconds: number } | { readonly requests: number };
}

export interface Hook {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

interface Loaded {
  readonly requests: number;
  readonly seconds: number;
}

/** Posts over that many connections, each of which waits for its response. Throws unless every response is 2xx. */
export async function load({ url, hook, connections, until }: Load): Promise<Loaded> {
  const extent: Pick<Options, "duration" | "amount"> =
    "seconds" in until ? { duration: until.seconds } : { amount: until.requests };
  const result = await autocannon({
    url: url.href,
    connections,
    sampleInt: 20,
    requests: [{ method: "POST", ...hook(), setupRequest: (request) => ({ ...request, ...hook() }) }],
    ...extent,
  });
  const { non2xx, errors, timeouts, duration } = result;
  if (non2xx + errors + timeouts > 0) {
    throw new Error(
      `${url.pathname}: ${non2xx} answers other than 2xx, ${errors} errors, ${timeouts} without an answer`,
    );
  }
  return { requests: result["2xx"], seconds: duration };
}

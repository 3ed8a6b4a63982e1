/** The part of autocannon that the measures use; the package carries no types. */
declare module "autocannon" {
  interface Request {
    readonly method: string;
    readonly body: Buffer;
    readonly headers: Readonly<Record<string, string>>;
  }

  interface Options {
    readonly url: string;
    readonly connections: number;
    /** Seconds. */
    readonly duration?: number;
    /** Requests in all; then `duration` does not count. */
    readonly amount?: number;
    /** Milliseconds between two looks at whether the end has come. */
    readonly sampleInt: number;
    readonly requests: readonly (Request & { readonly setupRequest?: (request: Request) => Request })[];
  }

  interface Result {
    readonly "2xx": number;
    readonly non2xx: number;
    readonly errors: number;
    readonly timeouts: number;
    /** Seconds, to the hundredth. */
    readonly duration: number;
  }

  export default function autocannon(options: Options): Promise<Result>;
}

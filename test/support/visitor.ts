/**
 * A browser as servers see one: cookies for each host, redirects followed,
 * and the headers that say where a request comes from.
 */
export class Visitor {
  readonly #cookies = new Map<string, string>();
  /** The last page's address. */
  url = new URL("about:blank");

  /** Opens an address as a link or the address bar does. */
  async go(to: URL | string): Promise<Shown> {
    return this.#follow(new URL(to, this.url), { method: "GET" });
  }

  /** Sends a form from the open page. `headers` replace those of a browser. */
  async post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Shown> {
    const own = { origin: this.url.origin, "sec-fetch-site": "same-origin", ...headers };
    const body = new URLSearchParams(fields).toString();
    const type = "application/x-www-form-urlencoded";
    return this.#follow(new URL(path, this.url), { method: "POST", body, headers: { "content-type": type, ...own } });
  }

  /** Sends one request without following redirects. */
  async ask(url: URL, { headers, ...request }: RequestInit = {}): Promise<Response> {
    const cookie = [...this.#cookies].map((pair) => pair.join("=")).join("; ");
    const answer = await fetch(url, { ...request, headers: { ...headers, cookie }, redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) this.#keep(line);
    return answer;
  }

  /** The stored cookies. All hosts of a test are one loopback address, as for a browser. */
  get cookies(): ReadonlyMap<string, string> {
    return this.#cookies;
  }

  setCookie(name: string, value: string): void {
    this.#cookies.set(name, value);
  }

  #keep(line: string): void {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    const isOver = value === "" || /max-age=0/i.test(line) || /expires=Thu, 01 Jan 1970/i.test(line);
    if (isOver) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }

  async #follow(url: URL, request: RequestInit): Promise<Shown> {
    const answer = await this.ask(url, request);
    const location = answer.headers.get("location");
    if (location !== null) return this.#follow(new URL(location, url), { method: "GET" });
    this.url = url;
    return { url, status: answer.status, headers: answer.headers, text: await answer.text() };
  }
}

export interface Shown {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The value of a form's field. */
export function fieldIn({ text }: Shown, name: string): string {
  const [, value] = new RegExp(`name="${name}" value="([^"]*)"`).exec(text) ?? [];
  if (value === undefined) throw new Error(`there is no field "${name}"`);
  return value;
}

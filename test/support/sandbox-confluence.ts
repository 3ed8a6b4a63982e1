import { createHmac } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { systemClock } from "../../shared/host/clock.ts";
import { serveOnLoopback } from "./loopback.ts";
import { adfAsSavedByEditor } from "./sandbox-confluence-adf.ts";
import type { CommentSeed, SandboxComment } from "./sandbox-confluence-comments.ts";
import { asSavedByEditor } from "./sandbox-confluence-markup.ts";
import { cloudDialect, dataCenterDialect, restApp } from "./sandbox-confluence-rest.ts";
import {
  type Failure,
  latest,
  type PageSeed,
  PERSON,
  type RefusesWrite,
  type SandboxPage,
  SandboxSite,
  type SandboxVersion,
} from "./sandbox-confluence-site.ts";
import { ROBIN, type SandboxCredentials, type SandboxUser } from "./sandbox-confluence-users.ts";
import { viewApp } from "./sandbox-confluence-view.ts";

export interface SandboxConfluenceOptions {
  /** Default: both. */
  readonly product?: "cloud" | "data-center" | "both";
  /** Default: page 98310, "Release 4", in space ENG, which also gives the defaults of a seed. */
  readonly pages?: readonly PageSeed[];
  /** Default: any free port. */
  readonly port?: number;
  /** Receives a person's edits and comments in the form of Data Center's webhooks. */
  readonly webhook?: SandboxWebhook;
}

interface SandboxWebhook {
  readonly url: URL;
  readonly secret: string;
  /** Reports writes by REST too, as Confluence does, to prove that the bridge's own writes start nothing. */
  readonly sendsOwnWrites?: boolean;
  /** Called with each event that the bridge did not accept, and the status of its response; 0 without one. */
  readonly onDropped?: (event: string, status: number) => void;
}

export interface SandboxConfluence {
  readonly credentials: SandboxCredentials;
  /** Base address of a product's site, as a target names it. */
  site(product: "cloud" | "data-center"): string;
  /** The address at which a person opens a page. */
  pageUrl(id: string): URL;
  page(id: string): SandboxPage & { readonly latest: SandboxVersion };
  /** A person's change of the page's place, labels, state or history, which makes no version. */
  change(id: string, change: Partial<Pick<SandboxPage, "space" | "labels" | "status" | "versions">>): void;
  /** A person's edit: adds a version, whatever the current number is. */
  humanEdit(id: string, change: (body: string) => string): void;
  /** A person opens the page in the editor and saves it without a change. */
  editorSave(id: string): void;
  /** The writes by which Confluence converted a whole page, because they were in another format than the page. */
  conversions(): readonly string[];
  /** Adds a person's comment and reports it as an edit is. Returns its id. */
  comment(page: string, body: string, seed?: CommentSeed): Promise<string>;
  /** Adds a version to the comment, without a webhook. */
  editComment(id: string, body: string, author?: string): void;
  /** Makes the next call of that method fail. Several failures are queued. */
  failNext(failure: Failure): void;
  /** From now on the site refuses the writes for which this gives a status. */
  refuseWrites(refuses: RefusesWrite): void;
  /** The replies to a comment, oldest first. */
  repliesTo(id: string): readonly SandboxComment[];
  /** A person archives the page, moves it to the trash, or restores it. */
  setStatus(id: string, status: "current" | "archived" | "trashed"): void;
  /** Runs after the next write was read, before its version is compared. */
  beforeNextWrite(run: () => void): void;
  close(): Promise<void>;
}

/**
 * A Confluence small enough to start in every test, and to play with: the REST calls that the bridge makes, as both
 * products speak them, with their rule of versions and their rewriting of markup, and the page as people see it.
 */
export async function startSandboxConfluence(options: SandboxConfluenceOptions = {}): Promise<SandboxConfluence> {
  const { product = "both", pages = [{}], port = 0, webhook } = options;
  const site = new SandboxSite(pages);
  const sender = webhookSender(webhook);
  const app = new Hono<{ Bindings: HttpBindings }>();
  const onWrite = (page: SandboxPage, { userKey }: SandboxUser) => {
    if (webhook?.sendsOwnWrites) void sender.edited(page, userKey);
  };
  const onReply = (made: SandboxComment) => {
    if (webhook?.sendsOwnWrites) void sender.commented(made);
  };
  const rest = { site, credentials: CREDENTIALS, onWrite, onReply };
  if (product !== "data-center") app.route("/", restApp({ ...rest, dialect: cloudDialect }));
  if (product !== "cloud") app.route("/", restApp({ ...rest, dialect: dataCenterDialect }));
  const comment = async (page: string, body: string, seed?: CommentSeed): Promise<string> => {
    const made = site.comments.add(page, body, seed);
    await sender.commented(made);
    return made.id;
  };
  const edited = (page: SandboxPage) => sender.edited(page, ROBIN.userKey);
  app.route("/", viewApp({ site, edited, comment, lastSent: sender.last }));
  const { url, close } = await serveOnLoopback(app, port);
  return { ...controls(site, url.origin), comment, credentials: CREDENTIALS, close };
}

function controls(site: SandboxSite, origin: string): Omit<SandboxConfluence, "comment" | "credentials" | "close"> {
  const found = (id: string): SandboxPage => {
    const page = site.page(id);
    if (!page) throw new Error(`the sandbox has no page ${id}`);
    return page;
  };
  const humanEdit = (id: string, change: (body: string) => string): void => {
    const { number, title, body } = latest(found(id));
    const written = site.write(found(id), { number: number + 1, title, body: change(body), message: "", by: PERSON });
    if (written.kind === "refused") throw new Error(`the edit cannot be stored: ${written.problem}`);
  };
  return {
    site: (product) => (product === "cloud" ? `${origin}/wiki` : origin),
    pageUrl: (id) => new URL(`/wiki/spaces/${found(id).space}/pages/${id}`, origin),
    page: (id) => ({ ...found(id), latest: latest(found(id)) }),
    change: (id, change) => void Object.assign(found(id), change),
    humanEdit,
    editorSave: (id) => humanEdit(id, found(id).editor === "v2" ? adfAsSavedByEditor : asSavedByEditor),
    conversions: () => site.conversions,
    editComment: (...given) => site.comments.edit(...given),
    repliesTo: (id) => site.comments.all().filter(({ parent }) => parent === id),
    failNext: (failure) => site.failNext(failure),
    refuseWrites: (refuses) => site.refuseWrites(refuses),
    setStatus: (id, status) => {
      found(id).status = status;
    },
    beforeNextWrite: (run) => site.beforeNextWrite(run),
  };
}

/** Valid only for this sandbox. */
const CREDENTIALS: SandboxCredentials = {
  user: "drawbridge@example.test",
  token: "sandbox-token",
  bearer: "sandbox-bearer-of-the-bridge",
  personsBearer: "sandbox-bearer-of-robin",
};

interface WebhookSender {
  edited(page: SandboxPage, userKey: string): Promise<void>;
  commented(comment: SandboxComment): Promise<void>;
  last(): string;
}

/** Data Center's webhook: ids only, signed over its bytes (https://developer.atlassian.com/server/confluence/webhooks/). */
function webhookSender(webhook: SandboxWebhook | undefined): WebhookSender {
  let last = "";
  let sentAt = 0;
  const send = async (what: string, about: Readonly<Record<string, unknown>> & { readonly event: string }) => {
    if (!webhook) return;
    // Nothing else distinguishes two edits of a page: the webhook names no version.
    sentAt = Math.max(systemClock.now(), sentAt + 1);
    const body = JSON.stringify({ timestamp: sentAt, ...about });
    const signature = `sha256=${createHmac("sha256", webhook.secret).update(body).digest("hex")}`;
    const headers = { "content-type": "application/json", "x-hub-signature": signature };
    const status = await fetch(webhook.url, { method: "POST", headers, body }).then(
      (answer) => answer.status,
      () => 0,
    );
    last = status
      ? `${what} was reported to the bridge, which answered ${status}.`
      : `${what} was not reported: the bridge did not answer.`;
    if (status < 200 || status > 299) webhook.onDropped?.(about.event, status);
  };
  return {
    last: () => last,
    edited: (page, userKey) => {
      const about = { event: "page_updated", userKey, page: { id: Number(page.id) }, updateTrigger: "edit_page" };
      return send(`Version ${latest(page).number}`, about);
    },
    commented: ({ id, author: userKey }) =>
      send(`Comment ${id}`, { event: "comment_created", userKey, comment: { id: Number(id) } }),
  };
}

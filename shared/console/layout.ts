import { html } from "hono/html";
import { formTokenField } from "./csrf.ts";
import { type Html, NOTHING } from "./html.ts";
import { hintOnPage } from "./problem-words.ts";
import type { Page, Problem, Visit, WaitingApprovals } from "./visit.ts";

const APPROVALS_PATH = "/console/approvals";

/** Each page with who may read it. The API decides again. */
const MENU: readonly (readonly [path: string, name: string, isFor: (visit: Visit) => boolean])[] = [
  ["/console", "Home", ({ mayReadDeliveries }) => mayReadDeliveries],
  ["/console/deliveries", "Deliveries", ({ mayReadDeliveries }) => mayReadDeliveries],
  ["/console/replays", "Replays", ({ mayReadDeliveries }) => mayReadDeliveries],
  ["/console/threads", "Threads", ({ mayReadDeliveries }) => mayReadDeliveries],
  [APPROVALS_PATH, "Approvals", () => true],
  ["/console/access", "Access", ({ hasAccess }) => hasAccess],
  ["/console/orders", "Orders", () => true],
  ["/console/rollbacks", "Roll back", ({ routes, may }) => routes.some((route) => may("replay", route, "anything"))],
  [
    "/console/promotions",
    "Promote",
    ({ promotions, may }) => promotions.some(({ route }) => may("promote", route, "anything")),
  ],
  ["/console/targets", "Targets", ({ mayReadBridge }) => mayReadBridge],
  ["/console/credentials", "Credentials", ({ mayReadBridge }) => mayReadBridge],
];

/** The first page that a person may read: everybody may read approvals and orders, each those of their own roles. */
export const firstPageFor = (visit: Visit): string =>
  MENU.find(([, , isFor]) => isFor(visit))?.[0] ?? "/console/orders";

/** A whole page. `visit` is undefined if nobody is signed in, and `waiting` if it is not known what waits for the person. */
export function layout({ title, main, refreshSeconds }: Page, visit?: Visit, waiting?: WaitingApprovals): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Drawbridge</title>
<link rel="icon" href="/console/icon.svg">
<link rel="stylesheet" href="/console/style.css">
${visit === undefined ? NOTHING : html`<script src="/console/live.js" defer></script>`}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><a class="brand" href="/console">Drawbridge</a>${visit ? menuOf(visit, waiting) : NOTHING}</header>
<main id="main" ${refreshSeconds === undefined ? NOTHING : html`data-refresh-seconds="${refreshSeconds}"`}>
<h1>${title}</h1>
${main}
</main>
<p id="live" class="live" role="status"></p>
</body>
</html>`;
}

/** On a phone the bar is one line: the pages are behind a link to them, and who is signed in behind one word. */
function menuOf(visit: Visit, waiting: WaitingApprovals | undefined): Html {
  const { url, me, name, formToken } = visit;
  return html`<a class="menu" href="#pages">Menu${countOf(waiting)}</a><nav id="pages" aria-label="Pages">${MENU.filter(
    ([, , isFor]) => isFor(visit),
  ).map(
    ([path, name]) =>
      html`<a href="${path}" ${isAt(path, url) ? html`aria-current="page"` : NOTHING}>${name}${path === APPROVALS_PATH ? countOf(waiting) : NOTHING}</a>`,
  )}</nav>
<details class="me"><summary>${name}</summary>
<form method="post" action="/console/sign-out">
<span><b>${me.subject}</b> of ${me.issuer}</span>
<span>${me.roles.length > 0 ? `Roles: ${me.roles.join(", ")}` : "No role"}</span>
${formTokenField(formToken)}<button class="plain">Sign out</button>
<button class="plain" name="everywhere" value="yes">Sign out everywhere</button></form></details>`;
}

function countOf(waiting: WaitingApprovals | undefined): Html {
  const count = waiting === undefined ? 0 : waiting.approvals.length + waiting.roleRequests;
  if (count === 0) return NOTHING;
  return html` <span class="count">${count}${waiting?.hasMore ? "+" : ""}<span class="hidden"> waiting for you</span></span>`;
}

const isAt = (path: string, { pathname }: URL): boolean =>
  pathname === path || (path !== "/console" && pathname.startsWith(`${path}/`));

/** A rejection or a fault as a page, with the title of the API. `visit`: undefined if nobody is signed in. */
export function problemPage({ status, title, reason, instance }: Problem, visit?: Visit): Page {
  const request = instance?.replace("urn:uuid:", "");
  return {
    title: titleOf({ status, title, reason }),
    main: html`<div class="problem">
${status === 401 ? NOT_SIGNED_IN : NOTHING}
${status === 403 && reason === "role_missing" && visit !== undefined ? roleText(visit) : NOTHING}
${reason === "query_invalid" ? wrongValue(title, visit) : NOTHING}
${status === 404 ? NOT_THERE : hintOnPage(reason)}
<p class="aside">Status ${status}${reason === undefined ? NOTHING : html`: <code>${reason}</code>`}${
      request === undefined ? NOTHING : html`. The log line has <code>request</code> <code>${request}</code>`
    }.</p>
</div>`,
  };
}

function titleOf({ status, title, reason }: Pick<Problem, "status" | "title" | "reason">): string {
  if (status === 401) return "You are not signed in";
  return reason === "query_invalid" ? "A value in the address or in a field does not fit" : title;
}

/** `title` names the value, as the API calls it, and what it must be. */
const wrongValue = (title: string, visit: Visit | undefined): Html => html`<p>${title}.</p>
<p><b>What to do:</b> go back and correct it${visit === undefined ? NOTHING : html`, or <a href="${visit.url.pathname}">open the page without it</a>`}.</p>`;

const roleText = ({ name, me, hasAccess }: Visit): Html =>
  html`<p>You are signed in as <b>${name}</b>, ${me.roles.length === 0 ? "without a role" : html`with the role ${me.roles.join(", ")}`}.
Nothing was done. The menu has what your roles allow.</p>
<p><b>What to do:</b> ${hasAccess ? html`<a href="/console/access">request a role for a time</a>, or ` : NOTHING}ask the people who keep the configuration of this bridge, and send them this page. Roles come from the
claims of your token: they give one to you, or to a group that you are in. Then sign out and in again.</p>`;

const NOT_THERE = html`<p>It does not exist, it has expired, or your roles do not show it. Check the address, or look for it in the
<a href="/console/deliveries">deliveries</a>.</p>`;

/** The next sign-in makes the issuer authenticate the person again, even if the issuer has a session. */
export const SIGNED_OUT: Page = {
  title: "You have signed out",
  main: html`<p><a class="button" href="/console/sign-in?anew">Sign in</a></p>`,
};

const NOT_SIGNED_IN = html`<p>You are not signed in, your session has ended, or the bridge no longer accepts its token. The
log of the bridge has the reason. Nothing was done.</p>
<p><a class="button" href="/console/sign-in">Sign in</a></p>`;

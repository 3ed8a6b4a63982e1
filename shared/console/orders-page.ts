import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import type { ListedOrders, OrderedRoute, OrderPreview, PlacedOrder, ShownOrder } from "../http/orders.ts";
import type { InputShape } from "../identity/order.ts";
import { formTokenField } from "./csrf.ts";
import { badge, facts, type Html, NOTHING } from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** Two steps: an order with its inputs, and what it would run, to confirm. The first is a form without an effect. */
export async function ordersPage(visit: Visit): Promise<ApiResult<Page>> {
  const listed = await visit.ask<ListedOrders>("/v1/orders");
  if (!listed.ok) return listed;
  const { orders } = listed.value;
  const none = html`<p class="empty">Your roles do not let you place any order.</p>`;
  return pageOf(html`${INTRODUCTION}${orders.length === 0 ? none : orders.map((one) => card(one, visit))}`);
}

const pageOf = (main: Html): ApiResult<Page> => ({ ok: true, value: { title: "Orders", main } });

const INTRODUCTION = html`<p>An order starts what the configuration leads it to, in your name. You see what it would run before
you place it.</p>`;

const card = ({ order, description, inputs }: ShownOrder, { formToken }: Visit): Html =>
  html`<article class="card" aria-labelledby="order-${order}">
<h2 id="order-${order}">${order}</h2>
${description === undefined ? NOTHING : html`<p>${description}</p>`}
<form class="order" method="post" action="/console/orders/${order}/preview">${formTokenField(formToken)}
${inputs.map((one) => html`<label>${one.name} ${fieldOf(one)}</label>${helpOf(one)}`)}
<button class="plain">See what would run</button></form>
</article>`;

function fieldOf(input: InputShape): Html {
  const name = `${INPUT}${input.name}`;
  if (input.kind === "choice")
    return html`<select name="${name}" required>${input.choices.map((one) => html`<option>${one}</option>`)}</select>`;
  const length = input.kind === "pattern" ? input.maxLength : 250;
  return html`<input name="${name}" required maxlength="${length}" autocomplete="off">`;
}

function helpOf(input: InputShape): Html {
  const text = input.description ?? formText(input);
  return text === undefined ? NOTHING : html`<p class="aside">${text}</p>`;
}

function formText(input: InputShape): string | undefined {
  switch (input.kind) {
    case "choice":
      return undefined;
    case "pattern":
      return `Of the form ${input.pattern}`;
    case "page":
      return `The id of a page of ${input.target}`;
    case "ref":
      return input.of === "commit" ? "The whole id of a commit" : `The name of a ${input.of}`;
  }
}

/** Before the name of an input, so that no input has the name of another field. */
const INPUT = "input.";

const inputsIn = (form: URLSearchParams): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...form].flatMap(([name, value]) => (name.startsWith(INPUT) ? [[name.slice(INPUT.length), value.trim()]] : [])),
  );

/** What the order would run, to confirm. */
export async function previewOrderPage(visit: Visit, form: URLSearchParams, order: string): Promise<ApiResult<Page>> {
  const inputs = inputsIn(form);
  const path = `/v1/orders/${encodeURIComponent(order)}/preview`;
  const preview = await visit.ask<OrderPreview>(path, { body: { inputs }, key: "preview" });
  if (!preview.ok) return preview;
  const { routes } = preview.value;
  const field = (name: string, value: string): Html => html`<input type="hidden" name="${name}" value="${value}">`;
  const nothing = html`<p class="notice warn">No route matches: it would be recorded, and nothing would run.</p>`;
  return pageOf(html`<article class="card" aria-labelledby="confirm">
<h2 id="confirm">Place ${order}?</h2>
${facts([...Object.entries(inputs), ["By", visit.name]])}
${routes.length === 0 ? nothing : html`<ul>${routes.map((one) => html`<li>${routeText(one)}</li>`)}</ul>`}
<form class="decide" method="post" action="/console/orders/${order}">${formTokenField(visit.formToken)}${field("key", randomUUID())}
${Object.entries(inputs).map(([name, value]) => field(`${INPUT}${name}`, value))}
<button>Place the order</button> <a href="/console/orders">Change it</a></form>
</article>`);
}

function routeText({ route, target, approval, problem }: OrderedRoute): Html {
  const what = html`<strong>${route}</strong> at ${target}`;
  if (problem !== undefined) return html`${what}: ${badge("bad", problem)}`;
  if (approval === undefined) return html`${what}: runs at once`;
  const { people, roles } = approval;
  const who = roles.join(" or ") || "nobody: no role may approve it";
  return html`${what}: ${badge("warn", "needs an approval")} of ${people}, by ${who}, and not by you alone`;
}

/** Places the order. Returns the path of the next page. */
export async function placeOrderForm(visit: Visit, form: URLSearchParams, order: string): Promise<ApiResult<string>> {
  const post = { body: { inputs: inputsIn(form) }, key: form.get("key") ?? "" };
  const placed = await visit.ask<PlacedOrder>(`/v1/orders/${encodeURIComponent(order)}`, post);
  if (!placed.ok) return placed;
  // Who may not read deliveries cannot see the page of one.
  return {
    ok: true,
    value: visit.mayReadDeliveries ? `/console/deliveries/${placed.value.delivery}` : "/console/orders",
  };
}

import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import { neededText } from "../approvals/needed-approval.ts";
import type { ListedOrders, OrderedRoute, OrderPreview, PlacedOrder, ShownOrder } from "../http/orders.ts";
import { problemOf } from "../http/problem-of.ts";
import { expectedOf, INERT, type InputShape } from "../model/order-input.ts";
import { formTokenField } from "./csrf.ts";
import { badge, facts, type Html, inCode, NOTHING } from "./html.ts";
import type { ApiResult, Page, Problem, Visit } from "./visit.ts";

/** Two steps: an order with its inputs, and what it would run, to confirm. The first is a form without an effect. */
export async function ordersPage(visit: Visit): Promise<ApiResult<Page>> {
  const listed = await visit.ask<ListedOrders>("/v1/orders");
  if (!listed.ok) return listed;
  const { orders } = listed.value;
  const none = html`<p class="empty">There is no order that you may place.</p>`;
  return pageOf(
    html`${INTRODUCTION}${orders.length === 0 ? none : orders.map((one) => card(one, visit, { inputs: {} }))}`,
  );
}

/** The form of one order. */
export const orderPage = (visit: Visit, order: string): Promise<ApiResult<Page>> =>
  formPage(visit, order, { inputs: {} });

type Inputs = Readonly<Record<string, string>>;

interface Filled {
  /** What the fields hold. */
  readonly inputs: Inputs;
  /** Why the API rejected them. */
  readonly problem?: Problem;
}

async function formPage(visit: Visit, order: string, filled: Filled): Promise<ApiResult<Page>> {
  const listed = await visit.ask<ListedOrders>("/v1/orders");
  if (!listed.ok) return listed;
  const shown = listed.value.orders.find((one) => one.order === order);
  if (shown === undefined) return { ok: false, problem: filled.problem ?? problemOf({ reason: "order_unknown" }) };
  return pageOf(html`${INTRODUCTION}${card(shown, visit, filled)}<p><a href="/console/orders">All orders</a></p>`);
}

/** What the person can mend in the form. */
const isAboutInputs = ({ reason }: Problem): boolean => reason === "input_invalid" || reason === "order_confined";

const pageOf = (main: Html): ApiResult<Page> => ({ ok: true, value: { title: "Orders", main } });

const INTRODUCTION = html`<p>An order starts what the configuration leads it to, in your name. You see what it would run before
you place it.</p>`;

function card(
  { order, description, inputs }: ShownOrder,
  { formToken }: Visit,
  { inputs: values, problem }: Filled,
): Html {
  const wrong = inputs.find(({ name }) => name === problem?.input);
  const why = problem && html`<p class="notice bad" id="problem" role="alert">${withCode(problem.title)}</p>`;
  return html`<article class="card" aria-labelledby="order-${order}">
<h2 id="order-${order}">${order}</h2>
${description === undefined ? NOTHING : html`<p>${description}</p>`}
<form class="order" method="post" action="/console/orders/${order}/preview">${formTokenField(formToken)}
${wrong === undefined ? (why ?? NOTHING) : NOTHING}
${inputs.map(
  (one) =>
    html`<label>${one.name} ${fieldOf(one, values[one.name], { isWrong: one === wrong })}</label>${one === wrong ? why : helpOf(one)}`,
)}
<button class="plain">See what would run</button></form>
</article>`;
}

function fieldOf(input: InputShape, value: string | undefined, { isWrong }: { readonly isWrong: boolean }): Html {
  const attributes = html`name="${INPUT}${input.name}" required${isWrong ? html` aria-invalid="true" aria-describedby="problem" autofocus` : NOTHING}`;
  if (input.kind === "choice")
    return html`<select ${attributes}>${input.choices.map((one) => html`<option${one === value ? html` selected` : NOTHING}>${one}</option>`)}</select>`;
  const length = input.kind === "pattern" ? input.maxLength : 250;
  return html`<input ${attributes} value="${value ?? ""}" maxlength="${length}" autocomplete="off">`;
}

function helpOf(input: InputShape): Html {
  if (input.description !== undefined) return html`<p class="aside">${input.description}</p>`;
  return input.kind === "choice" ? NOTHING : html`<p class="aside">It is ${withCode(expectedOf(input))}</p>`;
}

/** Only the backticks of the bridge's own words become code: a pattern is the configuration's. */
const withCode = (text: string): readonly Html[] =>
  text.split(INERT).map((part, at) => html`${at === 0 ? NOTHING : inCode(INERT)}${part}`);

/** Before the name of an input, so that no input has the name of another field. */
const INPUT = "input.";

const inputsIn = (form: URLSearchParams): Inputs =>
  Object.fromEntries(
    [...form].flatMap(([name, value]) => (name.startsWith(INPUT) ? [[name.slice(INPUT.length), value.trim()]] : [])),
  );

/** What the order would run, to confirm; or its form again, if the inputs are wrong or the person wants to change them. */
export async function previewOrderPage(visit: Visit, form: URLSearchParams, order: string): Promise<ApiResult<Page>> {
  const inputs = inputsIn(form);
  if (form.has("change")) return formPage(visit, order, { inputs });
  const path = `/v1/orders/${encodeURIComponent(order)}/preview`;
  const preview = await visit.ask<OrderPreview>(path, { body: { inputs }, key: "preview" });
  if (!preview.ok) {
    const { problem } = preview;
    return isAboutInputs(problem) ? formPage(visit, order, { inputs, problem }) : preview;
  }
  const { routes } = preview.value;
  const field = (name: string, value: string): Html => html`<input type="hidden" name="${name}" value="${value}">`;
  const stuck = routes.filter(
    ({ approval, problem }) => problem === undefined && approval?.roles.length === 0 && approval.rules === undefined,
  );
  const isStuck = stuck.length > 0;
  const nobody = html`<p class="notice bad">Nobody can approve ${stuck.map(({ route }) => route).join(", ")}: no role may. It would wait, and never run.</p>`;
  const nothing = html`<p class="notice warn">No route matches: it would be recorded, and nothing would run.</p>`;
  return pageOf(html`<article class="card" aria-labelledby="confirm">
<h2 id="confirm">Place ${order}?</h2>
${facts([...Object.entries(inputs), ["By", visit.name]])}
${routes.length === 0 ? nothing : html`<ul>${routes.map((one) => html`<li>${routeText(one)}</li>`)}</ul>`}
${isStuck ? nobody : NOTHING}
<form class="decide" method="post" action="/console/orders/${order}">${formTokenField(visit.formToken)}${field("key", randomUUID())}
${Object.entries(inputs).map(([name, value]) => field(`${INPUT}${name}`, value))}
<button${isStuck ? html` class="plain"` : NOTHING}>Place the order</button> <button class="plain" name="change" value="yes" formaction="/console/orders/${order}/preview">Change it</button></form>
</article>`);
}

function routeText({ route, target, approval, problem }: OrderedRoute): Html {
  const what = html`<strong>${route}</strong> at ${target}`;
  if (problem !== undefined) return html`${what}: ${badge("bad", problem)}`;
  if (approval === undefined) return html`${what}: runs at once`;
  return html`${what}: ${badge("warn", "needs an approval")}${neededText(approval)}`;
}

/** Places the order. Returns the path of the next page, or the form again. */
export async function placeOrderForm(
  visit: Visit,
  form: URLSearchParams,
  order: string,
): Promise<ApiResult<string | Page>> {
  const inputs = inputsIn(form);
  const post = { body: { inputs }, key: form.get("key") ?? "" };
  const placed = await visit.ask<PlacedOrder>(`/v1/orders/${encodeURIComponent(order)}`, post);
  if (!placed.ok) {
    const { problem } = placed;
    return isAboutInputs(problem) ? formPage(visit, order, { inputs, problem }) : placed;
  }
  // Who may not read deliveries cannot see the page of one.
  return {
    ok: true,
    value: visit.mayReadDeliveries ? `/console/deliveries/${placed.value.delivery}` : "/console/orders",
  };
}

import { randomBytes, timingSafeEqual } from "node:crypto";
import { html } from "hono/html";
import type { Rejection } from "../model/rejection.ts";
import type { Html } from "./html.ts";

/** Name of the hidden form field that holds the form token. */
const FIELD = "form";

/** Returns a new form token, the CSRF token of one session: 256 random bits in base64url. */
export const newFormToken = (): string => randomBytes(32).toString("base64url");

/** The hidden field that every form with an effect must contain. */
export const formTokenField = (formToken: string): Html =>
  html`<input type="hidden" name="${FIELD}" value="${formToken}">`;

/**
 * Checks that the browser says that a form was sent from a page of the console (Origin, RFC 6454 §7, and Fetch Metadata),
 * and that the form contains the form token of this session. Tokens are compared in constant time. Undefined if all is well.
 */
export function rejectForgedForm(
  headers: Headers,
  form: URLSearchParams,
  { formToken, origin }: { readonly formToken: string; readonly origin: string },
): Rejection | undefined {
  const site = headers.get("sec-fetch-site") ?? "same-origin";
  if (headers.get("origin") !== origin || site !== "same-origin") {
    return { reason: "form_forged", problem: "it does not come from a page of the console" };
  }
  const sent = Buffer.from(form.get(FIELD) ?? "");
  const expected = Buffer.from(formToken);
  if (sent.length === expected.length && timingSafeEqual(sent, expected)) return undefined;
  return { reason: "form_forged", problem: "its form token belongs to another session" };
}

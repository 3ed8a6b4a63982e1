import * as v from "valibot";
import { expect, it } from "vitest";
import { nonEmptyText } from "../../../shared/host/non-empty-text.ts";
import { parseJsonBody } from "../../../shared/http/json-body.ts";

const SCHEMA = v.strictObject({
  run: nonEmptyText,
  minutes: v.optional(v.pipe(v.number(), v.integer())),
  number: v.optional(v.pipe(v.number(), v.safeInteger())),
});

it.each([
  [{ run: "" }, '"run" is empty'],
  [{}, '"run" is missing or invalid; expected "run"'],
  [{ run: 7 }, '"run" is missing or invalid; expected string'],
  [{ run: "a", minutes: 1.5 }, '"minutes" is no whole number'],
  [{ run: "a", number: 1.5 }, '"number" is no whole number'],
])("the body %j is refused with words that say what is wrong", (body, problem) => {
  const parsed = parseJsonBody(Buffer.from(JSON.stringify(body)), SCHEMA);
  expect(parsed).toMatchObject({ rejection: { reason: "body_invalid", problem } });
});

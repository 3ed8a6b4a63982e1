import { pipe as valibotPipe } from "../node_modules/valibot/dist/index.mjs";

// valibot for a function in AWS. Descriptions of keys are for editors and the documentation. esbuild removes a call of an
// empty function with its argument, so that no function loads these texts.

export * from "../node_modules/valibot/dist/index.mjs";

// biome-ignore lint/suspicious/noEmptyBlockStatements: esbuild removes calls of a function only if it is empty.
export function description() {}

export const pipe = (...items) => valibotPipe(...items.filter((item) => item !== undefined));

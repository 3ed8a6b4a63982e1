import { deflateSync } from "node:zlib";
import { dictionaryFor } from "../../shared/store/content-dictionary.ts";
import { packContent } from "../../shared/store/delivery-content.ts";
import { sampleDelivery } from "../support/samples.ts";
import { compare, type Rates } from "./compare.ts";
import type { Measure } from "./measure.ts";
import { pushBody } from "./push-hook.ts";
import { rateRow, whole } from "./table.ts";

const PROVIDER = "gitlab";

/** Packing a delivery with its provider's dictionary, against the same with the dictionary that all providers share. */
export const packing: Measure = async ({ quick }) => {
  const body = pushBody();
  const content = { ...sampleDelivery(), provider: PROVIDER, bodyBytes: body.length, body };
  const shared = { ...content, provider: "another" };
  const what = `packing a body of ${body.length} bytes`;
  const runMs = quick ? 150 : 250;
  const { packed } = await compare({
    what,
    pairs: quick ? 5 : 15,
    ours: async () => rateOf(runMs, () => packContent(content)),
    baseline: async () => rateOf(runMs, () => packContent(shared)),
  });
  const fixed = (provider: string): number =>
    1_000_000 / rateOf(runMs, () => deflateSync("", { dictionary: dictionaryFor(provider) })).packed;
  return [
    rateRow(`${what}, own : shared dictionary`, packed, 1),
    {
      what: "  size",
      ours: `${whole(packContent(content).length)} B`,
      baseline: `${whole(packContent(shared).length)} B`,
      ratio: packContent(content).length / packContent(shared).length,
      target: { sense: "at most", ratio: 1.02 },
    },
    {
      what: "  of it for the dictionary alone",
      ours: `${fixed(PROVIDER).toFixed(0)} µs`,
      baseline: `${fixed("another").toFixed(0)} µs`,
    },
  ];
};

function rateOf(runMs: number, run: () => void): Rates<"packed"> {
  const start = performance.now();
  let times = 0;
  for (; performance.now() - start < runMs; times++) run();
  return { packed: (times * 1_000) / (performance.now() - start) };
}

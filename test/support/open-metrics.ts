/** A metric as the text has it. */
export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly unit: string | undefined;
  readonly help: string;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = '([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\\n]|\\\\[\\\\n"])*)"';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)$`);
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total"],
  gauge: [""],
  histogram: ["_bucket", "_count", "_sum"],
  info: ["_info"],
};

/**
 * Parses an exposition by the grammar of OpenMetrics 1.0, as far as counters, gauges, histograms and infos go, and throws
 * at the first line that breaks it. https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
export function parseOpenMetrics(text: string): readonly ParsedFamily[] {
  if (!text.endsWith("\n# EOF\n")) throw new Error("the text does not end with # EOF");
  const families: ParsedFamily[] = [];
  const series = new Set<string>();
  for (const line of text.slice(0, -"# EOF\n".length).split("\n").slice(0, -1)) {
    const [, keyword, name = "", rest = ""] = /^# (TYPE|UNIT|HELP) (\S+) (.+)$/.exec(line) ?? [];
    const last = families.at(-1);
    if (keyword === "TYPE") {
      if (families.some((one) => one.name === name)) throw new Error(`${line}: the family is there already`);
      if (SUFFIXES[rest] === undefined) throw new Error(`${line}: an unknown type`);
      families.push({ name, type: rest, unit: undefined, help: "", samples: [] });
      continue;
    }
    if (last === undefined) throw new Error(`${line}: before any TYPE`);
    if (keyword !== undefined) {
      if (name !== last.name || last.samples.length > 0) throw new Error(`${line}: of another family`);
      if (keyword === "UNIT" && !name.endsWith(`_${rest}`))
        throw new Error(`${line}: the name does not end in the unit`);
      families[families.length - 1] = keyword === "UNIT" ? { ...last, unit: rest } : { ...last, help: rest };
      continue;
    }
    const [, sample, labelText = "", ...groups] = SAMPLE.exec(line) ?? [];
    if (sample === undefined) throw new Error(`${line}: no sample`);
    if (!SUFFIXES[last.type]?.some((suffix) => sample === last.name + suffix))
      throw new Error(`${line}: of another family than ${last.name}`);
    const pairs = Array.from(labelText.matchAll(new RegExp(LABEL, "g")), ([, label = "", value = ""]) => [
      label,
      value,
    ]);
    const labels = Object.fromEntries(pairs);
    if (Object.keys(labels).length !== pairs.length) throw new Error(`${line}: a label twice`);
    const key = `${sample} ${JSON.stringify(pairs.toSorted())}`;
    if (series.has(key)) throw new Error(`${line}: a series twice`);
    series.add(key);
    const value = Number(groups.at(-1));
    families[families.length - 1] = { ...last, samples: [...last.samples, { name: sample, labels, value }] };
  }
  return families;
}

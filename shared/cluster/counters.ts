/** Counters of one process, in the text format that Prometheus reads. */
export class Counters {
  readonly #help: Readonly<Record<string, string>>;
  /** By name, the values by their labels as written. */
  readonly #values = new Map<string, Map<string, number>>();
  readonly #gauges = new Map<string, () => number>();

  /** `help` has a sentence for each name. A name that ends in `_total` counts up; any other is read by a function. */
  constructor(help: Readonly<Record<string, string>>) {
    this.#help = help;
  }

  /** Label values are words of the program, never a text of somebody else. */
  add(name: string, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    const written = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const key = written.length === 0 ? "" : `{${written.join(",")}}`;
    const values = this.#values.get(name) ?? new Map<string, number>();
    this.#values.set(name, values.set(key, (values.get(key) ?? 0) + by));
  }

  /** The value is read when somebody asks for it. */
  gauge(name: string, read: () => number): void {
    this.#gauges.set(name, read);
  }

  /** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
  text(): string {
    return Object.entries(this.#help)
      .flatMap(([name, help]) => {
        const read = this.#gauges.get(name);
        const values = read ? [["", read()] as const] : [...(this.#values.get(name) ?? new Map([["", 0]]))];
        const type = read ? "gauge" : "counter";
        return [
          `# HELP ${name} ${help}`,
          `# TYPE ${name} ${type}`,
          ...values.map(([key, value]) => `${name}${key} ${value}`),
        ];
      })
      .concat("")
      .join("\n");
  }
}

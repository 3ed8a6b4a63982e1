import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";
import { PROJECT_ROOT } from "../../infra/bundling.ts";

/** A known defect: a change of the product's source, applied when the torture bundles it. */
interface Defect {
  readonly file: string;
  /** Texts of the file, each of which occurs exactly once, and what replaces them. */
  readonly changes: readonly (readonly [text: string, replacement: string])[];
  /** The part of the torture that has to find it. Default: the crash points. */
  readonly part?: "schedules";
}

/** The defects that the torture must find, by the name for `--defect`. */
export const DEFECTS = {
  "index-after-item": {
    file: "shared/store/sqlite/table.ts",
    changes: [
      [
        "return this.#commits.add(() => this.#statement(INSERT_OR_NOTHING).run(...values).changes === 1);",
        `const { queue: _queue, dueAt: _dueAt, ...unlisted } = item;
    const created = await this.#commits.add(
      () => this.#statement(INSERT_OR_NOTHING).run(...valuesOf(unlisted as Fields & ItemKey)).changes === 1,
    );
    if (created) await this.#commits.add(() => this.#statement(INSERT_OR_REPLACE).run(...values));
    return created;`,
      ],
    ],
  },
  "write-without-transaction": {
    file: "shared/store/sqlite/group-commit.ts",
    changes: [
      ['this.#database.exec("BEGIN IMMEDIATE");', ""],
      ['this.#database.exec("COMMIT");', ""],
    ],
  },
  "relay-mark-before-publish": {
    file: "shared/delivery/relay.ts",
    changes: [
      [
        "const [{ rejected }] = await Promise.all([publishAll([delivery], deps), deliveries.addToList([delivery])]);",
        "await deps.outbox.markRelayed(delivery.id, deps.clock.now());\n  const [{ rejected }] = await Promise.all([publishAll([delivery], deps), deliveries.addToList([delivery])]);",
      ],
    ],
  },
  "dedupe-removed": {
    file: "shared/store/actions.ts",
    changes: [
      ["const created = await this.#table.create({", "await this.#table.put({"],
      [
        "if (created) return { scheduled: true, delivery, at, receivedAt };",
        "if (at > 0) return { scheduled: true, delivery, at, receivedAt };",
      ],
    ],
  },
  "rank-ignored": {
    part: "schedules",
    file: "shared/model/build-order.ts",
    changes: [["compare(stateOrder(one), stateOrder(other));", "1;"]],
  },
  "splice-by-regex": {
    part: "schedules",
    file: "shared/actions/confluence/region.ts",
    changes: [
      [
        'if ("unreadable" in page) return unusable(page.unreadable);',
        `if ("unreadable" in page) return unusable(page.unreadable);
  const { storage: body } = page;
  const byRegex = /<table.*?<\\/table>/s;
  if (body.includes("-start<") && byRegex.test(body)) {
    const next = body.replace(byRegex, () => content);
    const place = { carrier: "anchors", isNew: false, isInNewSection: false, at: 0 } as const;
    return next === body ? { kind: "unchanged" } : { kind: "changed", body: next, place };
  }`,
      ],
    ],
  },
} as const satisfies Readonly<Record<string, Defect>>;

export const partOf = (name: DefectName): "points" | "schedules" =>
  (DEFECTS[name] satisfies Defect as Defect).part ?? "points";

export type DefectName = keyof typeof DEFECTS;

export const isDefectName = (name: string): name is DefectName => name in DEFECTS;

/** Applies the defect to the file that it changes. Fails if the file no longer has one of the texts exactly once. */
export function defectPlugin(name: DefectName): Plugin {
  const { file, changes }: Defect = DEFECTS[name];
  const path = join(PROJECT_ROOT, file);
  return {
    name: `defect-${name}`,
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async (loaded) => {
        if (loaded.path !== path) return undefined;
        let contents = await readFile(path, "utf8");
        for (const [text, replacement] of changes) {
          const count = contents.split(text).length - 1;
          if (count !== 1) throw new Error(`the defect ${name} no longer fits: ${file} has its text ${count} times`);
          contents = contents.replace(text, () => replacement);
        }
        return { loader: "ts", contents, resolveDir: dirname(path) };
      });
    },
  };
}

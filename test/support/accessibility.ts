import axe from "axe-core";
import type { Page } from "playwright-core";
import * as v from "valibot";

const violations = v.array(v.object({ id: v.string(), nodes: v.array(v.object({ html: v.string() })) }));

/** What axe finds on a part of a page, by WCAG and by good practice: each broken rule with its elements. */
export async function accessibilityProblems(page: Page, selector: string): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(`axe.run(${JSON.stringify(selector)}).then(({ violations }) => violations)`);
  return v.parse(violations, found).map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(", ")}`);
}

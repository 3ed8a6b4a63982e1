import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import { type Exchange, OpenApi } from "../support/openapi.ts";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";

/** A folder with Atlassian's descriptions of its interfaces, kept outside this repository. */
const root = process.env["PEER_DATA"];
const LEFT_OUT = root === undefined ? " (left out: PEER_DATA is not set)" : "";

/** Cloud's first interface in its last checkable description. Data Center's interface has the same origin. */
const DESCRIBED = "openapi-v1-2024-02.json";
/** Its newest description, in which the calls for pages are missing. */
const NEWEST = "openapi-v1-2025-11.yaml";
const read = (file: string) => readFileSync(join(root ?? "", "confluence", "rest", file), "utf8");

const HELD = [
  { product: "cloud", described: "" },
  { product: "data-center", described: "/wiki" },
] as const;

const PROPERTIES = `<ac:structured-macro ac:name="details"><ac:rich-text-body><table><tbody><tr><th>Pipeline</th><td>ci/docs\
</td></tr></tbody></table></ac:rich-text-body></ac:structured-macro>`;

describe.skipIf(root === undefined).each(HELD)(
  `the search of $product, compared with its description${LEFT_OUT}`,
  (held) => {
    const { product, described } = held;

    it("every request and every response is described, over several batches", async () => {
      const pages = Array.from({ length: 45 }, (_, index) => ({
        id: `${index + 1}`,
        labels: ["docs"],
        body: PROPERTIES,
      }));
      const sandbox = await startSandboxConfluence({ product, pages });
      const exchanges: Exchange[] = [];
      const recording: CallOut = async (request) => {
        const answer = await callOut(request);
        const url = new URL(request.url);
        if (!url.pathname.endsWith("/search")) return answer;
        url.pathname = described + url.pathname;
        const body = Buffer.from(answer.body).toString("utf8");
        const headers = new Headers(request.headers);
        exchanges.push({ method: request.method, url, headers, body: undefined, answer: { ...answer, body } });
        return answer;
      };
      const options = { page: undefined, documentedBy: "docs" };
      await benchFor(sandbox, product, { options, callOut: recording }).run(buildEntry());
      await sandbox.close();

      const description = new OpenApi(read(DESCRIBED));
      const checked = exchanges.map((exchange) => description.check(exchange));
      expect(checked.map(({ operation }) => operation)).toEqual(Array(3).fill("GET /wiki/rest/api/content/search"));
      // Data Center's batches begin at a number, Cloud's at a cursor.
      const known = product === "cloud" ? [] : ["query start: not described"];
      expect([...new Set(checked.flatMap(({ problems }) => problems))]).toEqual(known);
    });
  },
);

it.skipIf(root === undefined)(`Cloud still has the search${LEFT_OUT}`, () => {
  expect(read(NEWEST)).toMatch(/^ {2}\/rest\/api\/content\/search:$/m);
});

import { matches } from "../../shared/routes/matches.ts";
import { compilePattern, type Pattern } from "../../shared/routes/pattern.ts";
import type { Measure } from "./measure.ts";
import { progress } from "./progress.ts";
import type { Row } from "./table.ts";

const ROUTES = 1_000;
const LIMIT_MS = 1;

/** The time that the event loop is blocked while one event is matched with 1,000 routes, of which one matches. */
export const routing: Measure = async ({ quick }) => {
  const kinds: Readonly<Record<string, (route: number) => object>> = {
    "of other types": (route) => ({ "detail-type": [route === 0 ? "code.pushed" : "page.updated"] }),
    "for a project and a branch": (route) => ({
      "detail-type": ["code.pushed"],
      detail: { code: { project: [`platform/project-${route}`], name: ["main"] } },
    }),
    "for a project by wildcard": (route) => ({
      "detail-type": ["code.pushed"],
      detail: { code: { project: [{ wildcard: `platform/*-${route}` }], name: [{ prefix: "ma" }] } },
    }),
  };
  return Object.entries(kinds).map(([name, whenOf]): Row => {
    const what = `one event, ${ROUTES.toLocaleString("en-US")} routes ${name}`;
    progress(what);
    const patterns = Array.from({ length: ROUTES }, (_, route) => compiled(whenOf(route)));
    const times = Array.from({ length: quick ? 200 : 1_000 }, () => timeOf(patterns));
    const ms = median(times.slice(times.length / 2));
    return {
      what,
      ours: `${ms.toFixed(2)} ms`,
      baseline: `${LIMIT_MS} ms`,
      ratio: ms / LIMIT_MS,
      target: { sense: "at most", ratio: 1 },
    };
  });
};

/** Milliseconds for a new event, so that its fields are read anew. */
function timeOf(patterns: readonly Pattern[]): number {
  const event = pushed();
  const start = performance.now();
  const matching = patterns.filter((pattern) => matches(pattern, event));
  const ms = performance.now() - start;
  if (matching.length !== 1) throw new Error(`${matching.length} routes match`);
  return ms;
}

/** A push of twenty commits, as large as a published event gets. */
const pushed = (): object => ({
  source: "drawbridge.gitlab",
  "detail-type": "code.pushed",
  time: "2026-11-02T09:00:00.000Z",
  detail: {
    id: "d-66mhwrwtpjlxgbjnd7ict5pktr",
    source: "/sources/gitlab",
    type: "code.pushed",
    subject: "platform/project-0",
    delivery: "d-66mhwrwtpjlxgbjnd7ict5pktr",
    eventKey: "e-7fskrdvh7tpjxfehpeiodjn22k",
    principal: { issuer: "drawbridge:source", subject: "gitlab", roles: ["pusher"] },
    code: {
      project: "platform/project-0",
      ref: "refs/heads/main",
      name: "main",
      change: "updated",
      commits: Array.from({ length: 20 }, (_, index) => ({ id: `commit-${index}`, message: "Say who is called" })),
      commitCount: 20,
    },
  },
});

function compiled(when: object): Pattern {
  const compilation = compilePattern(when);
  if (compilation.ok) return compilation.pattern;
  throw new Error(compilation.problems.map(({ message }) => message).join("; "));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

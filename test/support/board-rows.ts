import type { BoardRow } from "../../shared/model/board.ts";

/** A board with a passed run on `main` for each pipeline. */
export const boardOf = (...pipelines: readonly string[]): readonly BoardRow[] =>
  pipelines.map((pipeline, index) => ({
    key: `tekton ${pipeline}`,
    delivery: `d-${index}`,
    build: {
      system: "tekton",
      id: `run-${index}`,
      pipeline,
      state: "succeeded",
      branch: "main",
      number: 512 + index,
      url: `https://ci.example.test/runs/${512 + index}`,
      startedAt: "2026-11-02T08:59:10.000Z",
      finishedAt: "2026-11-02T09:01:15.000Z",
    },
  }));

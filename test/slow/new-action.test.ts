import { followGuide } from "../support/guide-walk.ts";

followGuide({
  guide: "docs/adding-an-action.md",
  kind: "action",
  suite: "test/contract/actions.test.ts",
  marks: 9,
  rehearsed: "acme: fired by github workflow-run-failed",
});

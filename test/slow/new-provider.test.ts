import { followGuide } from "../support/guide-walk.ts";

followGuide({
  guide: "docs/adding-a-provider.md",
  kind: "provider",
  suite: "test/contract/provider ",
  marks: 12,
  rehearsed: "acme run-finished: recorded and relayed",
});

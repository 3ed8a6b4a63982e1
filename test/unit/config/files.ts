import { parseConfig } from "../../../shared/config/load.ts";

/** A configuration with nothing wrong in it. Its line numbers are in the tests. */
export const whole = `# drawbridge.yaml

issuers:
  cluster:
    issuer: https://idp.example.com
    audience: https://bridge.example.com
    jwks: { url: https://idp.example.com/keys }
sources:
  wiki:
    provider: confluence
    site: https://wiki.example.com
    hubSignature: { current: env:WIKI_SECRET }
    ownAccounts: [8a7f808a8f0d1c6e018f0d1f5c2a0001]
  prod-cluster:
    provider: tekton
    bearer: { trust: cluster }
    namespaces: [ci]
targets:
  docs-listener:
    kind: tekton
    url: http://127.0.0.1:8080
    runsReportedBy: prod-cluster
    namespaces: [ci]
    originKey: { current: env:WIKI_SECRET }
  pages:
    kind: confluence
    product: data-center
    site: https://wiki.example.com
    credential: { bearer: env:WIKI_TOKEN }
    spaces: [ENG]
routes:
  docs-build:
    when:
      detail-type: [page.updated]
    do: { tekton: { target: docs-listener } }
  docs-status:
    when: { detail-type: [{ prefix: build. }] }
    do: { confluence: { target: pages } }
limits:
  bodyBytes: 1048576
  retentionDays: 90
`;

/** The findings of loading a text, without the file's name. */
export function findingsIn(text: string): readonly string[] {
  const loaded = parseConfig(text, "x.yaml");
  return loaded.ok ? [] : loaded.findings.map(({ message }) => message.replace("x.yaml:", ""));
}

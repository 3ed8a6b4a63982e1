import { actions } from "../../../shared/actions/registry.ts";

const ONE_LINE = 'without white space and control characters; a YAML block scalar ("|" or ">") ends in a line break';
const INHERITED = "cannot be a key: JavaScript gives it another meaning; use another name";
const NO_TAG = "a tag (a word after !) does not work here; remove it, or quote a text that begins with !";

/**
 * Name, the replaced text of the whole configuration, its replacement, and the finding:
 * place, path, what is wrong and what would be right.
 */
export const mistakes: readonly (readonly [string, string, string, string])[] = [
  [
    "an unknown key",
    "hubSignature: {",
    "hubSignatur: {",
    '12:5 sources.wiki.hubSignatur: there is no "hubSignatur" here (did you mean "hubSignature"?)',
  ],
  [
    "an unknown key, like no other",
    "retentionDays: 90",
    "forever: true",
    '41:3 limits.forever: there is no "forever" here (known: bodyBytes, retentionDays, chainHops, shutdownSeconds)',
  ],
  [
    "a trust entry that has the name of what is not proved by one",
    "/keys }\n",
    "/keys }\n  source: { issuer: https://other.example.com, audience: https://bridge.example.com }\n",
    '8:3 issuers.source: it must be another name: "source", "unproved", "bridge" and "issuer" stand for what is not proved by a trust entry',
  ],
  [
    "a missing audience",
    "    audience: https://bridge.example.com\n",
    "",
    '4:3 issuers.cluster.audience: "audience" is missing',
  ],
  [
    "a secret itself",
    "current: env:WIKI_SECRET",
    "current: correct-horse",
    "12:21 sources.wiki.hubSignature.current: it must be a reference to a secret, never the secret itself: env:NAME, file:path, secretsmanager:name#key or ssm:/path",
  ],
  [
    "a secret that is not a pair",
    "hubSignature: { current: env:WIKI_SECRET }",
    "hubSignature: env:WIKI_SECRET",
    "12:5 sources.wiki.hubSignature: it must be a block of keys (current, next), and is a text",
  ],
  [
    "an unknown provider",
    "provider: confluence",
    "provider: conflunce",
    '10:5 sources.wiki.provider: there is no provider "conflunce" (did you mean "confluence"?)',
  ],
  [
    "an unknown kind of target",
    "kind: tekton",
    "kind: no-such-kind",
    `20:5 targets.docs-listener.kind: there is no kind of target "no-such-kind" (known: ${actions.map(({ name }) => name).join(", ")})`,
  ],
  [
    "an unknown target",
    "target: docs-listener",
    "target: docs-lisener",
    '35:21 routes.docs-build.do.tekton.target: there is no target "docs-lisener" (did you mean "docs-listener"?)',
  ],
  [
    "a target of another kind",
    "target: docs-listener",
    "target: pages",
    '35:21 routes.docs-build.do.tekton.target: the target "pages" is of kind confluence, not tekton (known: docs-listener)',
  ],
  [
    "an unknown trust entry",
    "trust: cluster",
    "trust: [cluster, clusters]",
    '16:32 sources.prod-cluster.bearer.trust[1]: there is no issuer "clusters" (did you mean "cluster"?)',
  ],
  [
    "an unknown source of runs",
    "runsReportedBy: prod-cluster",
    "runsReportedBy: cluster",
    '22:5 targets.docs-listener.runsReportedBy: there is no source "cluster" (known: wiki, prod-cluster)',
  ],
  [
    "an unknown operator",
    "{ prefix: build. }",
    "{ startsWith: build. }",
    '37:29 routes.docs-status.when.detail-type[0].startsWith: there is no operator "startsWith"; the operators are prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, exists, cidr',
  ],
  [
    "a text where a pattern has a list",
    "[page.updated]",
    "page.updated",
    '34:7 routes.docs-build.when.detail-type: give a list of alternatives, like ["page.updated"], or an object of fields',
  ],
  [
    "a missing pattern",
    "    when: { detail-type: [{ prefix: build. }] }\n",
    "",
    '36:3 routes.docs-status.when: "when" is missing',
  ],
  [
    "two actions",
    "confluence: { target: pages }",
    "confluence: { target: pages }, tekton: { target: docs-listener }",
    "38:5 routes.docs-status.do: a route does exactly one thing; write another route for another action",
  ],
  [
    "a wrong type",
    "ownAccounts: [8a7f808a8f0d1c6e018f0d1f5c2a0001]",
    "ownAccounts: drawbridge",
    "13:5 sources.wiki.ownAccounts: it must be a list, and is a text",
  ],
  [
    "a user's name among the accounts that are ignored",
    "ownAccounts: [8a7f808a8f0d1c6e018f0d1f5c2a0001]",
    "ownAccounts: [drawbridge]",
    "13:19 sources.wiki.ownAccounts[0]: it must be a user key of Data Center (32 hexadecimal digits) or an account id of Cloud (712020:0f6b9c3e-…). A user's name is in no event: GET /rest/api/user?username=<name> answers its userKey. The bridge finds the accounts of its own targets itself",
  ],
  [
    "a number for a text",
    "ownAccounts: [8a7f808a8f0d1c6e018f0d1f5c2a0001]",
    "ownAccounts: [4711]",
    "13:19 sources.wiki.ownAccounts[0]: it must be a text, and is a number: put it in quotes",
  ],
  [
    "a list for a text",
    "    url: http://127.0.0.1:8080\n",
    "    url: [https://listener.example.com]\n",
    "21:5 targets.docs-listener.url: it must be a text, and is a list",
  ],
  [
    "a space by a lone star",
    "spaces: [ENG]",
    'spaces: ["*"]',
    "30:14 targets.pages.spaces[0]: it must be a space's key, or the beginning of one and a `*`",
  ],
  [
    "a namespace in capitals",
    "namespaces: [ci]",
    "namespaces: [CI]",
    "17:18 sources.prod-cluster.namespaces[0]: it must be a namespace, or the beginning of one and a `*`",
  ],
  ["a number out of range", "bodyBytes: 1048576", "bodyBytes: 12", "40:3 limits.bodyBytes: it must be 1024 or more"],
  [
    "a number that is not whole",
    "retentionDays: 90",
    "retentionDays: 1.5",
    "41:3 limits.retentionDays: it must be a whole number",
  ],
  [
    "a section without entries",
    "limits:\n  bodyBytes: 1048576\n  retentionDays: 90\n",
    "limits:\n",
    "39:1 limits: it must be a block of keys (bodyBytes, retentionDays, chainHops, shutdownSeconds), and is empty",
  ],
  [
    "an invalid name",
    "docs-status:",
    "Docs_Status:",
    "36:3 routes.Docs_Status: it must be a route's name: a-z, 0-9 and dashes inside, at most 34 in all",
  ],
  [
    "an invalid choice",
    "product: data-center",
    "product: server",
    "27:5 targets.pages.product: it must be cloud or data-center",
  ],
  [
    "a credential of no known shape",
    "{ bearer: env:WIKI_TOKEN }",
    "{ token: env:WIKI_TOKEN }",
    "29:5 targets.pages.credential: it must be a block with exactly one of basic, bearer, clientCredentials, forge, and has token",
  ],
  [
    "two credentials",
    "{ bearer: env:WIKI_TOKEN }",
    "{ bearer: env:WIKI_TOKEN, basic: { user: a, token: env:A } }",
    "29:5 targets.pages.credential: it must be a block with exactly one of basic, bearer, clientCredentials, forge, and has bearer, basic",
  ],
  [
    "a mistake inside one of several shapes",
    "{ bearer: env:WIKI_TOKEN }",
    "{ basic: { user: bot } }",
    '29:19 targets.pages.credential.basic.token: "token" is missing',
  ],
  [
    "an address of the keys over plain HTTP",
    "{ url: https://idp.example.com/keys }",
    "{ url: http://idp.example.com/keys }",
    "7:13 issuers.cluster.jwks.url: it must be an https:// address, or http:// on 127.0.0.1, [::1] or localhost; no user info, no fragment",
  ],
  [
    "a key that occurs twice",
    "  retentionDays: 90",
    "  bodyBytes: 90000",
    '41:3 limits.bodyBytes: "bodyBytes" is already in line 40; give it once',
  ],
  [
    "a block scalar as the address of a site",
    "    site: https://wiki.example.com\n    hub",
    "    site: |\n      https://wiki.example.com/\n    hub",
    `11:5 sources.wiki.site: it must be ${ONE_LINE}`,
  ],
  [
    "a block scalar as an issuer",
    "    issuer: https://idp.example.com\n",
    "    issuer: >\n      https://idp.example.com\n",
    '5:5 issuers.cluster.issuer: it must be without control characters and without white space around it; a YAML block scalar ("|" or ">") ends in a line break',
  ],
  [
    "a control character in the address of a target",
    "    url: http://127.0.0.1:8080\n",
    '    url: "https://listener.example.com/\\x01"\n',
    `21:5 targets.docs-listener.url: it must be ${ONE_LINE}`,
  ],
  [
    "a line break in the address of keys",
    "{ url: https://idp.example.com/keys }",
    '{ url: "https://idp.example.com/keys\\n" }',
    `7:13 issuers.cluster.jwks.url: it must be ${ONE_LINE}`,
  ],
  [
    "a reference in place of an account",
    "ownAccounts: [8a7f808a8f0d1c6e018f0d1f5c2a0001]",
    "ownAccounts: [env:ACCOUNT]",
    "13:19 sources.wiki.ownAccounts[0]: it must be an account, written as it is, not as a reference",
  ],
  ["a tag that makes a section empty", "limits:\n", "limits: !!set\n", `39:9 ${NO_TAG}`],
  ["a tag that decodes a text", "product: data-center", "product: !!binary Y2xvdWQ=", `27:23 ${NO_TAG}`],
  ["an unknown tag", "product: data-center", "product: !Ref data-center", `27:19 ${NO_TAG}`],
  ["a tab", "  retentionDays: 90", "\tretentionDays: 90", "41:1 a tab cannot indent; use spaces"],
  [
    "a quote that is not closed",
    "product: data-center",
    'product: "data-center',
    "42:1 up to here something is not closed or not separated: a quote, a bracket, a comma or a colon",
  ],
  ["a key that objects inherit", "  retentionDays: 90", "  constructor: 90", `41:3 "constructor" ${INHERITED}`],
  [
    "a key in quotes that objects inherit",
    "target: docs-listener }",
    'target: docs-listener, params: { "__proto__": x } }',
    `35:54 "__proto__" ${INHERITED}`,
  ],
  [
    "an alias as a key, which could stand for such a key",
    "target: docs-listener }",
    "target: docs-listener, params: { page: &name constructor, *name : x } }",
    "35:79 an alias cannot be a key; write the key out",
  ],
  [
    "an alias without its anchor",
    "current: env:WIKI_SECRET",
    "current: *wiki",
    "12:30 there is no anchor of this name before the alias; a text that begins with * needs quotes",
  ],
];

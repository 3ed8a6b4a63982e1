import { AUDIENCE, type IssuerShape } from "./shape.ts";

const APP = "ari:cloud:ecosystem::app/2f1c0d3e-0000-4000-8000-000000000001";
const TENANT = "11111111-2222-4333-8444-555555555555";

const entraClaims = (version: "1.0" | "2.0") => ({
  aud: "66666666-7777-4888-8999-000000000000",
  tid: TENANT,
  oid: "77777777-0000-4000-8000-000000000001",
  sub: "pairwise-subject",
  ver: version,
  idtyp: "app",
  roles: ["Drawbridge.OnCall"],
  uti: "token-1",
  ...(version === "2.0" ? { azp: "client-1", azpacr: "1" } : { appid: "client-1", appidacr: "1" }),
});

const entraRefused = [
  ["another tenant's", { tid: "99999999-2222-4333-8444-555555555555" }, "claim_mismatch"],
  ["groups left out, where the role asks for them", { roles: [], _claim_names: { groups: "src1" } }, "groups_omitted"],
  ["groups that are only said to exist", { roles: [], hasgroups: true }, "groups_omitted"],
] as const;
const entraRoles = [
  { role: "on-call", when: [{ path: "roles", equals: "Drawbridge.OnCall" }] },
  { role: "group", when: [{ path: "groups", equals: "88888888-0000-4000-8000-000000000001" }] },
];

/** Issuers of tokens for people, clients and apps. */
export const PEOPLE_AND_APP_ISSUERS: readonly IssuerShape[] = [
  {
    preset: "okta",
    issuer: "https://login.example.test/oauth2/default",
    audience: "api://drawbridge",
    entry: { claims: [{ path: "scp", equals: "status" }], roles: ["ci"] },
    claims: {
      sub: "0oa1client",
      aud: "api://drawbridge",
      scp: ["openid", "status"],
      cid: "0oa1client",
      ver: 1,
      jti: "AT.1",
    },
    lifetime: 3_600,
    refused: [
      ["without the scope", { scp: ["openid"] }, "claim_mismatch"],
      ["with the scope as part of a word", { scp: ["status-all"] }, "claim_mismatch"],
      ["without scopes", { scp: undefined }, "claim_missing"],
    ],
    accepted: [["a user's", { uid: "00u1", sub: "robin@example.test" }]],
    subject: "0oa1client",
  },
  {
    preset: "entra",
    issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`,
    audience: "66666666-7777-4888-8999-000000000000",
    entry: { roles: entraRoles },
    claims: entraClaims("2.0"),
    lifetime: 5_400,
    refused: [...entraRefused, ["of version 1", { ver: "1.0" }, "claim_mismatch"]],
    accepted: [
      ["a user's, whose scopes are words", { idtyp: "user", scp: "read write" }],
      ["groups left out, where a role is earned without them", { _claim_names: { groups: "src1" } }],
    ],
    subject: `${TENANT}/77777777-0000-4000-8000-000000000001`,
  },
  {
    preset: "entra-v1",
    issuer: `https://sts.windows.net/${TENANT}/`,
    audience: "66666666-7777-4888-8999-000000000000",
    entry: { roles: entraRoles },
    claims: entraClaims("1.0"),
    lifetime: 5_400,
    refused: [...entraRefused, ["of version 2", { ver: "2.0" }, "claim_mismatch"]],
    accepted: [
      ["a user's, whose names can change", { idtyp: "user", upn: "robin@example.test", unique_name: "robin" }],
    ],
    subject: `${TENANT}/77777777-0000-4000-8000-000000000001`,
  },
  {
    preset: "cognito",
    issuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12Cd34E",
    audience: "4f6g7h8i9j0k1l2m3n4o5p6q7r",
    entry: { claims: [{ path: "scope", equals: "drawbridge/status" }], roles: ["ci"] },
    claims: {
      sub: "user-1",
      token_use: "access",
      client_id: "4f6g7h8i9j0k1l2m3n4o5p6q7r",
      username: "robin",
      jti: "t-1",
      scope: "openid drawbridge/status",
      "cognito:groups": ["platform"],
    },
    header: { typ: undefined },
    lifetime: 3_600,
    refused: [
      ["an ID token", { token_use: "id", client_id: undefined, aud: "4f6g7h8i9j0k1l2m3n4o5p6q7r" }, "claim_missing"],
      ["an ID token that names the client too", { token_use: "id" }, "claim_mismatch"],
      ["another client's", { client_id: "another" }, "audience_mismatch"],
      ["our client's for another resource", { aud: "https://other.example.test" }, "audience_mismatch"],
      ["another scope's", { scope: "openid drawbridge/read" }, "claim_mismatch"],
    ],
    accepted: [
      ["our client's for us as a resource", { aud: "4f6g7h8i9j0k1l2m3n4o5p6q7r" }],
      ["a machine's, without a user", { username: undefined, "cognito:groups": undefined }],
    ],
    subject: "user-1",
  },
  {
    preset: "forge",
    issuer: "forge/invocation-token",
    audience: APP,
    entry: { claims: [{ path: ["app", "environment", "type"], equals: "PRODUCTION" }] },
    claims: {
      aud: APP,
      jti: "t-1",
      principal: "712020:41ce",
      app: {
        id: APP,
        version: "5",
        environment: { type: "PRODUCTION", id: "e-1" },
        installation: { id: "ari:cloud:ecosystem::installation/9d07", contexts: [] },
      },
      context: { cloudId: "cloud-1", siteUrl: "https://example.atlassian.test" },
    },
    lifetime: 25,
    refused: [
      ["another app's, which names itself", { aud: "ari:cloud:ecosystem::app/other" }, "audience_mismatch"],
      ["a development environment's", { app: { environment: { type: "DEVELOPMENT" } } }, "claim_mismatch"],
    ],
    accepted: [["a back-end call, without context", { context: undefined, principal: undefined }]],
    subject: "ari:cloud:ecosystem::installation/9d07",
  },
  {
    preset: "google",
    issuer: "https://accounts.google.com",
    audience: AUDIENCE,
    entry: { claims: [{ path: "sub", equals: "103456789012345678901" }], roles: ["ci"] },
    claims: {
      sub: "103456789012345678901",
      azp: "103456789012345678901",
      aud: AUDIENCE,
      email: "robot@example.iam.gserviceaccount.test",
      email_verified: true,
    },
    lifetime: 3_600,
    refused: [["a new account of the same address", { sub: "109876543210987654321" }, "tenant_mismatch"]],
    accepted: [["without an address", { email: undefined, email_verified: undefined }]],
    subject: "103456789012345678901",
  },
  {
    preset: "keycloak",
    issuer: "https://login.example.test/realms/platform",
    audience: "drawbridge",
    entry: {
      claims: [{ path: ["resource_access", "docs.example", "roles"], equals: "writer" }],
      roles: [{ role: "ci", when: [{ path: ["realm_access", "roles"], equals: "ci" }] }],
    },
    claims: {
      sub: "user-1",
      typ: "Bearer",
      azp: "docs",
      aud: ["drawbridge", "account"],
      scope: "openid email",
      jti: "t-1",
      realm_access: { roles: ["ci", "offline_access"] },
      resource_access: { "docs.example": { roles: ["writer"] } },
    },
    lifetime: 300,
    refused: [
      ["a refresh token", { typ: "Refresh" }, "claim_mismatch"],
      ["an ID token", { typ: "ID" }, "claim_mismatch"],
      ["only the account's", { aud: "account" }, "audience_mismatch"],
      [
        "a client whose name was cut at its dot",
        { resource_access: { docs: { example: { roles: ["writer"] } } } },
        "claim_missing",
      ],
      ["a lightweight token, without roles", { resource_access: undefined, realm_access: undefined }, "claim_missing"],
    ],
    accepted: [["groups that are paths", { groups: ["/platform/docs"] }]],
    subject: "user-1",
  },
  {
    preset: "kong",
    issuer: "https://a1b2c3.eu.identity.konghq.com/auth",
    audience: AUDIENCE,
    entry: { claims: [{ path: "scope", equals: "status" }], roles: ["ci"] },
    claims: { sub: "client-1", client_id: "client-1", aud: [AUDIENCE], scope: "status read" },
    lifetime: 300,
    refused: [["another scope's", { scope: "statuses" }, "claim_mismatch"]],
    accepted: [["an audience that is no list", { aud: AUDIENCE }]],
    subject: "client-1",
  },
  {
    preset: "oidc",
    issuer: "https://issuer.example.test",
    audience: AUDIENCE,
    entry: { claims: [{ path: "groups", glob: "platform-*" }], roles: ["ci"] },
    claims: { sub: "someone", aud: AUDIENCE, groups: ["platform-docs", "all"] },
    header: { typ: "at+jwt" },
    lifetime: 600,
    refused: [
      ["another group's", { groups: ["docs-platform-a"] }, "claim_mismatch"],
      ["a group with a slash", { groups: ["platform-a/b"] }, "claim_mismatch"],
    ],
    accepted: [["one group that is no list", { groups: "platform-docs" }]],
    subject: "someone",
  },
];

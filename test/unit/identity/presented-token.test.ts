import { describe, expect, it } from "vitest";
import { presentedToken } from "../../../shared/identity/presented-token.ts";
import { requestWith } from "./verifying.ts";

const TOKEN = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";

describe("presentedToken", () => {
  it.each([
    ["a token as RFC 6750 writes it", `Bearer ${TOKEN}`],
    ["a scheme in lower case", `bearer ${TOKEN}`],
    ["a scheme in upper case", `BEARER ${TOKEN}`],
    ["more than one space", `Bearer   ${TOKEN}`],
  ])("presentedToken accepts %s", (_name, authorization) => {
    expect(presentedToken(requestWith({ authorization }))).toMatchObject({ ok: true, value: { token: TOKEN } });
  });

  it("presentedToken accepts an opaque token with padding", () => {
    expect(presentedToken(requestWith({ authorization: "Bearer a+b/c~d==" }))).toMatchObject({
      value: { scheme: "bearer", token: "a+b/c~d==" },
    });
  });

  it("presentedToken distinguishes a DPoP-bound token from a bearer token", () => {
    const presented = presentedToken(requestWith({ authorization: `DPoP ${TOKEN}` }));
    expect(presented).toMatchObject({ ok: true, value: { scheme: "dpop", token: TOKEN } });
  });

  it.each([
    ["an empty token", "Bearer "],
    ["no token", "Bearer"],
    ["another scheme", `Basic ${TOKEN}`],
    ["the scheme of Connect", `JWT ${TOKEN}`],
    ["a token without a scheme", TOKEN],
    ["two tokens in one value", `Bearer ${TOKEN}, Bearer ${TOKEN}`],
    ["two tokens after one scheme", `Bearer ${TOKEN} ${TOKEN}`],
    ["a quoted token", `Bearer "${TOKEN}"`],
    ["a JWS in JSON form", 'Bearer {"payload":"e30"}'],
    ["padding in the middle", "Bearer a=b"],
    ["a tab instead of a space", `Bearer\t${TOKEN}`],
  ])("presentedToken rejects %s", (_name, authorization) => {
    expect(presentedToken(requestWith({ authorization }))).toEqual({
      ok: false,
      rejection: { reason: "credential_malformed", header: "Authorization" },
    });
  });

  it("presentedToken rejects a repeated header", () => {
    const headers = new Headers();
    headers.append("authorization", `Bearer ${TOKEN}`);
    headers.append("authorization", `Bearer ${TOKEN}`);
    expect(presentedToken(requestWith(headers))).toMatchObject({
      ok: false,
      rejection: { reason: "credential_malformed" },
    });
  });

  it("presentedToken does not read a token from another place", () => {
    const headers = new Headers({ "x-access-token": TOKEN, cookie: `access_token=${TOKEN}` });
    expect(presentedToken(requestWith(headers))).toEqual({
      ok: false,
      rejection: { reason: "credential_missing", header: "Authorization" },
    });
  });
});

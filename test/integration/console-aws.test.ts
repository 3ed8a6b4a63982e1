import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Replayed } from "../../shared/delivery/replay.ts";
import { type AwsAccount, loadFunction, startAwsAccount } from "../support/aws-account.ts";
import { startGateway } from "../support/aws-gateway.ts";
import { storesOf } from "../support/aws-stream.ts";
import { startFrontDoor } from "../support/front-door.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { sampleDelivery } from "../support/samples.ts";
import { fieldIn, Visitor } from "../support/visitor.ts";

const CLIENT = "drawbridge-console";
const olga = { id: "olga", is: "on call", groups: ["on-call"] };

let account: AwsAccount;
let identity: IdentityProvider;
let door: Awaited<ReturnType<typeof startFrontDoor>>;
let gateway: Awaited<ReturnType<typeof startGateway>>;

beforeAll(async () => {
  account = await startAwsAccount();
  door = await startFrontDoor();
  const redirectUri = new URL("/console/signed-in", door.url).href;
  identity = await startIdentityProvider({ clients: [], site: { clientId: CLIENT, redirectUri, people: [olga] } });
  const config = {
    issuers: { people: { issuer: identity.issuer, audience: CLIENT, roles: ["on-call"] } },
    sources: { gitlab: { provider: "gitlab", signingToken: { current: "env:GITLAB" } } },
    targets: { listener: { kind: "tekton", url: "https://el.example.test" } },
    routes: { docs: { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "listener" } } } },
    console: { trust: "people", clientId: CLIENT, sealedBy: { current: "env:SEAL" }, url: door.url.origin },
  };
  const load = async () => (await import("../../functions/console.ts")).handler;
  const handler = await loadFunction(account, config, load, { SEAL: randomBytes(32).toString("base64") });
  gateway = await startGateway(handler, { kind: "http-api", base64: true });
  door.leadTo(gateway.url);
});
afterAll(async () => {
  await Promise.all([gateway, door, identity].map((one) => one?.close()));
  await account?.stop();
});

describe("the console as a function behind a gateway", () => {
  it("a public client's sign-in and session are kept in cookies, stored deliveries are shown, and orders are executed", async () => {
    const { deliveries } = storesOf(account);
    const delivery = sampleDelivery();
    await deliveries.record(delivery);
    await deliveries.addToTimeline(delivery.id, {
      at: delivery.receivedAt,
      kind: "scheduled",
      route: "docs",
      action: "tekton",
    });

    const visitor = new Visitor();
    await visitor.go(new URL(`/console/deliveries/${delivery.id}`, door.url));
    const page = await visitor.post(visitor.url.pathname, { person: "olga" });
    expect(page).toMatchObject({ status: 200, url: { pathname: `/console/deliveries/${delivery.id}` } });
    expect(page.text).toContain("<b>docs</b> matched: tekton");

    const asked = await visitor.go(new URL(`/console/deliveries/${delivery.id}/replay`, door.url));
    const order = { form: fieldIn(asked, "form"), key: fieldIn(asked, "key"), route: "docs" };
    const ordered = await visitor.post(`/console/deliveries/${delivery.id}/replay`, order);
    expect(ordered.text).toContain("Run again from");
    const id: Replayed["delivery"] = ordered.url.pathname.split("/").at(-1) ?? "";
    expect(await deliveries.get(id)).toMatchObject({ principal: { subject: "olga" }, replay: { of: delivery.id } });

    const routes = await visitor.go(new URL("/console/rollbacks", door.url));
    expect(routes.text).toContain("<option selected>docs</option>");
  });
});

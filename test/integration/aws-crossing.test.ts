import { afterEach, describe, expect, it } from "vitest";
import { awsBridge, pageAfterTurn } from "../support/aws-bridge.ts";
import { storesOf } from "../support/aws-stream.ts";
import { type MachineClient, startIdentityProvider } from "../support/identity-provider.ts";
import { until } from "../support/until.ts";

let bridge: Awaited<ReturnType<typeof awsBridge>>;
afterEach(() => bridge.stop());

describe("a page edit that is sent to the functions", () => {
  it("the edit fires one run, and its result is written to the page", async () => {
    bridge = await awsBridge();
    const { listener, page } = bridge;
    const receipt = (await (await bridge.edit()).json()) as { readonly delivery: string };
    expect(await (await bridge.edit()).json()).toEqual({ delivery: receipt.delivery, status: "duplicate" });
    await until("the page to show PASSED", pageAfterTurn(bridge), (body) => body.includes("PASSED"));
    expect(listener.requests).toHaveLength(1);
    expect(listener.rejections).toEqual([]);
    expect(page().message).toMatch(/PASSED \[d-[a-z2-7]{26}\]$/);
    // The function that shows the run fires none, but still traces the run back to its origin.
    const timeline = await storesOf(bridge.account).deliveries.timeline(receipt.delivery);
    expect(timeline).toContainEqual(expect.objectContaining({ kind: "followed_by" }));
    const used = (await storesOf(bridge.account).credentialUses.list()).map(
      ({ name, credential }) => `${name} ${credential}`,
    );
    expect(used).toEqual(["cluster current", "wiki current", "pages env:PAGES"]);
  });
});

describe("an order that is sent to the functions", () => {
  const AUDIENCE = "https://bridge.example.com";
  const clientOf = (id: string, claims: object = {}): MachineClient => ({
    id,
    secret: `${id}-secret-for-tests`,
    instead: { claims: { sub: "dana", ...claims }, header: {} },
  });

  it("an action judges it by the compiled orders: it fires for a person, and not for an agent that nobody approved", async () => {
    const [dana, agent] = [clientOf("dana"), clientOf("agent-for-dana", { act: { sub: "agent-7" } })];
    const identity = await startIdentityProvider({ clients: [dana, agent] });
    bridge = await awsBridge(
      {
        issuers: { people: { issuer: identity.issuer, audience: AUDIENCE, roles: ["release"] } },
        roles: { release: {} },
        orders: { "build-page": { roles: ["release"], inputs: { commit: { ref: "commit" } } } },
      },
      (plain) => ({
        ...plain,
        routes: {
          ordered: {
            when: { "detail-type": ["order.placed"] },
            do: { tekton: { target: "listener", params: { commit: "$.detail.order.inputs.commit" } } },
          },
        },
      }),
    );
    const { listener, account, turn } = bridge;
    const place = async (client: MachineClient, commit: string) => {
      const response = await fetch(new URL("/v1/orders/build-page", bridge.url), {
        method: "POST",
        headers: {
          authorization: `Bearer ${await identity.token(client, AUDIENCE)}`,
          "idempotency-key": "k-1",
          "content-type": "application/json",
        },
        body: JSON.stringify({ inputs: { commit } }),
      });
      return (await response.json()) as { readonly delivery: string; readonly status: string };
    };
    const [byPerson, byAgent] = ["c".repeat(40), "d".repeat(40)];
    const placed = await place(dana, byPerson);
    expect(placed.status).toBe("accepted");
    expect(await place(dana, byPerson)).toEqual({ ...placed, status: "duplicate" });
    const { delivery } = await place(agent, byAgent);
    const timelineOf = (id: string) => storesOf(account).deliveries.timeline(id);
    await until(
      "both orders to be judged",
      async () => {
        await turn();
        return Promise.all([placed.delivery, delivery].map(timelineOf));
      },
      (timelines) => timelines.every((lines) => lines.some(({ kind }) => kind === "attempt" || kind === "denied")),
    );
    expect(await timelineOf(delivery)).toContainEqual(
      expect.objectContaining({ kind: "denied", refusal: { reason: "agent_unattended" } }),
    );
    expect(listener.requests.map(({ text }) => text)).toEqual([expect.stringContaining(byPerson)]);
    await identity.close();
  });
});

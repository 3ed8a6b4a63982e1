import * as v from "valibot";
import { signByHmac } from "../hmac-proof.ts";
import type { Provider } from "../provider.ts";
import { readDelivery } from "./parse.ts";
import { confluenceSettings } from "./settings.ts";
import { carriedToken } from "./system-token.ts";
import { authenticateFor, hubSignatureScheme } from "./verify.ts";

/** Confluence Data Center and Cloud: page, label and comment events. */
export const confluence = {
  name: "confluence",
  settings: confluenceSettings,
  publishes: [
    "page.created",
    "page.updated",
    "page.moved",
    "page.trashed",
    "page.restored",
    "page.labeled",
    "page.unlabeled",
    "page.commented",
  ],
  secrets: { hubSignature: "hub-signature", "connect.secret": "connect-jwt", automation: "token" },
  connect({ name: source, settings: configured }, deps) {
    const settings = v.parse(confluenceSettings, configured);
    const { hubSignature, forge } = settings;
    const { keepToken } = deps;
    return {
      authenticate: authenticateFor({ source, settings, deps }),
      read: (delivery) => readDelivery(delivery, settings),
      ...(forge?.systemToken && {
        async keep(delivery) {
          const carried = carriedToken(delivery, forge);
          if (carried) await keepToken(carried);
        },
      }),
      // The other credentials do not cover the body, or only Atlassian has their key.
      ...(hubSignature && {
        sign: (request) => signByHmac(request, { scheme: hubSignatureScheme, secret: hubSignature }, deps),
      }),
    };
  },
} satisfies Provider;

import * as v from "valibot";
import { signByHmac } from "../hmac-proof.ts";
import type { Provider } from "../provider.ts";
import { readDelivery } from "./parse.ts";
import { confluenceSettings } from "./settings.ts";
import { carriedToken } from "./system-token.ts";
import { authenticateFor, hubSignatureScheme } from "./verify.ts";

/** Confluence Data Center and Cloud: events of pages, blog posts, labels, comments and attachments. */
export const confluence = {
  name: "confluence",
  settings: confluenceSettings,
  publishes: [
    "page.created",
    "page.updated",
    "page.rewritten",
    "page.published",
    "page.moved",
    "page.copied",
    "page.archived",
    "page.trashed",
    "page.restored",
    "page.deleted",
    "page.labeled",
    "page.unlabeled",
    "page.commented",
    "blogpost.created",
    "blogpost.updated",
    "blogpost.rewritten",
    "blogpost.trashed",
    "blogpost.restored",
    "blogpost.deleted",
    "blogpost.labeled",
    "blogpost.unlabeled",
    "attachment.created",
    "attachment.updated",
    "attachment.archived",
    "attachment.trashed",
    "attachment.restored",
    "attachment.deleted",
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

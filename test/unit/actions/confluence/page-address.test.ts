import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressOf, type PageLink, pageLinksIn } from "../../../../shared/actions/confluence/page-address.ts";
import { idOfTinyLink } from "../../../../shared/actions/confluence/tiny-link.ts";

const HOST = "example.atlassian.test";
const SITE = `https://${HOST}/wiki`;
const PAGE = `${SITE}/spaces/ENG/pages/98310`;

const idsIn = (text: string, site = SITE): readonly string[] =>
  pageLinksIn(text, site).flatMap((link) => ("id" in link ? link.id : []));

/** As Confluence makes a tiny link. */
function tinyLinkOf(id: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(id);
  return bytes.toString("base64").replaceAll("/", "-").replaceAll("+", "_").replace(/A*=*$/, "");
}

describe("links to pages of a site", () => {
  test.each([
    [PAGE, ["98310"]],
    [`${PAGE}/Release+4`, ["98310"]],
    [`${SITE}/spaces/~7120/pages/98310?focus=1#top`, ["98310"]],
    [`${SITE}/pages/viewpage.action?pageId=98310`, ["98310"]],
    [`${SITE}/pages/viewpage.action?spaceKey=ENG&pageId=98310`, ["98310"]],
    [`${SITE}/pages/viewpage.action?spaceKey=ENG&amp;pageId=98310`, ["98310"]],
    [`${SITE}/pages/editpage.action?pageId=98310`, ["98310"]],
    [`${SITE}/pages/viewpreviousversions.action?pageId=98310`, ["98310"]],
    [`${SITE}/pages/resumedraft.action?draftId=98310&draftShareId=0c1f`, ["98310"]],
    [`${SITE}/spaces/ENG/pages/edit-v2/98310?draftShareId=0c1f`, ["98310"]],
    [`${SITE}/spaces/ENG/overview?homepageId=98310`, ["98310"]],
    [`${SITE}/x/AYD2MQ`, ["838238209"]],
    [`See ${PAGE}. Also (${SITE}/spaces/ENG/pages/7)`, ["98310", "7"]],
    [`Page:${PAGE},${PAGE}/x`, ["98310"]],
    [`[plan|${PAGE}]`, ["98310"]],
    [`[plan](${PAGE}) and [plan](${SITE}/x/AYD2MQ)`, ["98310", "838238209"]],
    [`<${PAGE}>, &lt;${SITE}/x/AYD2MQ&gt;`, ["98310", "838238209"]],
    [`<a href="${PAGE}">`, ["98310"]],
    [`**${PAGE}** _${SITE}/x/AYD2MQ_`, ["98310", "838238209"]],
    [`参见${PAGE}。谢谢`, ["98310"]],
    [`http://${HOST}/wiki/spaces/ENG/pages/98310`, ["98310"]],
    [`HTTPS://Example.Atlassian.TEST:443/wiki/spaces/ENG/pages/98310`, ["98310"]],
    [`http://${HOST}:80/wiki/x/AYD2MQ`, ["838238209"]],
  ])("page links are found in %s", (text, expected) => {
    expect(idsIn(text)).toEqual(expected);
  });

  test.each<[string, PageLink]>([
    ["/display/ENG/Release+4", { space: "ENG", title: "Release 4" }],
    ["/display/ENG/Release+4?focusedCommentId=9#c", { space: "ENG", title: "Release 4" }],
    ["/display/ENG/Plan+%28draft%29+50%25", { space: "ENG", title: "Plan (draft) 50%" }],
    ["/display/ENG/Plan+(draft)", { space: "ENG", title: "Plan (draft)" }],
    ["/display/~kim/Straße", { space: "~kim", title: "Straße" }],
    ["/pages/viewpage.action?spaceKey=ENG&title=Release+4", { space: "ENG", title: "Release 4" }],
    ["/pages/viewpage.action?title=A%26B&amp;spaceKey=ENG", { space: "ENG", title: "A&B" }],
  ])("the link %s names a page by its title", (path, expected) => {
    expect(pageLinksIn(`(${SITE}${path}).`, SITE)).toEqual([expected]);
  });

  test.each([
    ["", ""],
    ["/spaces/ENG/overview", "/spaces/ENG/overview"],
    ["/display/ENG", "/display/ENG"],
    ["/display/ENG/%E0%A4%A", "/display/ENG/%E0%A4%A"],
    ["/spaces/ENG/pages/98310abc", "/spaces/ENG/pages/98310abc"],
    ["/spaces/ENG/pages/98310-2", "/spaces/ENG/pages/98310-2"],
    ["/spaces/ENG/pages/098310", "/spaces/ENG/pages/098310"],
    ["/spaces/ENG/pages/12345678901234567890", "/spaces/ENG/pages/12345678901234567890"],
    ["/pages/viewpage.action?pageId=-1", "/pages/viewpage.action"],
    ["/pages/viewpage.action?pageId=1&pageId=2", "/pages/viewpage.action"],
    ["/pages/viewpage.action#pageId=98310", "/pages/viewpage.action"],
    ["/x/", "/x/"],
    ["/download/attachments/98310/a.png?token=canary", "/download/attachments/98310/a.png"],
  ])("the link %s is of the site but of no page", (path, shown) => {
    expect(pageLinksIn(`See ${SITE}${path} now`, SITE)).toEqual([{ other: `${SITE}${shown}` }]);
  });

  test.each([
    "98310",
    "https://other.example.test/wiki/spaces/ENG/pages/98310",
    `${SITE}.evil.test/spaces/ENG/pages/98310`,
    `https://evil.test/?next=${PAGE}`,
    `https://evil.test/${PAGE}`,
    `${SITE.replace(".test", "xtest")}/spaces/ENG/pages/98310`,
    `https://kim:secret@${HOST}/wiki/spaces/ENG/pages/98310`,
    `https://${HOST}@evil.test/wiki/spaces/ENG/pages/98310`,
    `https://${HOST}:8443/wiki/spaces/ENG/pages/98310`,
    `https://${HOST}/wiki2/spaces/ENG/pages/98310`,
    `https://${HOST}/Wiki/spaces/ENG/pages/98310`,
    `https://${HOST}/spaces/ENG/pages/98310`,
    `ftp://${HOST}/wiki/spaces/ENG/pages/98310`,
  ])("no link of the site is found in %s", (text) => {
    expect(pageLinksIn(text, SITE)).toEqual([]);
  });

  test.each(["_see SITE/x/h9YS_", "SITE/x/h9YS- the plan", "SITE/x/h9YS_"])(
    "the end of a tiny link that may belong to the text makes no other page of it: %s",
    (text) => {
      expect(pageLinksIn(text.replace("SITE", SITE), SITE)).toEqual([{ other: expect.stringContaining("/x/h9YS") }]);
    },
  );

  test("a site that answers on http has no links with https", () => {
    expect(idsIn("https://127.0.0.1:8090/x/AYD2MQ", "http://127.0.0.1:8090")).toEqual([]);
    expect(idsIn("http://127.0.0.1:8090/x/AYD2MQ", "http://127.0.0.1:8090")).toEqual(["838238209"]);
  });
});

describe("the address of a page that a text names by its title", () => {
  test.each(["Release 4.", "Plan*", "_draft_", "What now?", "Plan (draft", "Plan)", "50%", "A&B", "C#", "a, b;"])(
    "the address of %j is read back as the same page",
    (title) => {
      const link = { space: "~kim", title };
      expect(pageLinksIn(`${addressOf(link, SITE)}`, SITE)).toEqual([link]);
    },
  );
});

describe("the time to read a text", () => {
  // Time in proportion to the square of the length would be minutes.
  test.each<[string, string]>([
    ["of brackets behind an address", `${SITE}/x/AYD2MQ${")".repeat(1_000_000)}`],
    ["of full stops behind an address", `${SITE}/x/AYD2MQ${".".repeat(1_000_000)}`],
    ["of underscores", `${"_".repeat(1_000_000)} ${SITE}/x/AYD2MQ`],
    ["of asterisks and tildes", `${"*~".repeat(500_000)} ${SITE}/x/AYD2MQ`],
  ])("a megabyte %s is read in proportion to its length", { timeout: 10_000 }, (_, text) => {
    expect(idsIn(text)).toEqual(["838238209"]);
  });
});

describe("a tiny link", () => {
  test.each([
    ["AYD2MQ", "838238209"],
    ["LIQHD", "201819180"],
    ["aN9oDw", "258531176"],
    ["h9YS", "1234567"],
  ])("the tiny link %s has the id %s", (code, id) => {
    expect(idOfTinyLink(code)).toBe(id);
  });

  test.each(["", "A", "AYD2MQA", "AYD2MQ==", "__________8", "___________", "AYD2MQAYD2MQ", "AY/2"])(
    "the text %j is not a tiny link",
    (code) => {
      expect(idOfTinyLink(code)).toBeUndefined();
    },
  );

  test("every tiny link has the id that it was made of", () => {
    fc.assert(
      fc.property(anyId, (id) => {
        expect(idOfTinyLink(tinyLinkOf(id))).toBe(String(id));
      }),
      { numRuns: 2_000 },
    );
  });
});

const anyId = fc.oneof(fc.bigInt(1n, 2n ** 63n - 1n), fc.bigInt(1n, 10_000_000_000n));
const anySpace = fc.constantFrom("ENG", "~7120", "~kim.example", "a%2Db");
const pathOfPage = fc.tuple(anyId, anySpace, fc.nat(10)).map(([id, space, form]) => {
  const paths = [
    `/spaces/${space}/pages/${id}`,
    `/spaces/${space}/pages/${id}/Release+4`,
    `/spaces/${space}/pages/edit-v2/${id}`,
    `/spaces/${space}/pages/edit-v2/${id}?draftShareId=0c1f`,
    `/pages/viewpage.action?pageId=${id}`,
    `/pages/viewpage.action?spaceKey=${space}&pageId=${id}#top`,
    `/pages/viewpage.action?pageId=${id}&amp;src=mail`,
    `/pages/editpage.action?pageId=${id}`,
    `/pages/resumedraft.action?draftId=${id}`,
    `/spaces/${space}/overview?homepageId=${id}`,
    // Not read: see below.
    /[^_-]$/.test(tinyLinkOf(id)) ? `/x/${tinyLinkOf(id)}` : `/spaces/ENG/pages/${id}`,
  ];
  return { id: String(id), path: paths[form] ?? "" };
});
const enclosed = fc.constantFrom<(address: string) => string>(
  (address) => address,
  (address) => `See ${address}.`,
  (address) => `(${address})`,
  (address) => `<${address}>`,
  (address) => `&lt;${address}&gt;`,
  (address) => `[plan](${address})`,
  (address) => `[plan|${address}]`,
  (address) => `**${address}**,`,
  (address) => `_${address}_`,
  (address) => `"${address}"`,
  (address) => `Plan:${address}\nSigned-off-by: Kim`,
  (address) => `${address}, https://other.example.test/x/AYD2MQ`,
);

describe("any text with links", () => {
  const own = fc.constantFrom(
    SITE,
    `http://${HOST}/wiki`,
    `https://${HOST}:443/wiki`,
    `http://${HOST}:80/wiki`,
    `https://${HOST.toUpperCase()}/wiki`,
  );
  const foreign = fc.constantFrom(
    `https://${HOST}`,
    `https://${HOST}/wiki2`,
    `https://${HOST}/WIKI`,
    `https://${HOST}/x/wiki`,
    `https://${HOST}.evil.test/wiki`,
    `https://evil-${HOST}/wiki`,
    `https://evil.${HOST}/wiki`,
    `https://evil.test/${HOST}/wiki`,
    `https://evil.test/?u=https://${HOST}/wiki`,
    `https://evil.test#https://${HOST}/wiki`,
    `https://kim@${HOST}/wiki`,
    `https://${HOST}@evil.test/wiki`,
    `https://${HOST}:8443/wiki`,
    `https://${HOST}./wiki`,
    `xhttps://${HOST}/wiki`,
    `https:/${HOST}/wiki`,
  );

  test("every written form of an id yields this id and no other", () => {
    fc.assert(
      fc.property(pathOfPage, own, enclosed, ({ id, path }, base, enclose) => {
        expect(pageLinksIn(enclose(`${base}${path}`), SITE)).toEqual([{ id }]);
      }),
      { numRuns: 2_000 },
    );
  });

  test("no address of another site or path yields a page", () => {
    fc.assert(
      fc.property(pathOfPage, foreign, enclosed, ({ path }, base, enclose) => {
        const links = pageLinksIn(enclose(`${base}${path}`), SITE);
        expect(links.filter((link) => !("other" in link))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  test("every id found stands in the text, as digits or as a tiny link of the site", () => {
    const part = fc.constantFrom(
      ...[SITE, `http://${HOST}`, "/wiki", "/spaces/", "ENG", "/pages/", "12", "0", "viewpage.action?", "pageId="],
      ...["&", "&amp;", " ", "-", "_", "@", ",", ")", "(", "/x/", "AYD2MQ", "/display/", "title=", "%", "é", "#", "?"],
    );
    const text = fc.oneof(
      fc.array(part, { maxLength: 30 }).map((parts) => parts.join("")),
      fc.string({ unit: "grapheme", maxLength: 200 }).map((before) => `${before}${SITE}`),
    );
    fc.assert(
      fc.property(text, (written) => {
        for (const id of idsIn(written)) {
          expect(id).toMatch(/^[1-9]\d{0,18}$/);
          expect(written.includes(id) || written.includes(`/x/${tinyLinkOf(BigInt(id))}`)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

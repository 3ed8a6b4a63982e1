import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommentReplyStore } from "../../shared/store/comment-replies.ts";
import { type TestDatabase, type TestTable, tableKinds } from "../support/stores.ts";
import { testClock } from "../support/test-doubles.ts";

const page = { site: "https://wiki.example.test", id: "98310" };

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`replies to comments on ${title}`, () => {
    const clock = testClock();
    let replies: CommentReplyStore;
    let database: TestDatabase;
    let deleteExpired: TestTable["deleteExpired"];
    beforeAll(async () => {
      database = await kind.start();
      const fresh = await database.freshTable();
      replies = new CommentReplyStore(fresh.table, { retentionDays: 90, clock });
      deleteExpired = fresh.deleteExpired;
    }, 60_000);
    afterAll(() => database?.stop());

    it("of any number of concurrent calls one takes a comment, and no later one does", async () => {
      const comment = { page, id: "98400" };
      const taken = await Promise.all([1, 2, 3].map(() => replies.take(comment)));
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await replies.take(comment)).toBe(false);
    });

    it("a comment is taken apart from another one, and from one with its id on another site", async () => {
      expect(await replies.take({ page, id: "98401" })).toBe(true);
      expect(await replies.take({ page: { ...page, site: "https://docs.example.test" }, id: "98401" })).toBe(true);
      expect(await replies.take({ page, id: "98402" })).toBe(true);
    });

    it("a comment that is released is taken once more, and a release of an unknown one changes nothing", async () => {
      const comment = { page, id: "98403" };
      await replies.release(comment);
      expect(await replies.take(comment)).toBe(true);
      await replies.release(comment);
      expect([await replies.take(comment), await replies.take(comment)]).toEqual([true, false]);
    });

    it("replies are counted up to the limit for each page and hour", async () => {
      const counted = await Promise.all([1, 2, 3].map(() => replies.count(page, 2)));
      expect(counted.filter(Boolean)).toHaveLength(2);
      expect(await replies.count({ ...page, id: "98311" }, 2)).toBe(true);
      clock.advance(3_600_000);
      expect(await replies.count(page, 2)).toBe(true);
    });

    it("a comment can be taken again only after the retention", async () => {
      const comment = { page, id: "98404" };
      await replies.take(comment);
      clock.advance(89 * 86_400_000);
      await deleteExpired(clock.now());
      expect(await replies.take(comment)).toBe(false);
      clock.advance(2 * 86_400_000);
      await deleteExpired(clock.now());
      expect(await replies.take(comment)).toBe(true);
    });
  });
}

import { openPageStores, type PageStores } from "../../shared/store/open-page-stores.ts";
import { openStores, type Stores } from "../../shared/store/open-stores.ts";
import type { Table } from "../../shared/store/table.ts";

export type AllStores = Stores & PageStores;
type Options = Parameters<typeof openStores>[1] & Parameters<typeof openPageStores>[1];

/** All stores over one table, as a process that receives and acts has them. */
export const openAllStores = (table: Table, options: Options): AllStores => ({
  ...openStores(table, options),
  ...openPageStores(table, options),
});

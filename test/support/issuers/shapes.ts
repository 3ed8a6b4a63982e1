import { JOB_ISSUERS } from "./jobs.ts";
import { PEOPLE_AND_APP_ISSUERS } from "./people-and-apps.ts";
import type { IssuerShape } from "./shape.ts";

/** One for each preset. */
export const ISSUER_SHAPES: readonly IssuerShape[] = [...JOB_ISSUERS, ...PEOPLE_AND_APP_ISSUERS];

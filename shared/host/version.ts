/** The version of this release: that of `package.json`, which no bundle contains. A test compares the two. */
export const VERSION = "0.1.0";

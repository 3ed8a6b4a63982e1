/** Merges streams that are each sorted downwards by `key` into one that is. Reads no stream further than it must. */
export async function* mergeNewestFirst<T>(
  streams: readonly AsyncGenerator<T>[],
  key: (item: T) => string,
): AsyncGenerator<T> {
  const heads = await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    let newest: { readonly at: number; readonly item: T } | undefined;
    for (const [at, head] of heads.entries()) {
      if (!head.done && (newest === undefined || key(head.value) > key(newest.item))) newest = { at, item: head.value };
    }
    const stream = newest && streams[newest.at];
    if (newest === undefined || stream === undefined) return;
    yield newest.item;
    heads[newest.at] = await stream.next();
  }
}

/** The stream in groups of `size`, the last one smaller. */
export async function* inGroups<T>(stream: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let group: T[] = [];
  for await (const item of stream) {
    if (group.push(item) < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** The whole stream, each item mapped. */
export async function collect<T, U>(stream: AsyncIterable<T>, map: (item: T) => U): Promise<U[]> {
  const collected: U[] = [];
  for await (const item of stream) collected.push(map(item));
  return collected;
}

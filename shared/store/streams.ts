/** Merges streams that are each sorted by `key` in descending order. Reads each stream only as far as needed. */
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

/** Splits the stream into groups of `size` items; the last group may be smaller. */
export async function* inGroups<T>(stream: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let group: T[] = [];
  for await (const item of stream) {
    if (group.push(item) < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** Reads the whole stream into an array, with each item mapped. */
export async function collect<T, U>(stream: AsyncIterable<T>, map: (item: T) => U): Promise<U[]> {
  const collected: U[] = [];
  for await (const item of stream) collected.push(map(item));
  return collected;
}

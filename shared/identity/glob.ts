/**
 * Whether `text` matches `glob`: `*` matches any characters except `/`, `**` matches any characters, and every other
 * character matches itself. Takes at most (length of the text) × (length of the glob) steps, for any input.
 */
export function matchesGlob(glob: string, text: string): boolean {
  const parts = glob.match(/\*\*|[^*]|\*/gsu) ?? [];
  // The positions in `parts` that the text read so far can reach.
  let places = skipStars(new Set([0]), parts);
  for (const letter of text.match(/./gsu) ?? []) {
    const next = new Set<number>();
    for (const place of places) {
      const part = parts[place];
      if (part === "**" || (part === "*" && letter !== "/")) next.add(place);
      else if (part === letter) next.add(place + 1);
    }
    places = skipStars(next, parts);
    if (places.size === 0) return false;
  }
  return places.has(parts.length);
}

/** A star may match an empty text. */
function skipStars(places: ReadonlySet<number>, parts: readonly string[]): ReadonlySet<number> {
  const reached = new Set<number>();
  for (let place of places) {
    reached.add(place);
    while (parts[place]?.startsWith("*")) reached.add(++place);
  }
  return reached;
}

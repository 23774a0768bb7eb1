// "did you mean": the nearest of a set of names.

/** `bootstrapServers`, `BOOTSTRAP_SERVERS` and `bootstrap.servers` are the same name, differently written. */
function normalize(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1.$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '.')
    .replace(/^\.|\.$/g, '')
}

/** Edits from one string to the other: insertions, deletions, substitutions, and swaps of neighbours. */
export function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let edits = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, beforeLast[j - 2] + 1)
      }
      row.push(edits)
    }
    if (Math.min(...row) > limit) return limit + 1
    beforeLast = last
    last = row
  }
  return last[b.length]
}

/** The candidate that was probably meant, or undefined when none is near. */
export function nearest(given: string, candidates: Iterable<string>): string | undefined {
  const wanted = normalize(given)
  // A name much longer than any property is no misspelling, and comparing it would take its time.
  if (wanted === '' || wanted.length > 100) return undefined
  let best: string | undefined
  let bestScore = Math.max(1, Math.floor(wanted.length / 4)) + 0.5
  for (const candidate of candidates) {
    const name = normalize(candidate)
    let score = editDistance(wanted, name, Math.ceil(bestScore))
    // Left out the unit or the prefix: `linger` for `linger.ms`, `username` for `sasl.username`.
    if (wanted.length > 3 && (name.startsWith(`${wanted}.`) || name.endsWith(`.${wanted}`)))
      score = Math.min(score, 1.2)
    if (score < bestScore || (score === bestScore && best !== undefined && candidate.length < best.length)) {
      best = candidate
      bestScore = score
    }
  }
  return best
}

// What can be subscribed to: topic names, and patterns in the form that librdkafka takes them.
import { KafkaError } from './errors.js'
import { checkOwnPattern, Translation } from './topic-pattern.js'

/**
 * @internal Who matches patterns, and how. `classic`: librdkafka by POSIX, anywhere in the name. `consumer` (KIP-848): brokers by
 * RE2/J, which has to match the whole name.
 */
export type Matching = 'classic' | 'consumer'

/**
 * @internal A name as it is, a RegExp as a pattern that begins with `^` and means the same to whoever matches it. A string
 * that begins with `^` is librdkafka's own kind of pattern and goes as it is. What its matcher does not know is refused: it
 * would match something else, or nothing, without a word.
 */
export function patternOf(topic: string | RegExp, matching: Matching): string {
  if (typeof topic === 'string' && topic !== '') {
    if (topic.startsWith('^')) checkOwnPattern(topic, matching)
    return topic
  }
  if (!(topic instanceof RegExp)) {
    throw new KafkaError('_INVALID_ARG', `a topic is a name or a RegExp; got ${topic === '' ? "''" : typeof topic}`)
  }
  if (topic.flags !== '') throw new KafkaError('_INVALID_ARG', `${topic}: patterns of topics have no flags`)
  const pattern = new Translation(topic).pattern()
  // librdkafka knows a pattern by its ^; a RegExp without one matches anywhere.
  const single = !alternatives(pattern)
  const begun = single && pattern.startsWith('^')
  if (matching === 'classic') return begun ? pattern : `^(.*(${pattern}))`
  const from = begun ? pattern : single ? `^.*${pattern}` : `^.*(${pattern})`
  return single && endsWithAnchor(pattern) ? from : `${from}.*`
}

/** Whether it is `a|b` as a whole, of which only the first begins with the ^. */
function alternatives(pattern: string): boolean {
  let depth = 0
  for (const part of partsOf(pattern)) {
    if (part === '(') depth++
    else if (part === ')') depth--
    else if (part === '|' && depth === 0) return true
  }
  return false
}

function endsWithAnchor(pattern: string): boolean {
  return partsOf(pattern).at(-1) === '$'
}

const partsOf = (pattern: string): string[] => pattern.match(/\\.|\[[^\]]*\]|./gs) ?? []

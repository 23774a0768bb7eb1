// What can be subscribed to: topic names, and patterns in the form that librdkafka takes them.
import { KafkaError } from './errors.js'

/**
 * @internal A name as it is, a RegExp as a pattern that begins with `^`. A RegExp is written anew in what all who match it
 * know: POSIX (librdkafka itself) and RE2 (brokers, for `group.protocol=consumer`). What cannot be said there is refused:
 * it would match something else, or nothing, without a word.
 */
export function patternOf(topic: string | RegExp): string {
  if (typeof topic === 'string' && topic !== '') return topic
  if (topic instanceof RegExp) {
    if (topic.flags !== '') {
      throw new KafkaError('_INVALID_ARG', `${topic}: patterns of topics have no flags`)
    }
    const pattern = new Translation(topic).pattern()
    // librdkafka knows a pattern by its ^; a RegExp without one matches anywhere.
    return pattern.startsWith('^') && !alternatives(pattern) ? pattern : `^(.*(${pattern}))`
  }
  throw new KafkaError('_INVALID_ARG', `a topic is a name or a RegExp; got ${topic === '' ? "''" : typeof topic}`)
}

/** Whether it is `a|b` as a whole, of which only the first begins with the ^. */
function alternatives(pattern: string): boolean {
  let depth = 0
  for (const part of pattern.match(/\\.|\[[^\]]*\]|./gs) ?? []) {
    if (part === '(') depth++
    else if (part === ')') depth--
    else if (part === '|' && depth === 0) return true
  }
  return false
}

const classes: Record<string, string> = { d: '0-9', w: '0-9A-Za-z_', s: ' ' }

class Translation {
  readonly #regExp: RegExp
  readonly #source: string
  #at = 0

  constructor(regExp: RegExp) {
    this.#regExp = regExp
    this.#source = regExp.source
  }

  pattern(): string {
    let text = ''
    while (this.#at < this.#source.length) text += this.#next()
    return text
  }

  #next(): string {
    const rest = this.#source.slice(this.#at)
    const character = rest[0]
    if (character === '\\') return this.#escape(false)
    if (character === '[') return this.#set()
    if (rest.startsWith('(?')) {
      if (!rest.startsWith('(?:')) this.#refuse(rest.slice(0, rest[2] === '<' ? 4 : 3))
      this.#at += 3
      return '('
    }
    const quantifier = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(rest)?.[0]
    if (quantifier) {
      this.#at += quantifier.length
      if (this.#source[this.#at] === '?') this.#refuse(`${quantifier}?`)
      return quantifier
    }
    this.#at++
    return character
  }

  /** In a set or outside of one: a class of characters, or a character that is meant as it is. */
  #escape(inSet: boolean): string {
    const character = this.#source[this.#at + 1]
    this.#at += 2
    const set = classes[character]
    if (set) return inSet ? set : `[${set}]`
    const negated = classes[character.toLowerCase()]
    if (negated && !inSet) return `[^${negated}]`
    if (/[0-9A-Za-z]/.test(character)) this.#refuse(`\\${character}`)
    // In POSIX's sets a backslash is a character like any other.
    if (inSet && /[\]^\\-]/.test(character)) this.#refuse(`\\${character} in a set`)
    return inSet ? character : `\\${character}`
  }

  #set(): string {
    let text = '['
    this.#at++
    if (this.#source[this.#at] === '^') {
      text += '^'
      this.#at++
    }
    if (this.#source[this.#at] === ']') this.#refuse(`${text}]`)
    while (this.#source[this.#at] !== ']') {
      if (this.#source[this.#at] === '\\') text += this.#escape(true)
      else if (this.#source[this.#at] === '[') this.#refuse('[ in a set')
      else text += this.#source[this.#at++]
    }
    this.#at++
    return `${text}]`
  }

  #refuse(what: string): never {
    throw new KafkaError(
      '_INVALID_ARG',
      `${this.#regExp}: ${what} is not known to those who match topics (POSIX and RE2); give names, or a simpler pattern`,
    )
  }
}

// Patterns of topics: RegExps written anew for whoever matches, and librdkafka's own checked for what that one knows.
import { KafkaError } from './errors.js'
import type { Matching } from './subscription.js'

// RE2's limit of repetitions.
const mostRepeats = 1000
// Of escapes with a letter or a digit, what GNU's POSIX and RE2/J know.
const escapes: Record<Matching, RegExp> = { classic: /[wWsSbB1-9]/, consumer: /[AbBCQEzdDsSwWpPafnrtvx0]/ }
const matchers: Record<Matching, string> = {
  classic: 'POSIX, by which librdkafka matches topics',
  consumer: 'RE2, by which brokers match topics for group.protocol=consumer',
}

/** @internal A string that begins with ^, as it stands. Whether its parentheses match librdkafka checks itself. */
export function checkOwnPattern(pattern: string, matching: Matching): void {
  const refuse = (what: string): never => {
    const hint = 'give a RegExp, which is written anew for it, names, or a simpler pattern'
    throw new KafkaError(
      '_INVALID_ARG',
      `subscribe: '${pattern}': ${what} is not known to ${matchers[matching]}; ${hint}`,
    )
  }
  const parts = pattern.match(/\\.|\[\^?\]?[^\]]*\]|./gs) ?? []
  const plain = parts.map((part) => (part.length > 1 ? 'x' : part)).join('')
  // Not to librdkafka's own check either, which goes by POSIX whoever matches.
  const group = /\(\?(?:<[=!]|.)?/.exec(plain)?.[0]
  if (group) refuse(group)
  const strange = parts.find((part) => /^\\[0-9A-Za-z]/.test(part) && !escapes[matching].test(part[1]))
  if (strange) refuse(strange)
  if (matching === 'classic') return
  const nested = /(?:[*+?]|\{\d+(?:,\d*)?\})[*+{]/.exec(plain)?.[0]
  if (nested) refuse(nested)
  for (const [count] of plain.matchAll(/\{\d+(?:,\d*)?\}/g)) if (tooMany(count)) refuse(count)
}

const tooMany = (quantifier: string): boolean => (quantifier.match(/\d+/g) ?? []).some((n) => Number(n) > mostRepeats)

const classes: Record<string, string> = { d: '0-9', w: '0-9A-Za-z_', s: ' ' }

/** @internal A RegExp, written anew in what all who match topics know: POSIX (librdkafka itself) and RE2 (brokers, KIP-848). */
export class Translation {
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
      if (tooMany(quantifier)) this.#refuse(quantifier)
      this.#at += quantifier.length
      if (this.#source[this.#at] === '?') this.#refuse(`${quantifier}?`)
      return quantifier
    }
    // A character like any other in a RegExp, the beginning of a count in POSIX.
    if (character === '{') this.#refuse('{')
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
    // A dash is itself at either end of a set; elsewhere it makes a range of the single characters beside it.
    let single = false
    let range = false
    for (let first = true; this.#source[this.#at] !== ']'; first = false) {
      const [character, after] = this.#source.slice(this.#at)
      const dash = character === '-' && after !== ']' && !first
      const isClass = character === '\\' && after in classes
      if ((dash && !single) || (range && isClass)) this.#refuse(`${text}${character}${isClass ? after : ''}`)
      if (character === '\\') text += this.#escape(true)
      else if (character === '[') this.#refuse('[ in a set')
      else text += this.#source[this.#at++]
      single = !dash && !range && !isClass && !(first && character === '-')
      range = dash
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

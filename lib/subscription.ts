// What can be subscribed to: topic names, and patterns in the form that librdkafka takes them.
import { KafkaError } from './errors.js'

/** @internal A name as it is, a RegExp as a pattern that begins with `^`. */
export function patternOf(topic: string | RegExp): string {
  if (typeof topic === 'string' && topic !== '') return topic
  if (topic instanceof RegExp) {
    if (topic.flags !== '') {
      throw new KafkaError('_INVALID_ARG', `${topic}: patterns of topics have no flags`)
    }
    const { source } = topic
    // librdkafka knows a pattern by its ^; a RegExp without one matches anywhere.
    return source.startsWith('^') ? source : `^.*(${source})`
  }
  throw new KafkaError('_INVALID_ARG', `a topic is a name or a RegExp; got ${topic === '' ? "''" : typeof topic}`)
}

// Errors of the clients that belong to no call: before the run has begun they end it, later the clients deal with them.
import { Problem } from './problem.mjs'

const hopeless = new Set(['_AUTHENTICATION', '_SSL', 'TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED'])
const noTopic = new Set(['UNKNOWN_TOPIC_OR_PART', '_UNKNOWN_TOPIC', '_UNKNOWN_PARTITION', 'TOPIC_EXCEPTION'])
const creationMs = 5_000

export class ConnectionWatch {
  #brokers
  #topic
  #fail
  #note
  #begun = false
  #cause
  #creation
  #noted = new Set()

  /**
   * @param {{ brokers: string, topic: string, fail: (problem: Problem) => void, note: (text: string) => void }} options
   */
  constructor({ brokers, topic, fail, note }) {
    this.#brokers = brokers
    this.#topic = topic
    this.#fail = fail
    this.#note = note
  }

  /** The clients have found the cluster and the topic: from here on they reconnect by themselves. */
  begun() {
    this.#begun = true
    clearTimeout(this.#creation)
  }

  /** @param {import('odradek').KafkaError} error */
  onError(error) {
    if (error.fatal || hopeless.has(error.code)) this.#fail(new Problem(`${this.#brokers}: ${error.message}`))
    else if (this.#begun) this.#noteOnce(error)
    else if (error.code === '_ALL_BROKERS_DOWN') this.#fail(this.#unreachable())
    else if (noTopic.has(error.code)) this.#missing(error)
    else this.#cause = error
  }

  #noteOnce({ code, message }) {
    if (this.#noted.has(code)) return
    this.#noted.add(code)
    this.#note(`connection: ${message}`)
  }

  #unreachable() {
    const why = this.#cause ? ` (${this.#cause.message})` : ''
    return new Problem(
      `No broker of KAFKA_BROKERS=${this.#brokers} can be reached${why}. Start it, or correct the address.`,
    )
  }

  /** Given some time: a topic that is created by asking for it is not known at first. */
  #missing({ message }) {
    this.#creation ??= setTimeout(() => {
      const what = `The topic '${this.#topic}' is not there and could not be created (${message})`
      this.#fail(new Problem(`${what}. Create it, or name another with --topic.`))
    }, creationMs)
  }

  close() {
    clearTimeout(this.#creation)
  }
}

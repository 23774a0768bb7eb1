// Sends that wait for room in the queue, served in their order.

/** @internal */
export interface WaitingSend {
  /** How much of it waits; writing brings it down. */
  readonly messages: number
  readonly bytes: number
  /** In the order of sends; WaitingSends gives it. */
  place: number
  /** Writes what there is room for; true when all of it is written. May throw: then the send has failed. */
  write(): boolean
  reject(error: unknown): void
}

/** @internal A place among those that wait: when it is reached, those before it are written or given up, and there is room. */
export class Turn implements WaitingSend {
  readonly messages = 0
  readonly bytes = 0
  place = 0
  readonly reached: Promise<void>
  readonly #onReached: () => void
  #resolve: () => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(onReached: () => void) {
    this.#onReached = onReached
    this.reached = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  write(): boolean {
    this.#onReached()
    this.#resolve()
    return true
  }

  reject(error: unknown): void {
    this.#onReached()
    this.#reject(error)
  }
}

/** @internal */
export class WaitingSends {
  #sends: (WaitingSend | undefined)[] = []
  #head = 0
  // The place of the first element.
  #first = 0
  #messages = 0
  #bytes = 0

  get empty(): boolean {
    return this.#head === this.#sends.length
  }

  /** Messages that wait. */
  get messages(): number {
    return this.#messages
  }

  get bytes(): number {
    return this.#bytes
  }

  add(send: WaitingSend): void {
    send.place = this.#first + this.#sends.push(send) - 1
    this.#messages += send.messages
    this.#bytes += send.bytes
  }

  /** The one that came last, if it waits still. */
  get last(): WaitingSend | undefined {
    return this.empty ? undefined : this.#sends[this.#sends.length - 1]
  }

  /** More has joined one that waits. */
  grew(messages: number, bytes: number): void {
    this.#messages += messages
    this.#bytes += bytes
  }

  /** What is not written yet never will be. */
  remove(send: WaitingSend, reason: unknown): void {
    const index = send.place - this.#first
    if (this.#sends[index] !== send) return
    this.#sends[index] = undefined
    this.#forget(send.messages, send.bytes)
    send.reject(reason)
    this.#skip()
  }

  /** Lets sends write while there is room. */
  run(hasRoom: () => boolean): void {
    while (!this.empty && hasRoom()) {
      const send = this.#sends[this.#head] as WaitingSend
      const { messages, bytes } = send
      let error: unknown
      let failed = false
      let done = true
      try {
        done = send.write()
      } catch (caught) {
        error = caught
        failed = true
      }
      this.#forget(messages, bytes)
      if (!done) {
        this.#messages += send.messages
        this.#bytes += send.bytes
        return
      }
      this.#sends[this.#head++] = undefined
      this.#skip()
      if (failed) send.reject(error)
    }
  }

  rejectAll(error: unknown): void {
    const sends = this.#sends
    this.#drop(sends.length)
    this.#messages = 0
    this.#bytes = 0
    for (const send of sends) send?.reject(error)
  }

  #forget(messages: number, bytes: number): void {
    this.#messages -= messages
    this.#bytes -= bytes
  }

  /** To the next that waits still. */
  #skip(): void {
    while (this.#head < this.#sends.length && this.#sends[this.#head] === undefined) this.#head++
    if (this.empty || (this.#head > 4096 && this.#head * 2 > this.#sends.length)) this.#drop(this.#head)
  }

  #drop(count: number): void {
    this.#sends = this.#sends.slice(count)
    this.#first += count
    this.#head = 0
  }
}

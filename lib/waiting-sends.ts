// Sends that wait for room in the queue, served in their order.

/** @internal */
export interface WaitingSend {
  /** How many messages of it wait. */
  messages(): number
  /** Writes what there is room for; true when all of it is written. May throw: then the send has failed. */
  write(): boolean
  reject(error: unknown): void
}

/** @internal */
export class WaitingSends {
  #sends: (WaitingSend | undefined)[] = []
  #head = 0

  get empty(): boolean {
    return this.#head === this.#sends.length
  }

  /** Messages that wait. */
  get messages(): number {
    let messages = 0
    for (let i = this.#head; i < this.#sends.length; i++) messages += this.#sends[i]?.messages() ?? 0
    return messages
  }

  add(send: WaitingSend): void {
    this.#sends.push(send)
  }

  /** What is not written yet never will be. */
  remove(send: WaitingSend, reason: unknown): void {
    const index = this.#sends.indexOf(send, this.#head)
    if (index < 0) return
    this.#sends[index] = undefined
    send.reject(reason)
  }

  /** Lets sends write while there is room. */
  run(hasRoom: () => boolean): void {
    while (!this.empty && hasRoom()) {
      const send = this.#sends[this.#head]
      try {
        if (send && !send.write()) return
      } catch (error) {
        send?.reject(error)
      }
      this.#sends[this.#head++] = undefined
    }
    if (this.empty) {
      this.#sends = []
      this.#head = 0
    } else if (this.#head > 4096) {
      this.#sends = this.#sends.slice(this.#head)
      this.#head = 0
    }
  }

  rejectAll(error: unknown): void {
    const sends = this.#sends.slice(this.#head)
    this.#sends = []
    this.#head = 0
    for (const send of sends) send?.reject(error)
  }
}

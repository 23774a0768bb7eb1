// Who waits for something to come true.
export class Watchers {
  #list: readonly (() => void)[] = []

  /** Something has changed: whoever waits looks again. */
  changed(): void {
    const list = this.#list
    for (let i = 0; i < list.length; i++) list[i]()
  }

  /** Whether the condition comes true within `ms` milliseconds. */
  until(condition: () => boolean, ms: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const end = (holds: boolean) => {
        clearTimeout(timer)
        this.#list = this.#list.filter((other) => other !== watcher)
        resolve(holds)
      }
      const watcher = () => {
        if (condition()) end(true)
      }
      const timer = setTimeout(() => end(condition()), Math.min(ms, 0x7fffffff))
      this.#list = [...this.#list, watcher]
    })
  }
}

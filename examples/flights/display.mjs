// Progress as it is shown: drawn in place on a terminal, or as a line now and then for a pipe or a CI.
import { bar, n, seconds } from './text.mjs'

const frameMs = 80
const lineMs = 1_000
const rateWindowMs = 1_000
const barWidth = 30

/**
 * What there is to show.
 * @typedef {{ stage: string, total: number, produced: number, delivered: number, consumed: number, inFlight: number,
 *   lag: number, rejected: number }} Status total: the records of the input, as far as it is known
 */

/** @param {NodeJS.WriteStream} out */
export function openDisplay(out, env = process.env) {
  const live = out.isTTY && !env.CI && env.TERM !== 'dumb'
  const color = live && !env.NO_COLOR
  return live ? new LiveDisplay(out, color) : new PlainDisplay(out)
}

class Display {
  #begun = performance.now()
  #timer
  #samples = []
  /** @type {() => Status} */
  status

  constructor(out, color) {
    this.out = out
    this.color = color
  }

  /** Shows the status again and again, until `stop`. */
  start(status, everyMs) {
    this.status = status
    this.#timer = setInterval(() => this.show(), everyMs)
  }

  stop() {
    clearInterval(this.#timer)
  }

  get elapsed() {
    return performance.now() - this.#begun
  }

  /** Records per second, over the last second. */
  rates({ delivered, consumed }) {
    const now = performance.now()
    this.#samples.push({ at: now, delivered, consumed })
    while (this.#samples.length > 2 && now - this.#samples[1].at > rateWindowMs) this.#samples.shift()
    const [first] = this.#samples
    const per = (records) => (now > first.at ? (records * 1_000) / (now - first.at) : 0)
    return { delivered: per(delivered - first.delivered), consumed: per(consumed - first.consumed) }
  }

  paint(code, text) {
    return this.color && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text
  }

  title(text) {
    return this.paint(1, text)
  }

  dim(text) {
    return this.paint(2, text)
  }

  good(text) {
    return this.paint(32, text)
  }

  bad(text) {
    return this.paint(31, text)
  }

  line(text = '') {
    this.out.write(`${text}\n`)
  }
}

const percent = (share) => `${Math.floor(Math.min(share, 1) * 100)} %`

class PlainDisplay extends Display {
  #shownAt = Number.NEGATIVE_INFINITY
  #last = ''

  start(status) {
    super.start(status, 100)
  }

  /** A line each second, the first as soon as there is something to tell. */
  show(now = false) {
    const status = this.status()
    const rates = this.rates(status)
    if (!now && (status.delivered === 0 || this.elapsed - this.#shownAt < lineMs)) return
    const { total, delivered, consumed, inFlight, lag, rejected } = status
    const text = [
      `${percent(total > 0 ? consumed / total : 0)}: ${n(delivered)} delivered (${n(rates.delivered)}/s)`,
      `${n(consumed)} consumed (${n(rates.consumed)}/s)`,
      `in flight ${n(inFlight)}`,
      `lag ${n(lag)}`,
      ...(rejected > 0 ? [`set aside ${n(rejected)}`] : []),
    ].join(', ')
    if (text === this.#last) return
    this.#shownAt = this.elapsed
    this.#last = text
    this.line(`${seconds(this.elapsed)}  ${text}`)
  }

  note(text) {
    this.line(text)
  }

  stop() {
    super.stop()
    if (this.status && this.status().delivered > 0) this.show(true)
  }
}

class LiveDisplay extends Display {
  #drawn = 0
  #restore = () => this.out.write('\x1b[?25h')

  start(status) {
    // However the process ends, the cursor is visible afterwards.
    process.on('exit', this.#restore)
    this.out.write('\x1b[?25l')
    super.start(status, frameMs)
    this.show()
  }

  show() {
    const width = this.out.columns || 80
    const lines = this.#frame(this.status(), Math.max(8, Math.min(barWidth, width - 48)))
    // Cut by characters, which colours are not: a line that wraps could not be drawn over.
    const cut = lines.map(({ text, shown }) => (text.length > width - 1 ? text.slice(0, width - 1) : shown))
    this.out.write(`${this.#clear()}${cut.join('\n')}\n`)
    this.#drawn = cut.length
  }

  #clear() {
    return this.#drawn > 0 ? `\x1b[${this.#drawn}A\x1b[0J` : ''
  }

  #frame(status, width) {
    const { stage, total, produced, delivered, consumed, inFlight, lag, rejected } = status
    const rates = this.rates(status)
    const row = (name, records, rate) => {
      const share = total > 0 ? records / total : 0
      const filled = bar(share, width)
      const label = `  ${name.padEnd(10)}`
      const rest = `${percent(share).padStart(6)}  ${n(records).padStart(11)}  ${rate === undefined ? '' : `${n(rate).padStart(9)}/s`}`
      const gap = ' '.repeat(width - filled.length)
      const done = share >= 1
      return {
        text: `${label}${filled}${gap}${rest}`,
        shown: `${label}${this.paint(done ? 32 : 36, filled)}${this.paint(2, '·'.repeat(gap.length))}${rest}`,
      }
    }
    const facts = `${stage}   in flight ${n(inFlight)}   lag ${n(lag)}   set aside ${n(rejected)}   ${seconds(this.elapsed)}`
    return [
      row('produced', produced),
      row('delivered', delivered, rates.delivered),
      row('consumed', consumed, rates.consumed),
      { text: `  ${facts}`, shown: `  ${this.dim(facts)}` },
    ]
  }

  /** A line above what is drawn in place. */
  note(text) {
    this.out.write(`${this.#clear()}${text}\n`)
    this.#drawn = 0
    if (this.status) this.show()
  }

  stop() {
    super.stop()
    if (this.status) this.show()
    this.#drawn = 0
    this.status = undefined
    this.#restore()
    process.off('exit', this.#restore)
  }
}

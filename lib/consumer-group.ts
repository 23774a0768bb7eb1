// What a consumer reads: subscriptions and the rebalances that follow, or partitions taken by hand.
import { Dispatch, type NativePartition } from './binding.js'
import { settlesWithin } from './client.js'
import { publishRebalance } from './consumer-diagnostics.js'
import { ConsumerReading } from './consumer-reading.js'
import { KafkaError } from './errors.js'
import {
  checkPartitions,
  checkStarts,
  nameOf,
  Offset,
  type TopicPartition,
  type TopicPartitionOffset,
} from './offset.js'
import { type Rebalance, rebalanceOf, runHook, withStarts } from './rebalance.js'
import { patternOf } from './subscription.js'

const unsubscribeSlice = 10_000

export abstract class ConsumerGroup extends ConsumerReading {
  #assignment: TopicPartition[] = []
  #rebalance: Rebalance | undefined
  #rebalancing: Promise<void> | undefined
  #abandon: (() => void) | undefined
  #disposed = false
  #barrier: Promise<unknown> = Promise.resolve()
  /** Partitions were taken by hand: there is no membership that could be lost. */
  protected byHand = false
  /** close() is about to leave the group. */
  protected leaving = false

  /** What is known of where these partitions are, or all of them, is not true any more. */
  protected abstract forgetPositions(partitions: readonly TopicPartition[] | null): void

  protected override get rebalancePending(): boolean {
    return this.#rebalance !== undefined
  }

  protected override get usableWhileClosing(): boolean {
    return this.#rebalancing !== undefined
  }

  protected override dispatch(kind: number, a: unknown, b: unknown, c: unknown, d: unknown): void {
    if (kind !== Dispatch.rebalance) {
      super.dispatch(kind, a, b, c, d)
      return
    }
    this.#rebalance = rebalanceOf(a as number, b as NativePartition[], c as boolean, d as boolean)
    this.interrupt()
    // Otherwise the application is not asking, and the rebalance waits until it does.
    if (this.closed) void this.runRebalance()
  }

  protected override runRebalance(): Promise<void> {
    // Set before the hook runs: it may use the consumer while that closes.
    this.#rebalancing ??= Promise.resolve()
      .then(() => this.#handleRebalance())
      .finally(() => {
        this.#rebalancing = undefined
        // Another one came before this could be known to be through, and nobody asks any more.
        if (this.#rebalance && this.closed) void this.runRebalance()
      })
    return this.#rebalancing
  }

  async #handleRebalance(): Promise<void> {
    const rebalance = this.#rebalance
    if (!rebalance) return
    const { partitions, assigned } = rebalance
    publishRebalance(this.name, { kind: assigned ? 'assigned' : rebalance.lost ? 'lost' : 'revoked', partitions })
    if (!assigned) await this.#drain(rebalance)
    // Who leaves takes nothing over any more.
    const starts = this.#disposed || (assigned && this.leaving) ? undefined : await this.#runHook(rebalance)
    if (this.#disposed) {
      this.#rebalance = undefined
      return
    }
    if (!assigned) {
      this.store()
      this.inbox.forgetHanded(partitions)
    }
    const list = assigned ? withStarts(rebalance.native, starts) : null
    const settled = () => {
      // The next one may be here already.
      if (this.#rebalance === rebalance) this.#rebalance = undefined
      this.#take(rebalance)
    }
    try {
      await this.command((id) => this.native.completeRebalance(id, list), undefined, settled)
    } catch (error) {
      this.report(error as KafkaError)
    }
  }

  /** What is in hand is finished and stored, unless it is lost anyway. */
  async #drain({ partitions, lost }: Rebalance): Promise<void> {
    const drained = this.reader?.revoking?.(partitions, lost)
    // Who leaves has waited for it already.
    if (drained && !this.leaving) {
      await settlesWithin(Promise.race([drained, this.#abandonable()]), this.maxPollInterval)
    }
    if (lost) {
      this.inbox.forgetHanded(partitions)
      this.reader?.handled?.()
    }
    this.store()
  }

  /** A hook or handler that never settles is not waited for any longer, nor does it keep the process alive. */
  protected override disposed(): void {
    this.#disposed = true
    this.#abandon?.()
  }

  #abandonable(): Promise<undefined> {
    return new Promise((resolve) => {
      this.#abandon = () => resolve(undefined)
    })
  }

  #runHook(rebalance: Rebalance): Promise<TopicPartitionOffset[] | undefined> {
    const report = (error: KafkaError) => this.report(error)
    return runHook(this.options, rebalance, this.maxPollInterval, report, this.#abandonable())
  }

  /** Before leaving: what streams have handed out may be finished, for `ms` milliseconds. */
  protected async finishStreams(ms: number): Promise<void> {
    const drained = this.reader?.revoking?.(this.assignment, false)
    if (!drained) return
    await settlesWithin(drained, ms)
    this.store()
  }

  /** Before leaving: a rebalance in the middle is finished, without its hook if that does not settle within `ms`. */
  protected async finishRebalance(ms: number): Promise<void> {
    if (!this.#rebalance || (await settlesWithin(this.runRebalance(), ms))) return
    this.#abandon?.()
  }

  #take({ partitions, assigned, cooperative }: Rebalance): void {
    this.forgetPositions(cooperative ? partitions : null)
    if (assigned && !this.leaving) {
      this.#assignment = cooperative ? [...this.#assignment, ...partitions] : partitions
      this.reader?.assigned?.(partitions)
      return
    }
    this.inbox.drop(cooperative ? partitions : null)
    this.reader?.revoked?.(cooperative ? partitions : null)
    const gone = new Set(partitions.map(nameOf))
    this.#assignment = cooperative ? this.#assignment.filter((p) => !gone.has(nameOf(p))) : []
  }

  /** The partitions that are this consumer's now. */
  get assignment(): TopicPartition[] {
    return [...this.#assignment]
  }

  /** Whether there are any, for probes. */
  get isAssigned(): boolean {
    return this.#assignment.length > 0
  }

  /**
   * Subscribes to topics: names, or patterns (a RegExp, or a string that begins with `^`). Replaces what was subscribed
   * to. Does not wait for an assignment. A RegExp means the same in every group; a string is librdkafka's own pattern,
   * which is matched anywhere in the name, but for `group.protocol=consumer` by brokers, against the whole name. Rejects
   * with KafkaError `_INVALID_ARG` for a pattern that cannot be used.
   */
  async subscribe(topics: string | RegExp | readonly (string | RegExp)[]): Promise<void> {
    this.assertOpen()
    const list = (Array.isArray(topics) ? topics : [topics]).map((topic) => ({
      topic: patternOf(topic, this.groupProtocol),
      partition: -1,
    }))
    if (list.length === 0) throw new KafkaError('_INVALID_ARG', 'subscribe takes at least one topic')
    this.assertMember('subscribe')
    this.byHand = false
    await this.command((id) => this.native.subscribe(id, list))
  }

  /** What needs a group is refused without one: the group that librdkafka has then is nobody's. */
  protected assertMember(what: string): void {
    if (!this.member) throw new KafkaError('_UNKNOWN_GROUP', `${what}: ${this.name} has no 'group.id'`)
  }

  /** What is subscribed to. */
  async subscription(): Promise<string[]> {
    this.assertOpen()
    const list = await this.command<NativePartition[]>((id) => this.native.subscription(id))
    return list.map(({ topic }) => topic)
  }

  /** Leaves the group's partitions, after the `onRevoked` hook, or gives up those taken by hand; stays usable. */
  async unsubscribe(): Promise<void> {
    this.assertOpen()
    if (this.byHand) return this.assign(null)
    this.store()
    await this.command((id) => this.native.unsubscribe(id))
    while (this.isAssigned && !this.closed) {
      if (this.#rebalance) await this.runRebalance()
      else await this.wait(unsubscribeSlice, undefined)
    }
  }

  /** Takes partitions by hand, without a group's rebalances; null or an empty list gives all up. */
  async assign(partitions: readonly (TopicPartition & { offset?: number })[] | null): Promise<void> {
    this.assertOpen()
    const given = checkPartitions(partitions ?? [], 'assign')
    checkStarts(given.filter(({ offset }) => offset !== undefined) as TopicPartitionOffset[], 'assign')
    const list = this.unstored === undefined ? given : given.map((at) => ({ ...at, offset: this.#startOf(at) }))
    this.byHand = list.length > 0
    this.store()
    await this.exclusively(() =>
      this.command(
        (id) => this.native.assign(id, list.length > 0 ? list : null),
        undefined,
        (_, error) => {
          if (error) return
          this.reader?.retract?.(null)
          this.inbox.forgetHanded(null)
          this.inbox.drop(null)
          this.forgetPositions(null)
          this.#assignment = list.map(({ topic, partition }) => ({ topic, partition }))
          this.reader?.revoked?.(null)
          this.reader?.assigned?.(this.#assignment)
        },
      ),
    )
  }

  #startOf({ offset = Offset.stored }: { offset?: number }): number {
    return offset === Offset.stored || offset === Offset.invalid ? (this.unstored ?? offset) : offset
  }

  /** One at a time: they consist of several steps. */
  protected exclusively<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#barrier.then(operation)
    this.#barrier = result.catch(() => {})
    return result
  }
}

// What a group is told of how far its member has got: offsets stored, committed, and handed to transactions.
import type { NativePartition } from './binding.js'
import type { OperationOptions } from './client.js'
import { checkTimed } from './client-check.js'
import { publishCommit } from './consumer-diagnostics.js'
import { ConsumerPositions } from './consumer-positions.js'
import { ErrorCodes, KafkaError } from './errors.js'
import {
  type ConsumerGroupMetadata,
  type ConsumerMembership,
  groupMetadataOf,
  membership,
  type NativeGroupMetadata,
} from './group-metadata.js'
import { Message } from './message.js'
import { MessageBatch } from './message-batch.js'
import {
  checkOffsets,
  nameOf,
  partitionResults,
  type TopicPartitionOffset,
  type TopicPartitionResult,
} from './offset.js'

const { _NO_OFFSET } = ErrorCodes
/** @internal REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION, STALE_MEMBER_EPOCH */
export const rebalancing: ReadonlySet<number> = new Set([27, 22, 113])
// The same, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH: there is a rebalance to be dealt with first
const outOfGroup = new Set([...rebalancing, 25, 110])
const rewindPause = 50
const rewindTimeout = 10_000

export abstract class ConsumerOffsets extends ConsumerPositions {
  readonly #commits = new Set<Promise<unknown>>()

  /** What leaving the group would refuse. */
  protected commitsUnderWay(): Promise<unknown> {
    return Promise.allSettled(this.#commits)
  }

  /**
   * Stores offsets by hand: for `enable.auto.offset.store=false`. The offset is that of the next message to read.
   * Returns a result for each partition: `_STATE` for one that is not assigned.
   */
  storeOffsets(offsets: readonly TopicPartitionOffset[] | Message | MessageBatch): TopicPartitionResult[] {
    this.assertOpen()
    this.assertMember('storeOffsets')
    return partitionResults(this.native.storeOffsets(offsetsOf(offsets)))
  }

  /**
   * Commits and waits for the coordinator: without an argument what is stored (everything the application has been
   * through with), else the offset *after* a message or after the last of each partition of messages, or offsets as
   * given. Resolves with a result for each partition. Rejects when the commit as a whole failed.
   */
  async commit(
    what?: Message | MessageBatch | readonly Message[] | readonly TopicPartitionOffset[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    this.assertMember('commit')
    this.store()
    const list = what === undefined ? null : offsetsOf(what)
    try {
      const answer = this.command<NativePartition[]>((id) => this.native.commit(id, list), signal)
      this.#commits.add(answer)
      const results = partitionResults(await answer.finally(() => this.#commits.delete(answer)))
      publishCommit(this.name, results, undefined)
      if (list && this.autoStore) this.#storeCommitted(results)
      return results
    } catch (error) {
      // Nothing to commit is no failure.
      if (error instanceof KafkaError && error.errno === _NO_OFFSET) return []
      if (error instanceof KafkaError) publishCommit(this.name, [], error)
      throw error
    }
  }

  /** What librdkafka commits when partitions are given up is what is stored: that must not go back behind a commit. */
  #storeCommitted(results: readonly TopicPartitionResult[]): void {
    const committed = results.filter(({ error, offset }) => !error && offset >= 0)
    if (committed.length > 0) {
      this.native.storeOffsets(committed.map(({ error: _, ...offset }) => offset))
    }
  }

  /**
   * What a producer needs to commit offsets in a transaction: who this member is, so that a member that has lost its
   * partitions is refused. Good until the next rebalance; may be given to another thread of this process.
   */
  async groupMetadata(): Promise<ConsumerGroupMetadata> {
    this.assertOpen()
    return groupMetadataOf(await this.command<NativeGroupMetadata>((id) => this.native.groupMetadata(id)))
  }

  /** @internal For offsets of what it has been handed by now. */
  get membership(): ConsumerMembership {
    this.assertOpen()
    this.assertMember('sendOffsets')
    if (this.autoCommit) {
      throw new KafkaError(
        '_INVALID_ARG',
        `${this.name} commits offsets by itself, outside of the transaction: set 'enable.auto.commit' to false`,
      )
    }
    const { groupId, native } = this
    return { [membership]: true, groupId, native, rebalances: this.byHand ? -1 : native.rebalancesAnswered() }
  }

  /** @internal What the application has been handed, what it has in its hands included. */
  get handed(): TopicPartitionOffset[] {
    const { reader } = this
    if (reader?.byHand || reader?.handled) {
      throw new KafkaError(
        '_CONFLICT',
        `${this.name} is read by streams, which are ahead of what is handled: give the offsets as well`,
      )
    }
    return this.inbox.handed()
  }

  /**
   * Goes back to what the group has committed, as after an aborted transaction: every message handed out since, and
   * whatever was fetched behind it, is read again. For `enable.auto.commit=false`.
   */
  async rewind(options: OperationOptions = {}): Promise<void> {
    this.assertOpen()
    const { timeout = rewindTimeout, signal } = checkTimed(options, 'rewind')
    const deadline = performance.now() + timeout
    for (;;) {
      // Who rewinds is through with what it has.
      if (this.rebalancePending) await this.runRebalance()
      const first = this.inbox.firstHanded()
      if (first.length === 0) return
      try {
        return await this.#rewindTo(await this.committed(first, { timeout, signal }), first, { timeout, signal })
      } catch (error) {
        if (!outOfGroup.has((error as KafkaError).errno) || performance.now() > deadline) throw error
      }
      this.readOn() // so that the rebalance arrives
      await new Promise((resolve) => setTimeout(resolve, rewindPause))
    }
  }

  async #rewindTo(
    committed: readonly TopicPartitionResult[],
    first: readonly TopicPartitionOffset[],
    options: OperationOptions,
  ): Promise<void> {
    const targets = committed.map(({ topic, partition, offset, error }, i) => {
      if (error) throw error
      return { topic, partition, offset: offset >= 0 ? offset : first[i].offset }
    })
    for (const { error } of await this.seek(targets, options)) {
      // A partition that is not ours any more needs no rewinding.
      if (error && error.code !== '_STATE' && error.code !== '_UNKNOWN_PARTITION') throw error
    }
  }
}

function offsetsOf(
  what: Message | MessageBatch | readonly Message[] | readonly TopicPartitionOffset[],
): TopicPartitionOffset[] {
  if (what instanceof Message) return [after(what)]
  if (what instanceof MessageBatch) return what.offsets()
  if (Array.isArray(what) && what.length > 0 && what[0] instanceof Message) {
    const last = new Map((what as Message[]).map((m) => [nameOf(m), m]))
    return [...last.values()].map(after)
  }
  return checkOffsets(what as readonly TopicPartitionOffset[], 'commit') as TopicPartitionOffset[]
}

function after({ topic, partition, offset, leaderEpoch }: Message): TopicPartitionOffset {
  return { topic, partition, offset: offset + 1, leaderEpoch }
}

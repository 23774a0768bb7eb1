// The hooks of a group member, and how they are run: awaited, bounded, and never able to wedge the group.
import type { NativePartition, NativePartitionInput } from './binding.js'
import { settlesWithin } from './client.js'
import { KafkaError } from './errors.js'
import { checkStarts, type TopicPartition, type TopicPartitionOffset } from './offset.js'

/** Called in turn, and awaited: while a hook runs, no message is handed out. */
export interface RebalanceHooks {
  /** Partitions have been given to this member. May return where to start, for some or all of them. */
  onAssigned?: (
    partitions: TopicPartition[],
  ) => undefined | void | TopicPartitionOffset[] | Promise<undefined | void | TopicPartitionOffset[]>
  /** Partitions are about to be given up; a commit in here still works. */
  onRevoked?: (partitions: TopicPartition[]) => void | Promise<void>
  /** Partitions belong to somebody else already: nothing of them can be committed. Without it `onRevoked` is called. */
  onLost?: (partitions: TopicPartition[]) => void | Promise<void>
}

/** @internal A rebalance as the addon reports it. */
export interface Rebalance {
  assigned: boolean
  partitions: TopicPartition[]
  /** As they came: with the offsets to start at. */
  native: NativePartition[]
  lost: boolean
  cooperative: boolean
}

const assignPartitions = -175 // RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS

/** @internal */
export function rebalanceOf(type: number, native: NativePartition[], lost: boolean, cooperative: boolean): Rebalance {
  const partitions = native.map(({ topic, partition }) => ({ topic, partition }))
  return { assigned: type === assignPartitions, partitions, native, lost, cooperative }
}

/**
 * @internal Runs the hook for a rebalance, for at most `timeout` milliseconds. Returns what it returned; a hook that
 * throws or takes too long is reported and counts as through; one that is abandoned counts as through.
 */
export async function runHook(
  hooks: RebalanceHooks,
  rebalance: Rebalance,
  timeout: number,
  report: (error: KafkaError) => void,
  abandoned: Promise<undefined>,
): Promise<TopicPartitionOffset[] | undefined> {
  const name = rebalance.assigned ? 'onAssigned' : rebalance.lost && hooks.onLost ? 'onLost' : 'onRevoked'
  const hook = hooks[name]
  if (!hook) return undefined
  const failed = (error: unknown) => {
    const message = `the ${name} hook failed: ${error instanceof Error ? error.message : String(error)}`
    report(new KafkaError('_APPLICATION', message, { cause: error }))
  }
  try {
    const running = Promise.resolve(hook(rebalance.partitions))
    let gone = false
    const given = abandoned.then(() => {
      gone = true
    })
    const settled = await settlesWithin(Promise.race([running, given]), timeout)
    if (gone) {
      running.catch(failed)
      return undefined
    }
    if (!settled) {
      running.catch(() => {})
      throw new Error(`it did not settle within ${timeout} ms (max.poll.interval.ms)`)
    }
    const starts = await running
    if (!rebalance.assigned || starts === undefined) return undefined
    checkStarts(starts, 'onAssigned')
    return starts
  } catch (error) {
    failed(error)
    return undefined
  }
}

/** @internal The assignment to take over: the partitions as they came, with the offsets that the hook gave. */
export function withStarts(
  native: NativePartition[],
  starts: readonly TopicPartitionOffset[] | undefined,
): NativePartitionInput[] {
  return native.map(({ topic, partition, offset, leaderEpoch, metadata }) => {
    const start = starts?.find((s) => s.topic === topic && s.partition === partition)
    return start ? { topic, partition, offset: start.offset } : { topic, partition, offset, leaderEpoch, metadata }
  })
}

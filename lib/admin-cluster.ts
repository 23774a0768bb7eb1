// Admin operations on the cluster and the leaders of its partitions.
import { type AclOperation, operationNames } from './admin-acls.js'
import { checkName } from './admin-check.js'
import {
  type AdminOperationOptions,
  type Ask,
  type AuthorizedOperationsOptions,
  checkOptions,
  operationSettings,
  withErrors,
} from './admin-request.js'
import type { Node } from './admin-topics.js'
import type { KafkaError } from './errors.js'
import { checkPartitions, type TopicPartition } from './offset.js'

export interface ClusterDescription {
  clusterId: string
  /** With KRaft some broker that takes requests for the controller. */
  controller: Node | null
  nodes: Node[]
  /** Null when it was not asked for. */
  authorizedOperations: AclOperation[] | null
}

/** The first replica that the partition was created with; or any replica, though messages are lost. */
export type ElectionType = 'preferred' | 'unclean'
const electionTypes = ['preferred', 'unclean'] as const

export interface ElectionResult extends TopicPartition {
  error?: KafkaError
}

export async function describeCluster(ask: Ask, options: AuthorizedOperationsOptions): Promise<ClusterDescription> {
  checkOptions(options, 'describeCluster', ['broker', 'includeAuthorizedOperations'])
  const settings = options.includeAuthorizedOperations ? { authorizedOperations: true } : {}
  const cluster = await ask<ClusterDescription>('describeCluster', null, options, settings)
  return { ...cluster, authorizedOperations: operationNames(cluster.authorizedOperations) }
}

export async function electLeaders(
  ask: Ask,
  type: ElectionType,
  partitions: readonly TopicPartition[] | null,
  options: AdminOperationOptions,
): Promise<ElectionResult[]> {
  const what = 'electLeaders'
  checkOptions(options, what, ['broker', 'operationTimeout'])
  const args = {
    type: checkName(type, electionTypes, `${what}: type`),
    partitions: partitions === null ? null : checkPartitions(partitions, what),
  }
  if (partitions?.length === 0) return []
  return withErrors(await ask<ElectionResult[]>(what, args, options, operationSettings(what, options)))
}

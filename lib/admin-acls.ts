// Admin operations on access control lists.
import {
  aclOperations,
  aclResourceTypes,
  checkFields,
  checkList,
  checkName,
  checkText,
  invalid,
  nameOf,
  patternTypes,
  permissions,
} from './admin-check.js'
import { type AdminOptions, type Ask, checkOptions, withErrors, within } from './admin-request.js'
import { KafkaError } from './errors.js'

export type AclOperation = (typeof aclOperations)[number]
export type AclResourceType = (typeof aclResourceTypes)[number]
export type AclPatternType = (typeof patternTypes)[number]
export type AclPermission = (typeof permissions)[number]

/** Who may do what with what. */
export interface AclBinding {
  resourceType: AclResourceType
  /** `kafka-cluster` for the cluster, and then it may be left out; `*` is any. */
  name: string
  /** `literal` without it. */
  patternType: AclPatternType
  /** `User:alice`; `User:*` is everybody. */
  principal: string
  /** An address; `*`, which is any, without it. */
  host: string
  operation: AclOperation
  /** `allow` without it. */
  permission: AclPermission
}

export interface NewAcl extends Partial<AclBinding> {
  resourceType: Exclude<AclResourceType, 'unknown' | 'any'>
  patternType?: 'literal' | 'prefixed'
  principal: string
  operation: Exclude<AclOperation, 'unknown' | 'any'>
  permission?: 'allow' | 'deny'
}

/** Matches bindings; what is left out matches any. `patternType: 'match'` finds those that apply to `name`. */
export type AclFilter = Partial<AclBinding>

export interface CreateAclResult {
  error?: KafkaError
}

/** What one filter matched, and so deleted. */
export interface DeleteAclsResult {
  matching: (AclBinding & { error?: KafkaError })[]
  error?: KafkaError
}

interface WireAcl {
  resourceType: number
  name: string | null
  patternType: number
  principal: string | null
  host: string | null
  operation: number
  permission: number
  error?: KafkaError
}

const known = <T extends string>(names: readonly T[]) => names.filter((name) => name !== 'unknown')
const fields = ['resourceType', 'name', 'patternType', 'principal', 'host', 'operation', 'permission']
const definite = <T extends string>(names: readonly T[]) =>
  names.filter((name) => !['unknown', 'any', 'match'].includes(name))

export async function createAcls(ask: Ask, acls: readonly NewAcl[], options: AdminOptions): Promise<CreateAclResult[]> {
  checkOptions(options, 'createAcls', ['broker'])
  const list = checkList(acls, 'createAcls').map((acl) => newAcl(checkFields(acl, 'createAcls', fields)))
  return list.length === 0 ? [] : withErrors(await ask<CreateAclResult[]>('createAcls', list, options))
}

function newAcl(acl: NewAcl): WireAcl {
  const what = 'createAcls'
  const { resourceType, patternType = 'literal', permission = 'allow', host = '*' } = acl
  const name = acl.name ?? (resourceType === 'cluster' ? 'kafka-cluster' : undefined)
  return {
    resourceType: checkName(resourceType, aclResourceTypes, `${what}: resourceType`, definite(aclResourceTypes)),
    name: checkText(name, `${what}: name`),
    patternType: checkName(patternType, patternTypes, `${what}: patternType`, definite(patternTypes)),
    principal: checkText(acl.principal, `${what}: principal`),
    host: checkText(host, `${what}: host`),
    operation: checkName(acl.operation, aclOperations, `${what}: operation`, definite(aclOperations)),
    permission: checkName(permission, permissions, `${what}: permission`, definite(permissions)),
  }
}

export async function describeAcls(ask: Ask, filter: AclFilter, options: AdminOptions): Promise<AclBinding[]> {
  const left = within(checkOptions(options, 'describeAcls', ['broker']), 'describeAcls')
  const acls = await ask<WireAcl[]>('describeAcls', aclFilter(filter, 'describeAcls'), left())
  if (acls.length === 0) await assertMayDescribe(ask, left())
  return acls.map(bindingOf)
}

// librdkafka 2.15 drops the error of the whole response: who may not ask would be told that there is nothing.
async function assertMayDescribe(ask: Ask, options: AdminOptions): Promise<void> {
  const settings = { authorizedOperations: true }
  const { authorizedOperations } = await ask<{ authorizedOperations: unknown }>(
    'describeCluster',
    null,
    options,
    settings,
  )
  if (operationNames(authorizedOperations)?.includes('describe')) return
  throw new KafkaError('CLUSTER_AUTHORIZATION_FAILED', 'describeAcls: not authorized to describe the cluster')
}

export async function deleteAcls(
  ask: Ask,
  filters: readonly AclFilter[],
  options: AdminOptions,
): Promise<DeleteAclsResult[]> {
  checkOptions(options, 'deleteAcls', ['broker'])
  const list = checkList(filters, 'deleteAcls').map((filter) => aclFilter(filter, 'deleteAcls'))
  if (list.length === 0) return []
  const results = await ask<{ matching: WireAcl[]; error?: KafkaError }[]>('deleteAcls', list, options)
  return withErrors(results).map((result) => ({ ...result, matching: withErrors(result.matching).map(bindingOf) }))
}

// What is left out matches any, so that a variable without a value would match everything.
function aclFilter(filter: AclFilter, what: string): WireAcl {
  const {
    resourceType = 'any',
    patternType = 'any',
    operation = 'any',
    permission = 'any',
  } = checkFields(filter, what, fields)
  const empty = Object.keys(filter).find((name) => filter[name as keyof AclFilter] === undefined)
  if (empty) throw invalid(`${what}: ${empty} has a value, or is left out to match any; got undefined`)
  const text = (value: string | undefined, name: string) =>
    value === undefined ? null : checkText(value, `${what}: ${name}`)
  return {
    resourceType: checkName(resourceType, aclResourceTypes, `${what}: resourceType`, known(aclResourceTypes)),
    name: text(filter.name, 'name'),
    patternType: checkName(patternType, patternTypes, `${what}: patternType`, known(patternTypes)),
    principal: text(filter.principal, 'principal'),
    host: text(filter.host, 'host'),
    operation: checkName(operation, aclOperations, `${what}: operation`, known(aclOperations)),
    permission: checkName(permission, permissions, `${what}: permission`, known(permissions)),
  }
}

function bindingOf(acl: WireAcl): AclBinding & { error?: KafkaError } {
  const binding = {
    resourceType: nameOf(aclResourceTypes, acl.resourceType),
    name: acl.name ?? '',
    patternType: nameOf(patternTypes, acl.patternType),
    principal: acl.principal ?? '',
    host: acl.host ?? '',
    operation: nameOf(aclOperations, acl.operation),
    permission: nameOf(permissions, acl.permission),
  }
  return acl.error ? { ...binding, error: acl.error } : binding
}

/** @internal What the client may do, as names. */
export function operationNames(numbers: unknown): AclOperation[] | null {
  return numbers === null ? null : (numbers as number[]).map((number) => nameOf(aclOperations, number))
}

// The certificates that Node trusts, for librdkafka: 'ssl.ca.location': 'node' and 'https.ca.location': 'node'.
import { readFileSync } from 'node:fs'
import * as tls from 'node:tls'
import { invalid } from './config-values.js'

const names = [
  ['ssl.ca.location', 'ssl.ca.pem'],
  ['https.ca.location', 'https.ca.pem'],
] as const
const node = 'node'

type Pair = [name: string, value: string]

/** The pairs for rd_kafka_conf_set, with Node's certificates where a location is 'node'. */
export function withNodeCertificates(pairs: Pair[]): Pair[] {
  for (const [location, pem] of names) {
    const at = pairs.findIndex(([name, value]) => name === location && value === node)
    if (at < 0) continue
    pairs.splice(at, 1)
    const given = pairs.find(([name]) => name === pem)
    const certificates = nodeCertificates(location)
    if (given) given[1] = `${given[1]}\n${certificates}`
    else pairs.push([pem, certificates])
  }
  return pairs
}

/** Node's own list, and what NODE_EXTRA_CA_CERTS adds; as `tls.getCACertificates()` says where Node has it (22.15). */
function nodeCertificates(location: string): string {
  const { getCACertificates } = tls as { getCACertificates?: () => string[] }
  if (getCACertificates) return getCACertificates().join('\n')
  const extra = process.env.NODE_EXTRA_CA_CERTS
  return [...tls.rootCertificates, ...(extra ? [readExtra(extra, location)] : [])].join('\n')
}

function readExtra(file: string, location: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw invalid(`'${location}': 'node' reads NODE_EXTRA_CA_CERTS, and cannot: ${(error as Error).message}`)
  }
}

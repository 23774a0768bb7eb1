import { rootCertificates } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { prepareConfig } from '../../lib/config.js'

const base = { 'bootstrap.servers': 'localhost:9092', 'security.protocol': 'ssl' }
const pem = '-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----'
const values = (config: object) => new Map(prepareConfig('admin', { ...base, ...config }))

describe("'node' as the place of certificates", () => {
  it('stands for those that Node trusts', () => {
    const kafka = values({ 'ssl.ca.location': 'node' })
    expect(kafka.has('ssl.ca.location')).toBe(false)
    for (const one of rootCertificates.slice(0, 3)) expect(kafka.get('ssl.ca.pem')).toContain(one)
    const https = values({ 'https.ca.location': 'node' })
    expect(https.get('https.ca.pem')).toContain(rootCertificates[0])
    expect(https.has('ssl.ca.pem')).toBe(false)
  })

  it('adds to those that are given', () => {
    const text = values({ 'ssl.ca.location': 'node', 'ssl.ca.pem': pem }).get('ssl.ca.pem')
    expect(text?.startsWith(pem)).toBe(true)
    expect(text).toContain(rootCertificates[0])
  })

  it('leaves files alone', () => {
    expect(values({ 'ssl.ca.location': './node' }).get('ssl.ca.location')).toBe('./node')
    expect(values({ 'ssl.ca.pem': [...rootCertificates] }).get('ssl.ca.pem')).toContain(rootCertificates[1])
  })
})

// What examples refer to is there: files, scripts, ports, and a Kafka for who has Docker. No engine is needed for it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { KAFKA_VERSION } from '../../scripts/kafka/obtain.mjs'
import { commandsOf, root } from '../helpers/example.js'

const services = ['orders', 'notifications', 'ingest', 'tour']
const text = (file: string) => readFileSync(join(root, file), 'utf8')
const all = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })

describe.each(services)('examples/%s/compose.yaml', (name) => {
  const file = `examples/${name}/compose.yaml`
  const compose = parse(text(file), { strict: true, uniqueKeys: true })
  const { kafka } = compose.services

  it('is one broker, of the version that the tests run on', () => {
    expect(Object.keys(compose)).toEqual(['services'])
    expect(Object.keys(compose.services)).toEqual(['kafka'])
    expect(Object.keys(kafka).sort()).toEqual(['healthcheck', 'image', 'ports'])
    expect(kafka.image).toBe(`apache/kafka:${KAFKA_VERSION}`)
  })

  it('publishes the port that the image advertises, and the README names', () => {
    const readme = text(`examples/${name}/README.md`)
    expect(kafka.ports).toEqual(['9092:9092'])
    expect(readme).toContain(`docker compose -f ${file} up --wait`)
    expect(readme).toContain('KAFKA_BROKERS=localhost:9092')
    expect(text(file).split('\n')[0]).toBe(`# For who has Docker: docker compose -f ${file} up --wait`)
  })

  it('is healthy when the broker answers, with times that are times', () => {
    const { test, interval, timeout, retries } = kafka.healthcheck
    // Where the image has Kafka's own tools.
    expect(test).toBe('/opt/kafka/bin/kafka-broker-api-versions.sh --bootstrap-server localhost:9092')
    for (const duration of [interval, timeout]) expect(duration).toMatch(/^\d+s$/)
    expect(Number.isInteger(retries)).toBe(true)
  })
})

describe('examples', () => {
  const readmes = all.filter((file) => file.endsWith('README.md')).map((file) => `examples/${file}`)

  it('have READMEs whose links and commands lead to what is there', () => {
    expect(readmes.map((file) => file.split('/')[1])).toEqual(expect.arrayContaining(services))
    const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> }
    for (const readme of readmes) {
      for (const [, link] of text(readme).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        expect(existsSync(join(root, dirname(readme), link)), `${readme}: ${link}`).toBe(true)
      }
      for (const [, path] of text(readme).matchAll(/`((?:test|examples|docs)\/[\w./-]+)`/g)) {
        expect(existsSync(join(root, path)), `${readme}: ${path}`).toBe(true)
      }
      for (const [, script] of text(readme).matchAll(/npm run ([\w:-]+)/g)) {
        expect(scripts, `${readme}: npm run ${script}`).toHaveProperty(script)
      }
      for (const { command } of commandsOf(readme)) {
        const file = /^node (\S+)/.exec(command)?.[1]
        if (file) expect(existsSync(join(root, file)), `${readme}: ${command}`).toBe(true)
      }
    }
  })

  it('name the ports that their READMEs do', () => {
    for (const name of services) {
      const files = all.filter((file) => file.startsWith(`${name}/`) && file.endsWith('.mjs'))
      const defaults = files.flatMap((file) => [...text(`examples/${file}`).matchAll(/_PORT = '(\d+)'/g)])
      const used = text(`examples/${name}/README.md`).matchAll(/localhost:(7\d{3})/g)
      expect(new Set([...used].map(([, port]) => port))).toEqual(new Set(defaults.map(([, port]) => port)))
    }
  })

  it('are short enough to read in one sitting', () => {
    const long = all.filter((file) => /\.(mjs|html)$/.test(file) && text(`examples/${file}`).split('\n').length > 300)
    expect(long).toEqual([])
  })
})

// The sources in the package: all that a build reads, with their licences, and no more; found there only in a package.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = (name: string) => import(new URL(`../../scripts/${name}`, import.meta.url).href)
const { packageSources } = await script('package-sources.mjs')
const { pinNames, readPin, sourcesPacked } = await script('fetch-source.mjs')

/** As npm installs it: without tsconfig.json. */
let installed: string
let files: string[]
beforeAll(async () => {
  installed = mkdtempSync(join(tmpdir(), 'odradek-sources-'))
  await packageSources(join(installed, 'sources'))
  files = (readdirSync(join(installed, 'sources'), { recursive: true }) as string[]).map((name) =>
    name.replaceAll('\\', '/'),
  )
})
afterAll(() => rmSync(installed, { recursive: true, force: true }))

const pins = () => pinNames().filter((name: string) => readPin(name).for !== 'prebuild')

test('hold a directory of each pin that a build needs, with its licence', () => {
  const expected = pins().map((name: string) => `${name}-${readPin(name).version}`)
  expect(readdirSync(join(installed, 'sources')).sort()).toEqual(expected.sort())
  for (const name of expected) {
    expect(
      files.filter((file) => file.startsWith(`${name}/`) && /\/(LICEN[CS]E|COPYING)/.test(file)),
      name,
    ).not.toEqual([])
  }
})

test('hold every C file of librdkafka and no tests; in all a few megabytes', () => {
  const { version } = readPin('librdkafka')
  const original = readdirSync(join(root, '.cache', 'src', `librdkafka-${version}`, 'src'), { recursive: true })
  const wanted = (original as string[]).filter((name) => /\.[ch]$/.test(name))
  expect(wanted.length).toBeGreaterThan(150)
  for (const name of wanted) expect(files).toContain(`librdkafka-${version}/src/${name.replaceAll('\\', '/')}`)
  expect(files.filter((name) => /\/(tests?|docs|examples)\//.test(name))).toEqual([])
  const bytes = files.reduce((sum, name) => sum + statSync(join(installed, 'sources', name)).size, 0)
  expect(bytes).toBeLessThan(20e6)
})

test('are what a build in the package takes, which then fetches nothing', async () => {
  expect(sourcesPacked()).toBe(false)
  for (const name of [
    'scripts/fetch-source.mjs',
    'scripts/lib',
    ...pinNames().map((name: string) => `deps/${name}/pin.json`),
  ]) {
    mkdirSync(dirname(join(installed, name)), { recursive: true })
    cpSync(join(root, name), join(installed, name), { recursive: true })
  }
  const there = await import(pathToFileURL(join(installed, 'scripts', 'fetch-source.mjs')).href)
  expect(there.sourcesPacked()).toBe(true)
  expect(await there.ensureSources(pins())).toEqual([])
  expect(there.sourceDirectory(readPin('curl'))).toBe(join(installed, 'sources', `curl-${readPin('curl').version}`))
  expect(existsSync(join(installed, '.cache'))).toBe(false)
})

import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  parseConfiguration,
  parsePropertyTable,
  parseShareRefusals,
  readConfiguration,
  splitRow,
} from '../../scripts/generate/configuration.mjs'
import { parseErrorEnum, readErrors } from '../../scripts/generate/errors.mjs'
import { buildModel } from '../../scripts/generate/model.mjs'
import { cString, headerVersion, locateSource, stripC } from '../../scripts/generate/source.mjs'
import { parseStatistics } from '../../scripts/generate/statistics.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = (script: string, ...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'scripts', script), ...args], { cwd: root, encoding: 'utf8' })

describe('C source', () => {
  test('loses its comments, not what looks like one in a string', () => {
    expect(stripC('a /* b\n c */ d // e\n"/* f */ \\" //" g')).toBe('a  \n  d  \n"/* f */ \\" //" g')
    expect(stripC('x("rd_kafka_new // \\"", \'"\', y)', { strings: false })).toBe('x("", \'"\', y)')
  })

  test('joins adjacent strings and reads the version', () => {
    expect(cString('"a \\"b\\" "\n  "c"')).toBe('a "b" c')
    expect(headerVersion('#define RD_KAFKA_VERSION 0x020f01ff')).toBe('2.15.1')
    expect(() => headerVersion('#define OTHER 1')).toThrow('RD_KAFKA_VERSION was not found')
  })
})

describe('CONFIGURATION.md', () => {
  test('rows may hold escaped pipes', () => {
    expect(splitRow('a | b \\|\\| c |  | d')).toEqual(['a', 'b || c', '', 'd'])
  })

  test('is refused when it cannot be read', () => {
    expect(() => parseConfiguration('# nothing')).toThrow('only 0 properties')
    expect(() => parseConfiguration('x | * | | | low | no type')).toThrow('cannot read the row of x')
  })

  test('the table in C adds aliases, secrets and hidden names', () => {
    const table = parsePropertyTable(`static const struct rd_kafka_property rd_kafka_properties[] = {
      /* {_RK_GLOBAL, "gone", _RK_C_STR}, */
      {_RK_GLOBAL | _RK_SENSITIVE | _RK_HIGH, "sasl.password", _RK_C_STR, _RK(p), "the {text}"},
      {_RK_TOPIC | _RK_PRODUCER, "acks", _RK_C_ALIAS, .sdef = "request.required.acks"},
      { _RK_GLOBAL | _RK_HIDDEN, "secret.knob", _RK_C_INT, _RK(k), "x", 0, 1, 0, },
      {_RK_GLOBAL, "sasl.jaas.config", _RK_C_INVALID, _RK(dummy), "Java JAAS " "is not supported"},
    };`)
    expect(table).toMatchObject([
      { name: 'sasl.password', sensitive: true, hidden: false, scope: 'global' },
      { name: 'acks', alias: 'request.required.acks', scope: 'topic' },
      { name: 'secret.knob', hidden: true },
      { name: 'sasl.jaas.config', type: 'INVALID', description: 'Java JAAS is not supported' },
    ])
  })

  test('what a share consumer refuses is read from rd_kafka_conf_finalize', () => {
    const source = `const char *rd_kafka_conf_finalize(rd_kafka_type_t cltype, rd_kafka_conf_t *conf) {
      if (rd_kafka_conf_is_modified(conf, "a")) return "a is not for " "share consumer";
      if (!rd_kafka_conf_is_modified(conf, "b")) return "share consumer";
      if (rd_kafka_conf_is_modified(conf, "c")) return "c is bad";
    }`
    expect(parseShareRefusals(source)).toEqual(['a'])
  })
})

describe('the pinned librdkafka', () => {
  const source = locateSource()
  const configuration = readConfiguration(source)
  const properties = buildModel(configuration)
  const find = (scope: string, name: string) => properties.find((p) => p.scope === scope && p.name === name)

  test('is read without loss', () => {
    expect(configuration.properties).toHaveLength(199)
    expect(configuration.properties.filter((p) => p.alias)).toHaveLength(13)
    expect(configuration.properties.filter((p) => p.deprecated)).toHaveLength(16)
    expect(configuration.properties.filter((p) => p.type === 'see dedicated API')).toHaveLength(27)
    expect(configuration.hidden).toHaveLength(8)
    expect(readErrors(source)).toHaveLength(188)
    expect([...parseStatistics(source.read('STATISTICS.md')).values()].flat()).toHaveLength(131)
  })

  test('the traps of the document are avoided', () => {
    expect(find('global', 'sasl.kerberos.kinit.cmd')?.default).toContain('|| kinit')
    expect(find('topic', 'compression.type')).toMatchObject({ default: 'inherit', alias: 'compression.codec' })
    expect(find('topic', 'compression.type')?.values).toContain('inherit')
    expect(find('global', 'compression.type')?.values).not.toContain('inherit')
    expect(find('topic', 'acks')?.named).toEqual({ all: '-1' })
    expect(find('global', 'builtin.features')?.default).toBe('')
    expect(find('global', 'max.poll.records')?.clients).toBe('S')
    expect(find('global', 'ut_handle_ProduceResponse')?.kind).toBe('refused')
  })

  test('a change that nobody has looked at is an error', () => {
    const hidden = [...configuration.hidden, { name: 'new.hidden.knob' }]
    expect(() => buildModel({ ...configuration, hidden })).toThrow(
      "does not classify librdkafka's hidden properties: new.hidden.knob",
    )
    const without = configuration.properties.filter((p) => p.name !== 'partitioner')
    expect(() => buildModel({ ...configuration, properties: without })).toThrow('no longer has: partitioner')
    const typed = [{ ...configuration.properties[0], type: 'quaternion' }, ...configuration.properties.slice(1)]
    expect(() => buildModel({ ...configuration, properties: typed })).toThrow("has the type 'quaternion'")
    const undocumented = [{ name: 'new.knob' }]
    expect(() => buildModel({ ...configuration, undocumented })).toThrow('missing from CONFIGURATION.md: new.knob')
  })

  test('error numbers count on from the one before', () => {
    const header =
      'typedef enum { RD_KAFKA_RESP_ERR_A = -2, RD_KAFKA_RESP_ERR_B, /* x */ RD_KAFKA_RESP_ERR_C, } rd_kafka_resp_err_t;'
    expect([...parseErrorEnum(header)]).toEqual([
      ['A', -2],
      ['B', -1],
      ['C', 0],
    ])
    const read = (path: string) =>
      path.endsWith('.h') ? header : 'rd_kafka_err_descs[] = { _ERR_DESC(RD_KAFKA_RESP_ERR_A, "a") };'
    expect(() => readErrors({ read })).toThrow('no description of B, C')
  })
})

describe('the command', () => {
  let copy: string

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'odradek-generate-'))
    for (const path of ['CONFIGURATION.md', 'STATISTICS.md']) writeFileSync(join(copy, path), locateSource().read(path))
    const { version } = JSON.parse(readFileSync(join(root, 'deps/librdkafka/pin.json'), 'utf8'))
    for (const file of ['rdkafka.h', 'rdkafka_mock.h', 'rdkafka.c', 'rdkafka_conf.c']) {
      cpSync(join(root, `.cache/src/librdkafka-${version}/src`, file), join(copy, 'src', file))
    }
  })
  afterAll(() => rmSync(copy, { recursive: true, force: true }))

  test('finds the committed files up to date', () => {
    expect(run('generate.mjs', '--check')).toMatchObject({ status: 0, stderr: '' })
    expect(run('generate.mjs', '--check', '--source', copy)).toMatchObject({ status: 0 })
  })

  test('tells what has drifted, and writes nothing then', () => {
    const before = readFileSync(join(root, 'lib/config.generated.ts'), 'utf8')
    const path = join(copy, 'CONFIGURATION.md')
    const original = readFileSync(path, 'utf8')
    writeFileSync(path, original.replace('1 .. 3600000    |         45000', '1 .. 3600000    |         45001'))
    const { status, stderr } = run('generate.mjs', '--check', '--source', copy)
    writeFileSync(path, original)
    expect(status).toBe(1)
    expect(stderr).toMatch(
      /^generate: generated files are not what librdkafka 2\.15\.1 gives:\n {2}lib\/config\.generated\.ts, line \d+/,
    )
    expect(stderr).toContain('45001')
    expect(stderr).toContain("run 'npm run generate' and commit the result")
    expect(stderr).not.toContain('    at ')
    expect(readFileSync(join(root, 'lib/config.generated.ts'), 'utf8')).toBe(before)
  })

  test('explains a missing or a wrong source, and wrong arguments', () => {
    expect(run('generate.mjs', '--source', '/nowhere')).toMatchObject({
      status: 1,
      stderr:
        "generate: no librdkafka source in /nowhere: run 'node scripts/fetch-source.mjs', or give its directory with --source DIR\n",
    })
    const header = join(copy, 'src/rdkafka.h')
    const original = readFileSync(header, 'utf8')
    writeFileSync(header, original.replace('0x020f01ff', '0x021001ff'))
    const other = run('generate.mjs', '--check', '--source', copy)
    writeFileSync(header, original)
    expect(other).toMatchObject({ status: 1, stderr: expect.stringContaining('the source is librdkafka 2.16.1, but') })
    expect(run('generate.mjs', '--cheque')).toMatchObject({ status: 1, stderr: expect.stringContaining('usage:') })
  })
})

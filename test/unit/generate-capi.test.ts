import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { account, findUses, parseCsv, parseHeader, toMarkdown } from '../../scripts/check-capi.mjs'
import { locateSource } from '../../scripts/generate/source.mjs'

const head = 'function,header,area,status,detail\n'
const headers = new Map([
  ['rd_kafka_new', 'rdkafka.h'],
  ['rd_kafka_poll', 'rdkafka.h'],
])

describe('the account of the C API', () => {
  test('knows every exported function of the pinned headers', () => {
    const source = locateSource()
    expect(parseHeader(source.read('src/rdkafka.h'))).toHaveLength(495)
    expect(parseHeader(source.read('src/rdkafka_mock.h'))).toHaveLength(58)
  })

  test('is that of the pinned headers and of native/', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/check-capi.mjs', '--check'], {
      encoding: 'utf8',
    })
    expect({ status, text: stdout + stderr }).toMatchObject({ status: 0 })
  })

  test('reads declarations, not comments or macros', () => {
    const header = `#define RD_EXPORT __declspec(x) \\
        rd_kafka_macro()
      /* RD_EXPORT int rd_kafka_old(void); */
      RD_EXPORT rd_kafka_t *rd_kafka_new(int type, void (*cb)(void));
      RD_EXPORT RD_UNUSED const char *
      rd_kafka_name(const rd_kafka_t *rk);
      typedef int (rd_kafka_cb)(int);`
    expect(parseHeader(header)).toEqual(['rd_kafka_new', 'rd_kafka_name'])
  })

  test('sees uses in code only', () => {
    const files = new Map([
      ['native/a.cc', 'rd_kafka_new(); // rd_kafka_poll()'],
      ['native/b.h', 'Destroy<&rd_kafka_new>; text("rd_kafka_poll"); rd_kafka_poller();'],
    ])
    expect(findUses(files, new Set(headers.keys()))).toEqual(new Map([['rd_kafka_new', ['native/a.cc', 'native/b.h']]]))
  })

  const rows = (text: string) => parseCsv(head + text)
  const uses = new Map([['rd_kafka_new', ['native/a.cc']]])

  test('is in order when each function is bound or has a reason', () => {
    const text =
      'rd_kafka_new,rdkafka.h,life,bound,native/a.cc\nrd_kafka_poll,rdkafka.h,life,not exposed,"events, not callbacks"\n'
    const { fresh, problems } = account(rows(text), headers, uses)
    expect(problems).toEqual([])
    expect(fresh).toEqual(rows(text))
    expect(toMarkdown(fresh, '2.15.1')).toContain('| life | 2 | 1 | 0 | 1 |')
    expect(toMarkdown(fresh, '2.15.1')).toContain('| `rd_kafka_poll` | events, not callbacks |')
  })

  test.each([
    ['', 'rd_kafka_poll (rdkafka.h) is missing'],
    ['rd_kafka_poll,rdkafka.h,life,not exposed,', 'rd_kafka_poll is neither bound nor has it a reason'],
    ['rd_kafka_poll,rdkafka.h,life,bound,native/a.cc', 'rd_kafka_poll is bound no more'],
    ['rd_kafka_new,rdkafka.h,life,not exposed,why', "rd_kafka_new is 'not exposed' but used in native/a.cc"],
    ['rd_kafka_gone,rdkafka.h,life,not exposed,why', 'rd_kafka_gone is in the table but not in the headers'],
  ])('%j is a problem', (row, problem) => {
    const complete = ['rd_kafka_new,rdkafka.h,life,bound,native/a.cc', 'rd_kafka_poll,rdkafka.h,life,not exposed,why']
    const name = row.split(',')[0] || 'rd_kafka_poll'
    const others = complete.filter((line) => !line.startsWith(`${name},`))
    const text = [...others, ...(row ? [row] : [])].join('\n')
    const { problems } = account(rows(text), headers, uses)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
  })

  test('keeps reasons and takes the uses from the code', () => {
    const text = 'rd_kafka_new,rdkafka.h,life,not exposed,planned\nrd_kafka_poll,rdkafka.h,life,not exposed,why'
    expect(account(rows(text), headers, uses).fresh).toMatchObject([
      { function: 'rd_kafka_new', status: 'bound', detail: 'native/a.cc' },
      { function: 'rd_kafka_poll', status: 'not exposed', detail: 'why' },
    ])
  })

  test('a table that cannot be read says where', () => {
    expect(() => parseCsv('a,b\n')).toThrow('must begin with the line')
    expect(() => parseCsv(`${head}rd_kafka_new,rdkafka.h\n`)).toThrow('docs/capi.csv:2 has 2 fields, not 5')
  })
})

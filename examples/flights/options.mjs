// The command line. Uses nothing but Node: it is read before anything is installed.
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Problem } from './problem.mjs'

const root = new URL('../../', import.meta.url)
const flights = fileURLToPath(new URL('node_modules/vega-datasets/data/flights-200k.json', root))

export const usage = `Usage: npm start -- [options]

Reads records from a file, produces each as a keyed message, consumes them in a group of three consumers, and verifies
that every record was delivered and received once, in the order of its key, unchanged.

  --file FILE      JSON lines, CSV with a header line, or a JSON array of objects
                   (default: the flights of the npm data set vega-datasets)
  --topic TOPIC    where to produce to; created if it is not there (default: flights)
  --key FIELD      the field that becomes the message's key (default: distance for the flights, else the first field)
  --exactly-once   no group of consumers, but three pipelines that write running statistics to TOPIC-statistics, in
                   transactions with the offsets of the records counted; verified by a read_committed reader. Needs a
                   real Kafka: that of KAFKA_BROKERS, else one is started for the run
  --rejects FILE   where records go that cannot be read (default: .cache/rejects/, named like the input)
  --help           this text

Without KAFKA_BROKERS the job runs on a cluster embedded in the process (but see --exactly-once). With it (KAFKA_BROKERS=host:port,host:port)
it runs on that one; messages that the topic holds already are left alone.

Ends with 0 when everything was verified, 1 when not or when something is wrong. Ctrl-C reads no further, brings what
is under way to its end, commits, closes and ends with 130 (SIGTERM: 143).`

const hint = 'See: npm start -- --help'

/**
 * @typedef {{ help: boolean, file: string, given: boolean, topic: string, key: string | undefined,
 *   exactlyOnce: boolean, rejects: string }} Options
 * @param {string[]} argv
 * @returns {Options}
 */
export function parseOptions(argv) {
  const { values, positionals } = parse(argv)
  if (positionals.length > 0) {
    throw new Problem(
      `'${positionals[0]}' is no option. Options of the job go after two dashes: npm start -- --file FILE. ${hint}`,
    )
  }
  const given = values.file !== undefined
  const file = given ? resolve(here(), values.file) : flights
  const aside = fileURLToPath(new URL(`.cache/rejects/${basename(file)}.ndjson`, root))
  const rejects = values.rejects ? resolve(here(), values.rejects) : aside
  const key = values.key ?? (given ? undefined : 'distance')
  if (key === '') throw new Problem(`--key takes the name of a field; it is empty. ${hint}`)
  const topic = checkTopic(values.topic ?? 'flights')
  const exactlyOnce = values['exactly-once'] ?? false
  return { help: values.help ?? false, file, given, topic, key, exactlyOnce, rejects }
}

/** npm runs its scripts in the package's directory, wherever the user is. */
function here() {
  return (process.env.npm_lifecycle_event === 'start' && process.env.INIT_CWD) || process.cwd()
}

function parse(argv) {
  const text = { type: 'string' }
  const flags = { 'exactly-once': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } }
  const options = { file: text, topic: text, key: text, rejects: text, ...flags }
  try {
    return parseArgs({ args: argv, options, allowPositionals: true })
  } catch (error) {
    const name = /'(-[^\s'=]*)/.exec(error.message)?.[1]
    if (error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw new Problem(`There is no option '${name}'. ${hint}`)
    throw new Problem(`${error.message.split('\n')[0]}. ${hint}`)
  }
}

function checkTopic(topic) {
  if (/^[a-zA-Z0-9._-]{1,249}$/.test(topic) && topic !== '.' && topic !== '..') return topic
  const rule = 'a topic has 1 to 249 letters (a-z, A-Z), digits, dots, underscores or dashes'
  throw new Problem(`--topic '${topic}' cannot be a topic: ${rule}.`)
}

/** The size of a file, 0 for a pipe and the like. Throws a Problem for what cannot be read. */
export function checkFile(file) {
  let stat
  try {
    stat = statSync(file)
  } catch (error) {
    throw fileProblem(file, error)
  }
  if (stat.isDirectory()) throw new Problem(`'${file}' is a directory; --file takes a file.`)
  if (stat.isFile() && stat.size === 0) throw new Problem(`'${file}' is empty: there is nothing to produce.`)
  return stat.isFile() ? stat.size : 0
}

export function fileProblem(file, error) {
  if (error.code === 'ENOENT') return new Problem(`There is no file '${file}'.`)
  if (error.code === 'EACCES') return new Problem(`'${file}' may not be read: permission denied.`)
  return new Problem(`'${file}' cannot be read: ${error.message}`)
}

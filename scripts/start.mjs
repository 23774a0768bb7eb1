// npm start: makes a fresh clone ready, then runs the main job (examples/flights). Uses nothing but Node until it is ready.
import { checkFile, parseOptions, usage } from '../examples/flights/options.mjs'
import { Problem } from '../examples/flights/problem.mjs'
import { main, UserError } from './lib/run.mjs'
import { ensureReady } from './setup.mjs'

await main(import.meta.url, async (argv) => {
  try {
    const options = parseOptions(argv)
    if (options.help) return console.log(usage)
    // A build of minutes is a long time to wait for "no such file".
    if (options.given) checkFile(options.file)
    await ensureReady({ kafka: options.exactlyOnce && !process.env.KAFKA_BROKERS })
    console.log('')
    const { run } = await import('../examples/flights/main.mjs')
    process.exitCode = await run(options)
  } catch (error) {
    throw error instanceof Problem ? new UserError(error.message) : error
  }
})

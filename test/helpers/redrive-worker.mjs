// A process that brings dead letters back, and says each with a synchronous write, so that a SIGKILL loses none.
import { writeSync } from 'node:fs'
import { redrive } from '../../dist/processor.js'

const options = JSON.parse(process.argv[2])
process.on('disconnect', () => process.exit())
const result = await redrive({ ...options, onLetter: (message) => writeSync(1, `${message.offset}\n`) })
writeSync(1, `${JSON.stringify(result)}\n`)
process.disconnect()

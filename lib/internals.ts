// What the benchmarks of this repository reach into, which package.json does not export.
export { defaultOverrides } from './config.generated.js'
export { MessageSlab } from './message.js'

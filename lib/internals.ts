// What the benchmarks of this repository reach into, which package.json does not export.
export { MessageSlab } from './message.js'

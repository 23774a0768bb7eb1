// The package under test, and what every task of it begins with.
import { readArguments } from './common.mjs'

// Another build of the package can be measured in the same rounds (run.mjs --tree).
export const module = process.env.ODRADEK_BENCH_MODULE ?? 'odradek'
export const { Consumer, Offset, Producer } = await import(module)

export const args = readArguments()
export const config = { 'bootstrap.servers': args.brokers, ...args.conf }

export function newConsumer(hooks) {
  return new Consumer(
    { ...config, 'group.id': args.group },
    { onError: (error) => console.error(`error: ${error.message}`), ...hooks },
  )
}

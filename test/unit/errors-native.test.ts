import { expect, test } from 'vitest'
import { binding } from '../../lib/binding.js'
import { librdkafkaVersion } from '../../lib/config.generated.js'
import { ErrorCodes, errorDescriptions } from '../../lib/errors.js'

test('the generated errors are those of the librdkafka that is loaded', () => {
  const loaded = binding.errorDescriptions().filter(([, , description]) => description !== null && description !== '')
  const generated = Object.entries(ErrorCodes).map(([name, errno]) => {
    return [errno, name, errorDescriptions[name as keyof typeof ErrorCodes]]
  })
  // A system librdkafka may be older or newer: then what both know must agree.
  const common = new Set<unknown>(generated.map(([errno]) => errno))
  const comparable = binding.librdkafkaVersion.startsWith(librdkafkaVersion)
    ? loaded
    : loaded.filter(([errno]) => common.has(errno))
  expect(comparable.length).toBeGreaterThan(150)
  const wanted = new Set<unknown>(comparable.map(([errno]) => errno))
  expect(comparable.toSorted((a, b) => a[0] - b[0])).toEqual(generated.filter(([errno]) => wanted.has(errno)))
})

// Every example of the documentation is compiled, strictly, against the package's own declarations. test/mock/documentation.test.ts and
// test/broker/documentation.test.ts run them.
import { expect, test } from 'vitest'
import { compileExamples, examples } from '../helpers/documentation.js'

test('every example compiles', async () => {
  const all = examples()
  expect(all.filter(({ place }) => place.startsWith('lib/')).length).toBeGreaterThan(20)
  expect(all.filter(({ place }) => place.startsWith('README.md')).length).toBeGreaterThan(8)
  expect(all.filter(({ place }) => place.startsWith('docs/')).length).toBeGreaterThan(35)
  expect((await compileExamples('documentation-unit', all)).problems).toBe('')
})

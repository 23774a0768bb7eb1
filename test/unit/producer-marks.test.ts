// What a flush waits for: counted by epochs that records carry, against a model that remembers each record.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ReportWindow } from '../../lib/delivery-report.js'
import { type Mark, Marks } from '../../lib/producer-marks.js'

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), count: fc.nat(5), batch: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mark' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('report' as const), order: fc.array(fc.nat(), { maxLength: 8 }) }),
  },
)

it('is passed when each record written before it has its report, in whatever order they come', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 0x7ffffffe, -3), (steps, first) => {
      const marks = new Marks()
      marks.epoch = first
      const window = new ReportWindow()
      const left = new Set<{ slot: number; index: number }>()
      const epochs = new Map<number, number>()
      const waits: { mark: Mark; records: (typeof left extends Set<infer R> ? R : never)[] }[] = []
      let slots = 1
      for (const one of steps) {
        if (one.do === 'write') {
          const slot = slots++
          // A batch has its epoch beside its slot, and rows with an index; the others have it as their index.
          if (one.batch) epochs.set(slot, marks.epoch)
          for (let i = 0; i < one.count; i++) left.add({ slot, index: one.batch ? i : marks.epoch })
        } else if (one.do === 'mark') {
          waits.push({ mark: marks.mark(left.size), records: [...left] })
        } else {
          let count = 0
          for (const at of one.order) {
            const record = [...left][at % Math.max(left.size, 1)]
            if (!record) break
            left.delete(record)
            window.ints.set([record.slot, record.index], count++ * 16)
          }
          if (marks.some) marks.count(window, count, (slot) => epochs.get(slot))
        }
        for (const { mark, records } of waits) expect(mark.done).toBe(!records.some((record) => left.has(record)))
      }
      marks.end()
      for (const { mark } of waits) expect(mark.done).toBe(true)
      expect(marks.some).toBe(false)
    }),
    { numRuns: 500 },
  )
})

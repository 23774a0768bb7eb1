// Which messages are timed, and what observers are told of the others.
import type { Message } from 'odradek'
import type { ProcessorEvent } from 'odradek/processor'
import { describe, expect, it } from 'vitest'
// Not part of the package's surface: the parts behind it.
import { Journal } from '../../lib/processor/journal.js'
import { Partition, Task } from '../../lib/processor/task.js'

function open() {
  const journal = new Journal()
  const events: Extract<ProcessorEvent, { type: 'handled' }>[] = []
  const observe = () => journal.observe((event) => void (event.type === 'handled' && events.push(event)))
  const partition = new Partition('t', 0, { definition: {} } as never, undefined as never)
  let offset = 0
  const begin = () => {
    const task = new Task({ topic: 't', partition: 0, offset: offset++ } as unknown as Message, partition)
    // As Handling does it.
    if (--partition.untilTimed <= 0) journal.begun(task)
    return task
  }
  const told = () => events.reduce((sum, { count }) => sum + count, 0)
  return { journal, events, observe, partition, begin, told }
}

describe('the journal', () => {
  it('times nothing and tells nothing without an observer, and begins when there is one', () => {
    const { journal, events, observe, partition, begin } = open()
    for (let i = 0; i < 10_000; i++) {
      const task = begin()
      expect(task.more).toBeUndefined()
      journal.finished(task, 'success')
    }
    const stop = observe()
    // What was handled before somebody listened is not told of.
    journal.tick([partition])
    expect(events).toEqual([])
    journal.finished(begin(), 'success')
    expect(events.at(-1)).toMatchObject({ count: 1, outcome: 'success' })
    stop()
    const before = events.length
    journal.tick([partition])
    for (let i = 0; i < 10; i++) journal.finished(begin(), 'success')
    journal.tick([partition])
    expect(events).toHaveLength(before)
  })

  it('times all up to a number, then few, and tells of each', () => {
    const { journal, events, observe, partition, begin, told } = open()
    observe()
    for (let tick = 0; tick < 3; tick++) {
      const from = events.length
      for (let i = 0; i < 50_000; i++) journal.finished(begin(), 'success')
      expect(events.length - from).toBeGreaterThanOrEqual(400)
      // 49,600 more: one in 1,024 when they take less than half a microsecond, and never more than one in 0.5 ms.
      expect(events.length - from).toBeLessThan(5000)
      journal.tick([partition])
      expect(told()).toBe((tick + 1) * 50_000)
    }
    expect(journal.handled).toBe(150_000)
  })

  it('tells no time before one was taken', () => {
    const { journal, events, observe, partition, begin, told } = open()
    observe()
    const slow = begin()
    partition.untilTimed = 100
    for (let i = 0; i < 5; i++) journal.finished(begin(), 'success')
    journal.tick([partition])
    expect(events).toEqual([])
    const from = performance.now()
    while (performance.now() - from < 2);
    journal.finished(slow, 'success')
    expect(events).toMatchObject([{ count: 6, calls: 6 }])
    expect(events[0].duration).toBeGreaterThanOrEqual(2)
    // In the end all are told, whatever is known.
    journal.finished(begin(), 'failure')
    journal.flush([partition])
    expect(told()).toBe(7)
    expect(journal).toMatchObject({ handled: 6, failed: 1 })
  })
})

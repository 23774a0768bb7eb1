// The dashboard asks for metrics that exist, by labels that they have.
import { readFileSync } from 'node:fs'
import { prometheus } from 'odradek/metrics'
import { Registry } from 'prom-client'
import { expect, it } from 'vitest'

it('every query of the dashboard is of a metric that is registered', () => {
  const file = new URL('../../docs/grafana-dashboard.json', import.meta.url)
  const { panels } = JSON.parse(readFileSync(file, 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[]
  }
  const register = new Registry()
  prometheus(register)
  const names = new Set(register.getMetricsAsArray().map(({ name }) => name))
  const asked = panels.flatMap(({ targets }) =>
    targets.flatMap(({ expr }) => expr.match(/\b(kafka|messaging)_\w+(?=\{)/g) ?? []),
  )
  expect(asked.length).toBeGreaterThan(20)
  const unknown = asked.map((name) => name.replace(/_(bucket|sum|count)$/, '')).filter((name) => !names.has(name))
  expect(unknown).toEqual([])
  // And what is measured is shown, but for what few need.
  const shown = new Set(asked.map((name) => name.replace(/_bucket$/, '')))
  expect([...names].filter((name) => !shown.has(name))).toEqual([
    'kafka_producer_queue_bytes',
    'kafka_consumer_rebalances_total',
    'kafka_producer_queue_time_seconds',
  ])
})

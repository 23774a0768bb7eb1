// The panels of docs/grafana-dashboard.json, and the same drawn from a run (dashboard.mjs): each query is written once.

const topic = 'messaging_destination_name'
const rate = (metric, by = [topic], legend = `{{${topic}}}`, where = {}) => ({ op: 'rate', metric, by, legend, where })
const value = (metric, by = [], legend = '', where = {}) => ({ op: 'value', metric, by, legend, where })
const quantile = (q, metric, by = [], legend = '') => ({ op: 'quantile', q, metric, by, legend, where: {} })

export const panels = [
  [
    'Messages received and sent',
    'cps',
    [
      rate('messaging_client_consumed_messages_total', [topic], `received {{${topic}}}`),
      rate('messaging_client_sent_messages_total', [topic], `sent {{${topic}}}`),
    ],
  ],
  [
    'Bytes received and sent',
    'Bps',
    [
      rate('messaging_client_consumed_bytes_total', [topic], `received {{${topic}}}`),
      rate('messaging_client_sent_bytes_total', [topic], `sent {{${topic}}}`),
    ],
  ],
  [
    'Lag',
    'short',
    [
      value(
        'kafka_consumer_lag',
        [topic, 'messaging_destination_partition_id'],
        `{{${topic}}} [{{messaging_destination_partition_id}}]`,
      ),
    ],
  ],
  [
    'Handled, by outcome',
    'cps',
    [rate('messaging_process_messages_total', [topic, 'outcome'], `{{${topic}}} {{outcome}}`)],
  ],
  [
    'Handler time',
    's',
    [0.5, 0.95, 0.99].map((q) =>
      quantile(q, 'messaging_process_duration_seconds', [topic], `p${q * 100} {{${topic}}}`),
    ),
  ],
  [
    'Retries and dead letters',
    'cps',
    [
      rate('kafka_processor_retries_total', [topic], `retries {{${topic}}}`),
      rate('kafka_processor_dead_letters_total', [topic, 'kind'], `{{kind}} {{${topic}}}`),
    ],
  ],
  [
    'Handlers at work, messages waiting',
    'short',
    [
      value('kafka_processor_running', [], 'at work'),
      value('kafka_processor_queued', [], 'queued'),
      value('kafka_processor_sleeping', [], 'waiting for a retry'),
    ],
  ],
  [
    'Delivery reports',
    's',
    [0.5, 0.99].map((q) => quantile(q, 'messaging_client_operation_duration_seconds', [], `p${q * 100}`)),
  ],
  [
    'Delivery failures',
    'cps',
    [rate('messaging_client_deliveries_total', ['error_type'], '{{error_type}}', { error_type: '!=""' })],
  ],
  [
    'Producer queue',
    'short',
    [value('kafka_producer_queue_messages', ['messaging_client_id'], '{{messaging_client_id}}')],
  ],
  [
    'Broker round trip, p99',
    's',
    [value('kafka_broker_rtt_seconds', ['broker'], '{{broker}}', { quantile: '="0.99"' })],
  ],
  [
    'Partitions and rebalances',
    'short',
    [
      value('kafka_consumer_partitions', ['messaging_client_id'], 'partitions {{messaging_client_id}}'),
      rate('kafka_processor_rebalances_total', ['kind'], '{{kind}}'),
    ],
  ],
  [
    'Broker errors, retries, time-outs',
    'cps',
    [
      rate('kafka_broker_request_errors_total', [], 'requests'),
      rate('kafka_broker_response_errors_total', [], 'responses'),
      rate('kafka_broker_request_retries_total', [], 'retries'),
      rate('kafka_broker_request_timeouts_total', [], 'time-outs'),
    ],
  ],
  ['Transactions', 'cps', [rate('kafka_transactions_total', ['result'], '{{result}}')]],
].map(([title, unit, queries]) => ({ title, unit, queries }))

/** In Prometheus' language. */
export function promql({ op, metric, by, where, q }) {
  const matchers = ['instance=~"$instance"', ...Object.entries(where).map(([name, test]) => name + test)].join(',')
  const sum = (labels, inner) => `sum${labels.length > 0 ? ` by (${labels.join(', ')})` : ''} (${inner})`
  if (op === 'value') return sum(by, `${metric}{${matchers}}`)
  if (op === 'rate') return sum(by, `rate(${metric}{${matchers}}[$__rate_interval])`)
  return `histogram_quantile(${q}, ${sum(['le', ...by], `rate(${metric}_bucket{${matchers}}[$__rate_interval])`)})`
}

const source = { type: 'prometheus', uid: '$' + '{datasource}' }

export function dashboard() {
  return {
    title: 'odradek',
    uid: 'odradek',
    schemaVersion: 39,
    version: 1,
    editable: true,
    tags: ['kafka'],
    time: { from: 'now-30m', to: 'now' },
    refresh: '10s',
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' },
        {
          name: 'instance',
          type: 'query',
          label: 'Instance',
          datasource: source,
          query: 'label_values(kafka_broker_rtt_seconds, instance)',
          includeAll: true,
          multi: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: panels.map(({ title, unit, queries }, i) => ({
      id: i + 1,
      type: 'timeseries',
      title,
      datasource: source,
      gridPos: { x: (i % 3) * 8, y: Math.floor(i / 3) * 8, w: 8, h: 8 },
      fieldConfig: {
        defaults: { unit, min: 0, custom: { fillOpacity: 8, lineWidth: 1, showPoints: 'never' } },
        overrides: [],
      },
      options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
      targets: queries.map((query, j) => ({
        refId: String.fromCharCode(65 + j),
        expr: promql(query),
        legendFormat: query.legend || '__auto',
      })),
    })),
  }
}

// What is measured. A family shares its topic, its arguments and its C program; its scenarios are ways to do the same
// thing with this package (and with the peers, see peers/).

const throughput = { better: 'rate' }
const latency = { better: 'p50' }

// The topics that are filled once; the group's partitions are a multiple of 12, see bench/c/group.c.
const plain = { name: 'plain' }
const withHeaders = { name: 'headers', headers: true }
const shared = { name: 'group', partitions: 12 }

/**
 * Properties for which this package ships another default. The C program and the peers on librdkafka get the same value,
 * so that the ratios are about the clients and not about the property.
 */
export function consumerDefaults(defaultOverrides) {
  const wanted = defaultOverrides.filter(
    ({ property, clients }) => clients.includes('consumer') && /^(fetch|queued)\./.test(property),
  )
  return Object.fromEntries(wanted.map(({ property, value }) => [property, value]))
}

/**
 * @param {import('./options.mjs').Options} options
 * @param {Record<string, string>} [defaults] consumerDefaults()
 */
export function families({ messages, size, codec, batch }, defaults = {}) {
  const sized = `${messages.toLocaleString('en')} messages of ${size} bytes${codec === 'none' ? '' : `, ${codec}`}`
  const codecConf = codec === 'none' ? {} : { 'compression.codec': codec }
  const acked = { acks: 'all', ...codecConf }
  const transact = (batch, most) => ({
    name: `transact-${batch}`,
    title: `Consume, transform, produce: ${batch.toLocaleString('en')} records of ${size} bytes in each transaction`,
    ...throughput,
    unit: 'transactions',
    preloaded: plain,
    output: true,
    verify: 'verify-transactions',
    // Five more for a warm-up are read.
    leastMessages: batch * 6,
    args: { messages: Math.min(most, Math.floor(messages / batch) - 5), batch },
    conf: {
      'auto.offset.reset': 'earliest',
      'enable.auto.commit': 'false',
      'isolation.level': 'read_committed',
      ...defaults,
    },
    c: { task: 'transact', label: 'C, with a flush before it sends the offsets' },
    scenarios: [
      { name: `transact-${batch}`, label: 'odradek, producer.transaction' },
      { name: `pipeline-${batch}`, label: 'odradek, exactlyOnce' },
    ],
  })
  const reading = { 'auto.offset.reset': 'earliest', ...defaults }
  const consume = (name, touched, preloaded, label) => ({
    name,
    title: `Consume ${sized}, ${touched} touched`,
    ...throughput,
    preloaded,
    args: { messages },
    conf: reading,
    c: { task: name, label },
    scenarios: [
      { name: `${name}-for-await`, label: 'odradek, for await (message)' },
      { name: `${name}-batches`, label: 'odradek, batches()' },
    ],
  })
  return [
    consume('consume', 'each value', plain, 'C, rd_kafka_consume_batch_queue of 1,000'),
    consume('consume-headers', 'each value, key and two headers', withHeaders, 'C, rd_kafka_header_get_last of both'),
    {
      name: 'consume-group',
      title: `Consume ${sized} from ${shared.partitions} partitions, four members of a group in one process, each value touched`,
      ...throughput,
      preloaded: shared,
      // A batch of the C program for each member; it would wait for a full one.
      leastMessages: 4000,
      args: { messages, partitions: shared.partitions },
      // A fetch at the end of a partition, from before all members were there, would hold up those after it for 500 ms.
      conf: { ...reading, 'fetch.wait.max.ms': 10 },
      c: { task: 'consume-group', label: 'C, four threads, rd_kafka_consume_batch_queue of 1,000' },
      scenarios: [
        { name: 'consume-group-for-await', label: 'odradek, one thread, for await (message)' },
        { name: 'consume-group-batches', label: 'odradek, one thread, batches()' },
        { name: 'consume-group-workers-for-await', label: 'odradek, four workers, for await (message)' },
        { name: 'consume-group-workers-batches', label: 'odradek, four workers, batches()' },
      ],
    },
    {
      name: 'produce',
      title: `Produce ${sized}, acks=all, a report for each`,
      ...throughput,
      verify: 'verify-produced',
      args: { messages, warmup: 1000 },
      conf: acked,
      c: { task: 'produce', label: 'C, rd_kafka_produce and a poll thread' },
      scenarios: [
        {
          name: 'produce-batch',
          label: `odradek, sendBatch of ${batch.toLocaleString('en')}`,
          args: { batch, inflight: 64 },
        },
        { name: 'produce-bulk', label: 'odradek, produce and onDelivery' },
        { name: 'produce-send', label: 'odradek, send, 10,000 in flight', args: { inflight: 10_000 } },
      ],
    },
    {
      name: 'latency-send',
      title: `One awaited send after another, ${size} bytes, acks=all, linger 0`,
      ...latency,
      verify: 'verify-produced',
      args: { messages: Math.min(messages, 10_000), warmup: 1000 },
      conf: { ...acked, 'linger.ms': 0 },
      c: { task: 'latency-send', label: 'C, rd_kafka_produce, rd_kafka_poll' },
      scenarios: [{ name: 'latency-send', label: 'odradek, await send' }],
    },
    {
      name: 'latency-consume',
      title: `Produce call to hand-over in one process, 200 messages/s of ${size} bytes`,
      ...latency,
      args: { messages: Math.min(messages, 2000), warmup: 200, interval: 5 },
      conf: reading,
      c: { task: 'latency-consume', label: 'C, rd_kafka_consumer_poll' },
      scenarios: [{ name: 'latency-consume', label: 'odradek, send and for await' }],
    },
    transact(1000, 1000),
    transact(10, 2000),
  ]
}

/** The names that `run.mjs` accepts: scenarios, and families for all of theirs. */
export function scenarioNames(all) {
  return [...new Set(all.flatMap((family) => [family.name, ...family.scenarios.map(({ name }) => name)]))]
}

/** A family that asks for more messages than there are; it would wait for them for ever. */
export function starved(wanted, { messages }) {
  return wanted.find(({ leastMessages = 1 }) => messages < leastMessages)
}

/** The families with only the wanted scenarios; all of them when nothing is named. */
export function selectFamilies(all, wanted) {
  if (wanted.length === 0) return all
  return all
    .map((family) => ({
      ...family,
      scenarios: family.scenarios.filter(({ name }) => wanted.includes(name) || wanted.includes(family.name)),
    }))
    .filter(({ scenarios }) => scenarios.length > 0)
}

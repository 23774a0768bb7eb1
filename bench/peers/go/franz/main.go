// The benchmark's tasks with franz-go.
package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	. "odradek/bench/common"
)

var ctx = context.Background()

func seeds() kgo.Opt { return kgo.SeedBrokers(strings.Split(Args["brokers"], ",")...) }

func client(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(options, seeds())...)
	Fail(err)
	return client
}

func reader() func(each func(value []byte)) {
	c := client(kgo.ConsumerGroup(Args["group"]), kgo.ConsumeTopics(Args["topic"]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	return func(each func(value []byte)) {
		fetches := c.PollFetches(ctx)
		Fail(fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) { each(record.Value) })
	}
}

func producer(linger time.Duration) *kgo.Client {
	codecs := map[string]kgo.CompressionCodec{"": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	return client(kgo.DefaultProduceTopic(Args["topic"]), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.DisableIdempotentWrite(), kgo.ProducerLinger(linger), kgo.MaxBufferedRecords(100000),
		kgo.ProducerBatchCompression(codecs[Args["conf.compression.codec"]]))
}

func delivered(_ *kgo.Record, err error) { Fail(err) }

func produce() {
	messages := Number("messages")
	keys, values := Payloads()
	p := producer(5 * time.Millisecond)
	Fail(p.ProduceSync(ctx, &kgo.Record{Key: keys[0], Value: values[0]}).FirstErr())
	var wait sync.WaitGroup
	wait.Add(messages)
	reported := func(_ *kgo.Record, err error) {
		Fail(err)
		wait.Done()
	}
	start := Now()
	for i := 0; i < messages; i++ {
		p.Produce(ctx, &kgo.Record{Key: keys[i%Pool], Value: values[i%Pool]}, reported)
	}
	wait.Wait()
	PrintThroughput(messages, start, Now())
}

func latencySend() {
	p := producer(0)
	LatencySend(func(key, value []byte) { Fail(p.ProduceSync(ctx, &kgo.Record{Key: key, Value: value}).FirstErr()) })
}

func latencyConsume() {
	p := producer(0)
	send := func(key, value []byte) { p.Produce(ctx, &kgo.Record{Key: key, Value: value}, delivered) }
	LatencyConsume(send, reader())
}

// Its End flushes before it sends the offsets.
func transact() {
	session, err := kgo.NewGroupTransactSession(seeds(),
		kgo.TransactionalID(Args["group"]), kgo.DefaultProduceTopic(Args["output"]), kgo.ProducerLinger(0),
		kgo.ConsumerGroup(Args["group"]), kgo.ConsumeTopics(Args["topic"]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets())
	Fail(err)
	Transact(func(batch int) {
		Fail(session.Begin())
		for count := 0; count < batch; {
			fetches := session.PollRecords(ctx, batch-count)
			Fail(fetches.Err())
			fetches.EachRecord(func(record *kgo.Record) {
				session.Produce(ctx, &kgo.Record{Key: record.Key, Value: record.Value}, delivered)
				count++
			})
		}
		committed, err := session.End(ctx, kgo.TryCommit)
		Fail(err)
		if !committed {
			Fail(errors.New("the transaction was aborted"))
		}
	})
}

func main() {
	Main(map[string]func(){
		"consume-batches": func() { Consume(reader()) },
		"produce-bulk":    produce,
		"latency-send":    latencySend,
		"latency-consume": latencyConsume,
		"transact-1000":   transact,
		"transact-10":     transact,
	})
}

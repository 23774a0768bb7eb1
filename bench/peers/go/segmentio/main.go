// The benchmark's tasks with segmentio's kafka-go.
package main

import (
	"context"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	. "odradek/bench/common"
)

var ctx = context.Background()

func brokers() []string { return strings.Split(Args["brokers"], ",") }

func reader() func(each func(value []byte)) {
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: brokers(), GroupID: Args["group"], Topic: Args["topic"], StartOffset: kafka.FirstOffset,
		// As in its README; and commits in the background, not one for each message.
		MaxBytes: 10e6, CommitInterval: time.Second,
	})
	return func(each func(value []byte)) {
		message, err := r.ReadMessage(ctx)
		Fail(err)
		each(message.Value)
	}
}

// Its defaults are 100 messages or a second.
func writer(batchSize int) *kafka.Writer {
	codecs := map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}
	return &kafka.Writer{
		Addr: kafka.TCP(brokers()...), Topic: Args["topic"], Balancer: &kafka.Murmur2Balancer{},
		RequiredAcks: kafka.RequireAll, Compression: codecs[Args["conf.compression.codec"]],
		BatchSize: batchSize, BatchTimeout: 5 * time.Millisecond,
	}
}

func produce(batch int) {
	keys, values := Payloads()
	w := writer(1000)
	Produce(batch, Number("inflight"), func(from, to int) {
		messages := make([]kafka.Message, 0, to-from)
		for i := from; i < to; i++ {
			messages = append(messages, kafka.Message{Key: keys[i%Pool], Value: values[i%Pool]})
		}
		Fail(w.WriteMessages(ctx, messages...))
	})
}

func latencySend() {
	w := writer(1)
	LatencySend(func(key, value []byte) { Fail(w.WriteMessages(ctx, kafka.Message{Key: key, Value: value})) })
}

func latencyConsume() {
	w := writer(1)
	w.Async = true
	w.Completion = func(_ []kafka.Message, err error) { Fail(err) }
	send := func(key, value []byte) { Fail(w.WriteMessages(ctx, kafka.Message{Key: key, Value: value})) }
	LatencyConsume(send, reader())
}

func main() {
	Main(map[string]func(){
		"consume-for-await": func() { Consume(reader()) },
		"produce-batch":     func() { produce(Number("batch")) },
		"produce-send":      func() { produce(1) },
		"latency-send":      latencySend,
		"latency-consume":   latencyConsume,
	})
}

// The benchmark's tasks with franz-go.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const pool = 1000

var args = map[string]string{}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func number(name string) int {
	value, err := strconv.Atoi(args[name])
	fail(err)
	return value
}

type moment struct {
	at  time.Time
	cpu float64
}

func now() moment {
	var usage syscall.Rusage
	fail(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	micros := func(t syscall.Timeval) float64 { return float64(t.Sec)*1e6 + float64(t.Usec) }
	return moment{time.Now(), micros(usage.Utime) + micros(usage.Stime)}
}

func peakRss() int {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmHWM:") {
			kib, _ := strconv.Atoi(strings.Fields(line)[1])
			return kib
		}
	}
	return 0
}

func printThroughput(messages int, start, end moment) {
	fmt.Printf("{\"messages\":%d,\"seconds\":%f,\"cpuMicros\":%.0f,\"rssKiB\":%d}\n", messages,
		end.at.Sub(start.at).Seconds(), end.cpu-start.cpu, peakRss())
}

func printLatency(micros []float64) {
	sort.Float64s(micros)
	fmt.Printf("{\"messages\":%d,\"p50\":%.1f,\"p99\":%.1f,\"rssKiB\":%d}\n", len(micros), micros[len(micros)/2],
		micros[len(micros)*99/100], peakRss())
}

func payloads() (keys, values [][]byte) {
	size := number("size")
	bytes, err := os.ReadFile(args["payload"])
	fail(err)
	for i := 0; i < pool; i++ {
		keys = append(keys, []byte(fmt.Sprintf("k%07d", i)))
		values = append(values, bytes[i*size:(i+1)*size])
	}
	return
}

func client(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(strings.Split(args["brokers"], ",")...))...)
	fail(err)
	return client
}

func consumer() *kgo.Client {
	return client(kgo.ConsumerGroup(args["group"]), kgo.ConsumeTopics(args["topic"]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
}

func producer(linger time.Duration) *kgo.Client {
	codecs := map[string]kgo.CompressionCodec{"": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	return client(kgo.DefaultProduceTopic(args["topic"]), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.DisableIdempotentWrite(), kgo.ProducerLinger(linger), kgo.MaxBufferedRecords(100000),
		kgo.ProducerBatchCompression(codecs[args["conf.compression.codec"]]))
}

func consume() {
	messages := number("messages")
	c := consumer()
	count, touched := 0, 0
	var start moment
	for count < messages {
		fetches := c.PollFetches(context.Background())
		fail(fetches.Err())
		if count == 0 {
			start = now()
		}
		fetches.EachRecord(func(record *kgo.Record) {
			touched += len(record.Value) + int(record.Value[0])
			count++
		})
	}
	end := now()
	if touched == 0 {
		fail(fmt.Errorf("no value had a byte"))
	}
	printThroughput(count, start, end)
}

func produce() {
	messages := number("messages")
	keys, values := payloads()
	p := producer(5 * time.Millisecond)
	ctx := context.Background()
	fail(p.ProduceSync(ctx, &kgo.Record{Key: keys[0], Value: values[0]}).FirstErr())
	var wait sync.WaitGroup
	wait.Add(messages)
	delivered := func(_ *kgo.Record, err error) {
		fail(err)
		wait.Done()
	}
	start := now()
	for i := 0; i < messages; i++ {
		p.Produce(ctx, &kgo.Record{Key: keys[i%pool], Value: values[i%pool]}, delivered)
	}
	wait.Wait()
	printThroughput(messages, start, now())
}

func latencySend() {
	messages, warmup := number("messages"), number("warmup")
	keys, values := payloads()
	p := producer(0)
	micros := make([]float64, 0, messages)
	for i := -warmup; i < messages; i++ {
		n := (i + warmup) % pool
		start := time.Now()
		fail(p.ProduceSync(context.Background(), &kgo.Record{Key: keys[n], Value: values[n]}).FirstErr())
		if i >= 0 {
			micros = append(micros, float64(time.Since(start).Nanoseconds())/1e3)
		}
	}
	printLatency(micros)
}

func latencyConsume() {
	messages, warmup, interval := number("messages"), number("warmup"), number("interval")
	keys, values := payloads()
	began := time.Now()
	elapsed := func() float64 { return float64(time.Since(began).Nanoseconds()) / 1e3 }
	c, p := consumer(), producer(0)
	first := make(chan struct{})
	go func() {
		for i := 0; i < messages+warmup; i++ {
			value := append([]byte(nil), values[i%pool]...)
			binary.LittleEndian.PutUint64(value, math.Float64bits(elapsed()))
			p.Produce(context.Background(), &kgo.Record{Key: keys[i%pool], Value: value}, func(_ *kgo.Record, err error) { fail(err) })
			if i == 0 {
				<-first
			}
			time.Sleep(time.Duration(interval) * time.Millisecond)
		}
	}()
	micros := make([]float64, 0, messages)
	for received := 0; received < messages+warmup; {
		fetches := c.PollFetches(context.Background())
		fail(fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			if received >= warmup {
				micros = append(micros, elapsed()-math.Float64frombits(binary.LittleEndian.Uint64(record.Value)))
			}
			if received == 0 {
				close(first)
			}
			received++
		})
	}
	printLatency(micros)
}

// Exactly `batch` messages in each transaction, copied to another topic, with the group's offsets.
func transact() {
	const warmup = 5
	messages, batch := number("messages"), number("batch")
	ctx := context.Background()
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(strings.Split(args["brokers"], ",")...),
		kgo.TransactionalID(args["group"]), kgo.DefaultProduceTopic(args["output"]), kgo.ProducerLinger(0),
		kgo.ConsumerGroup(args["group"]), kgo.ConsumeTopics(args["topic"]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets())
	fail(err)
	var start moment
	for i := -warmup; i < messages; i++ {
		if i == 0 {
			start = now()
		}
		fail(session.Begin())
		for count := 0; count < batch; {
			fetches := session.PollRecords(ctx, batch-count)
			fail(fetches.Err())
			fetches.EachRecord(func(record *kgo.Record) {
				session.Produce(ctx, &kgo.Record{Key: record.Key, Value: record.Value}, func(_ *kgo.Record, err error) { fail(err) })
				count++
			})
		}
		committed, err := session.End(ctx, kgo.TryCommit)
		fail(err)
		if !committed {
			fail(fmt.Errorf("the transaction was aborted"))
		}
	}
	printThroughput(messages, start, now())
}

func main() {
	tasks := map[string]func(){"consume-batches": consume, "produce-bulk": produce, "latency-send": latencySend,
		"latency-consume": latencyConsume, "transact-1000": transact, "transact-10": transact}
	for _, argument := range os.Args[2:] {
		name, value, _ := strings.Cut(argument, "=")
		args[name] = value
	}
	task, known := tasks[os.Args[1]]
	if !known {
		fail(fmt.Errorf("there is no task '%s'", os.Args[1]))
	}
	task()
}

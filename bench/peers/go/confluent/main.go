// The benchmark's tasks with confluent-kafka-go.
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
	"syscall"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
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

// Every conf.* argument is librdkafka's.
func conf(more kafka.ConfigMap) *kafka.ConfigMap {
	config := kafka.ConfigMap{"bootstrap.servers": args["brokers"]}
	for name, value := range args {
		if property, is := strings.CutPrefix(name, "conf."); is {
			config[property] = value
		}
	}
	for property, value := range more {
		config[property] = value
	}
	return &config
}

func consumer() *kafka.Consumer {
	c, err := kafka.NewConsumer(conf(kafka.ConfigMap{"group.id": args["group"]}))
	fail(err)
	fail(c.Subscribe(args["topic"], nil))
	return c
}

func producer(config *kafka.ConfigMap) *kafka.Producer {
	p, err := kafka.NewProducer(config)
	fail(err)
	return p
}

func message(key, value []byte) *kafka.Message {
	topic := args["topic"]
	return &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny}, Key: key, Value: value}
}

func consume() {
	messages := number("messages")
	c := consumer()
	count, touched := 0, 0
	var start moment
	for count < messages {
		message, err := c.ReadMessage(-1)
		fail(err)
		if count == 0 {
			start = now()
		}
		touched += len(message.Value) + int(message.Value[0])
		count++
	}
	end := now()
	if touched == 0 {
		fail(fmt.Errorf("no value had a byte"))
	}
	printThroughput(count, start, end)
}

func delivered(event kafka.Event) bool {
	switch event := event.(type) {
	case *kafka.Message:
		fail(event.TopicPartition.Error)
		return true
	case kafka.Error:
		fail(event)
	}
	return false
}

func produce() {
	messages := number("messages")
	keys, values := payloads()
	p := producer(conf(nil))
	fail(p.Produce(message(keys[0], values[0]), nil))
	for !delivered(<-p.Events()) {
	}
	done := make(chan moment)
	go func() {
		for count := 0; count < messages; {
			if delivered(<-p.Events()) {
				count++
			}
		}
		done <- now()
	}()
	start := now()
	for i := 0; i < messages; {
		err := p.Produce(message(keys[i%pool], values[i%pool]), nil)
		if err == nil {
			i++
		} else if e, is := err.(kafka.Error); is && e.Code() == kafka.ErrQueueFull {
			time.Sleep(time.Millisecond)
		} else {
			fail(err)
		}
	}
	printThroughput(messages, start, <-done)
}

func latencySend() {
	messages, warmup := number("messages"), number("warmup")
	keys, values := payloads()
	p := producer(conf(nil))
	reports := make(chan kafka.Event, 1)
	micros := make([]float64, 0, messages)
	for i := -warmup; i < messages; i++ {
		n := (i + warmup) % pool
		start := time.Now()
		fail(p.Produce(message(keys[n], values[n]), reports))
		delivered(<-reports)
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
	c := consumer()
	p := producer(&kafka.ConfigMap{"bootstrap.servers": args["brokers"], "linger.ms": 0})
	go func() {
		for event := range p.Events() {
			delivered(event)
		}
	}()
	first := make(chan struct{})
	go func() {
		for i := 0; i < messages+warmup; i++ {
			value := append([]byte(nil), values[i%pool]...)
			binary.LittleEndian.PutUint64(value, math.Float64bits(elapsed()))
			fail(p.Produce(message(keys[i%pool], value), nil))
			if i == 0 {
				<-first
			}
			time.Sleep(time.Duration(interval) * time.Millisecond)
		}
	}()
	micros := make([]float64, 0, messages)
	for received := 0; received < messages+warmup; received++ {
		message, err := c.ReadMessage(-1)
		fail(err)
		if received >= warmup {
			micros = append(micros, elapsed()-math.Float64frombits(binary.LittleEndian.Uint64(message.Value)))
		}
		if received == 0 {
			close(first)
		}
	}
	printLatency(micros)
}

// Exactly `batch` messages in each transaction, copied to another topic, with the group's offsets.
func transact() {
	const warmup = 5
	messages, batch, output := number("messages"), number("batch"), args["output"]
	ctx := context.Background()
	c := consumer()
	p := producer(&kafka.ConfigMap{"bootstrap.servers": args["brokers"], "linger.ms": 0, "transactional.id": args["group"]})
	fail(p.InitTransactions(ctx))
	go func() {
		for event := range p.Events() {
			delivered(event)
		}
	}()
	var start moment
	for i := -warmup; i < messages; i++ {
		if i == 0 {
			start = now()
		}
		fail(p.BeginTransaction())
		for n := 0; n < batch; n++ {
			message, err := c.ReadMessage(-1)
			fail(err)
			to := kafka.TopicPartition{Topic: &output, Partition: kafka.PartitionAny}
			fail(p.Produce(&kafka.Message{TopicPartition: to, Key: message.Key, Value: message.Value}, nil))
		}
		assigned, err := c.Assignment()
		fail(err)
		offsets, err := c.Position(assigned)
		fail(err)
		metadata, err := c.GetConsumerGroupMetadata()
		fail(err)
		fail(p.SendOffsetsToTransaction(ctx, offsets, metadata))
		fail(p.CommitTransaction(ctx))
	}
	printThroughput(messages, start, now())
}

func main() {
	tasks := map[string]func(){"consume-for-await": consume, "produce-bulk": produce, "latency-send": latencySend,
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

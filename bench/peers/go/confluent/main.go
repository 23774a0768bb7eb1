// The benchmark's tasks with confluent-kafka-go.
package main

import (
	"context"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	. "odradek/bench/common"
)

// Every conf.* argument is librdkafka's.
func conf(more kafka.ConfigMap) *kafka.ConfigMap {
	config := kafka.ConfigMap{"bootstrap.servers": Args["brokers"]}
	for name, value := range Args {
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
	c, err := kafka.NewConsumer(conf(kafka.ConfigMap{"group.id": Args["group"]}))
	Fail(err)
	Fail(c.Subscribe(Args["topic"], nil))
	return c
}

func reader() func(each func(value []byte)) {
	c := consumer()
	return func(each func(value []byte)) {
		message, err := c.ReadMessage(-1)
		Fail(err)
		each(message.Value)
	}
}

func producer(config *kafka.ConfigMap) *kafka.Producer {
	p, err := kafka.NewProducer(config)
	Fail(err)
	return p
}

func message(topic string, key, value []byte) *kafka.Message {
	return &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny}, Key: key, Value: value}
}

func delivered(event kafka.Event) bool {
	switch event := event.(type) {
	case *kafka.Message:
		Fail(event.TopicPartition.Error)
		return true
	case kafka.Error:
		Fail(event)
	}
	return false
}

// For a producer whose reports nobody waits for.
func readReports(p *kafka.Producer) {
	for event := range p.Events() {
		delivered(event)
	}
}

func produce() {
	messages, topic := Number("messages"), Args["topic"]
	keys, values := Payloads()
	p := producer(conf(nil))
	Fail(p.Produce(message(topic, keys[0], values[0]), nil))
	for !delivered(<-p.Events()) {
	}
	done := make(chan Moment)
	go func() {
		for count := 0; count < messages; {
			if delivered(<-p.Events()) {
				count++
			}
		}
		done <- Now()
	}()
	start := Now()
	for i := 0; i < messages; {
		err := p.Produce(message(topic, keys[i%Pool], values[i%Pool]), nil)
		if err == nil {
			i++
		} else if e, is := err.(kafka.Error); is && e.Code() == kafka.ErrQueueFull {
			time.Sleep(time.Millisecond)
		} else {
			Fail(err)
		}
	}
	PrintThroughput(messages, start, <-done)
}

func latencySend() {
	p := producer(conf(nil))
	reports := make(chan kafka.Event, 1)
	LatencySend(func(key, value []byte) {
		Fail(p.Produce(message(Args["topic"], key, value), reports))
		delivered(<-reports)
	})
}

func latencyConsume() {
	p := producer(&kafka.ConfigMap{"bootstrap.servers": Args["brokers"], "linger.ms": 0})
	go readReports(p)
	send := func(key, value []byte) { Fail(p.Produce(message(Args["topic"], key, value), nil)) }
	LatencyConsume(send, reader())
}

// All reports are awaited before the offsets are sent, for the same reason as the C program's flush. Its own Flush waits
// 100 ms at a time and halves the rate; without either it is a third.
func transact() {
	ctx := context.Background()
	c := consumer()
	p := producer(&kafka.ConfigMap{"bootstrap.servers": Args["brokers"], "linger.ms": 0, "transactional.id": Args["group"]})
	Fail(p.InitTransactions(ctx))
	Transact(func(batch int) {
		Fail(p.BeginTransaction())
		for n := 0; n < batch; n++ {
			read, err := c.ReadMessage(-1)
			Fail(err)
			Fail(p.Produce(message(Args["output"], read.Key, read.Value), nil))
		}
		for reported := 0; reported < batch; {
			if delivered(<-p.Events()) {
				reported++
			}
		}
		assigned, err := c.Assignment()
		Fail(err)
		offsets, err := c.Position(assigned)
		Fail(err)
		metadata, err := c.GetConsumerGroupMetadata()
		Fail(err)
		Fail(p.SendOffsetsToTransaction(ctx, offsets, metadata))
		Fail(p.CommitTransaction(ctx))
	})
}

func main() {
	Main(map[string]func(){
		"consume-for-await": func() { Consume(reader()) },
		"produce-bulk":      produce,
		"latency-send":      latencySend,
		"latency-consume":   latencyConsume,
		"transact-1000":     transact,
		"transact-10":       transact,
	})
}

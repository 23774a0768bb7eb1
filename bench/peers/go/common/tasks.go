package common

import (
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// What a program in C reads before it opens the window of its transactions.
const transactionsBefore = 5

// Consume counts and touches what is received until all is there; receive calls each with the values that have come.
func Consume(receive func(each func(value []byte))) {
	messages := Number("messages")
	count, touched := 0, 0
	var start Moment
	for count < messages {
		receive(func(value []byte) {
			if count == 0 {
				start = Now()
			}
			touched += len(value) + int(value[0])
			count++
		})
	}
	end := Now()
	if touched == 0 {
		Fail(errors.New("no value had a byte"))
	}
	PrintThroughput(count, start, end)
}

// LatencySend measures one send after another; send returns when the broker has answered.
func LatencySend(send func(key, value []byte)) {
	messages, warmup := Number("messages"), Number("warmup")
	keys, values := Payloads()
	micros := make([]float64, 0, messages)
	for i := -warmup; i < messages; i++ {
		n := (i + warmup) % Pool
		start := time.Now()
		send(keys[n], values[n])
		if i >= 0 {
			micros = append(micros, float64(time.Since(start).Nanoseconds())/1e3)
		}
	}
	printLatency(micros)
}

// LatencyConsume measures from a send, which does not wait, to the hand-over in the same process.
func LatencyConsume(send func(key, value []byte), receive func(each func(value []byte))) {
	messages, warmup, interval := Number("messages"), Number("warmup"), Number("interval")
	keys, values := Payloads()
	began := time.Now()
	elapsed := func() float64 { return float64(time.Since(began).Nanoseconds()) / 1e3 }
	first := make(chan struct{})
	go func() {
		for i := 0; i < messages+warmup; i++ {
			value := append([]byte(nil), values[i%Pool]...)
			binary.LittleEndian.PutUint64(value, math.Float64bits(elapsed()))
			send(keys[i%Pool], value)
			// The first is the consumer's sign that it is assigned.
			if i == 0 {
				<-first
			}
			time.Sleep(time.Duration(interval) * time.Millisecond)
		}
	}()
	micros := make([]float64, 0, messages)
	for received := 0; received < messages+warmup; {
		receive(func(value []byte) {
			if received >= warmup {
				micros = append(micros, elapsed()-math.Float64frombits(binary.LittleEndian.Uint64(value)))
			}
			if received == 0 {
				close(first)
			}
			received++
		})
	}
	printLatency(micros)
}

// Transact runs transactions of exactly `batch` messages each; one gets that number.
func Transact(one func(batch int)) {
	messages, batch := Number("messages"), Number("batch")
	var start Moment
	for i := -transactionsBefore; i < messages; i++ {
		if i == 0 {
			start = Now()
		}
		one(batch)
	}
	PrintThroughput(messages, start, Now())
}

// Produce sends all messages, `batch` in each call and `inflight` calls at a time; send returns when the broker has
// answered for the messages from one number to another.
func Produce(batch, inflight int, send func(from, to int)) {
	messages := Number("messages")
	send(0, 1)
	var next atomic.Int64
	var wait sync.WaitGroup
	start := Now()
	for range inflight {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for {
				from := int(next.Add(int64(batch))) - batch
				if from >= messages {
					return
				}
				send(from, min(from+batch, messages))
			}
		}()
	}
	wait.Wait()
	PrintThroughput(messages, start, Now())
}

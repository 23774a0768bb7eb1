// Prints where kafka-go and sarama send 10,000 keys: the vectors of partitioner-go.json.
//
//	go mod init vectors && go get github.com/segmentio/kafka-go github.com/IBM/sarama && go run . > partitioner-go.json
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
)

const (
	count      = 10000
	partitions = 97
)

// The keys: 1 to 40 bytes of a linear congruential generator (Numerical Recipes).
func keys() [][]byte {
	state := uint32(42)
	all := make([][]byte, count)
	for i := range all {
		key := make([]byte, 1+i%40)
		for j := range key {
			state = state*1664525 + 1013904223
			key[j] = byte(state >> 24)
		}
		all[i] = key
	}
	return all
}

type vector struct {
	Sha256 string `json:"sha256"`
	Begin  []int  `json:"begin"`
}

func vectorOf(partition func(key []byte) int) vector {
	all := make([]byte, 0, count)
	begin := []int{}
	for i, key := range keys() {
		chosen := partition(key)
		all = append(all, byte(chosen))
		if i < 20 {
			begin = append(begin, chosen)
		}
	}
	sum := sha256.Sum256(all)
	return vector{Sha256: hex.EncodeToString(sum[:]), Begin: begin}
}

func kafkaGo(balancer kafka.Balancer) vector {
	list := make([]int, partitions)
	for i := range list {
		list[i] = i
	}
	return vectorOf(func(key []byte) int { return balancer.Balance(kafka.Message{Key: key}, list...) })
}

func saramas(partitioner sarama.Partitioner) vector {
	return vectorOf(func(key []byte) int {
		chosen, err := partitioner.Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(key)}, partitions)
		if err != nil {
			panic(err)
		}
		return int(chosen)
	})
}

func main() {
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	out.Encode(map[string]vector{
		"kafka-go Hash":                   kafkaGo(&kafka.Hash{}),
		"kafka-go ReferenceHash":          kafkaGo(&kafka.ReferenceHash{}),
		"kafka-go CRC32Balancer":          kafkaGo(kafka.CRC32Balancer{}),
		"kafka-go Murmur2Balancer":        kafkaGo(kafka.Murmur2Balancer{}),
		"sarama HashPartitioner":          saramas(sarama.NewHashPartitioner("t")),
		"sarama ReferenceHashPartitioner": saramas(sarama.NewReferenceHashPartitioner("t")),
	})
}

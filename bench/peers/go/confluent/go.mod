module odradek/bench/confluent

go 1.25.0

require github.com/confluentinc/confluent-kafka-go/v2 v2.15.1

require odradek/bench/common v0.0.0

replace odradek/bench/common => ../common

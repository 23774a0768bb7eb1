// What a client can ask about its cluster, any kind of client. These calls of librdkafka block: query thread.
#pragma once

#include "client.h"

namespace odradek {

// Of all topics, or of those that the client knows. The value is { originBroker, brokers, topics }, as JSON.
// Not of one topic: rd_kafka_metadata needs a topic object for that, which would shadow one that a producer makes later
// with properties of its own.
Client::Work QueryMetadata(Client* client, bool all_topics, Client::Clock::time_point deadline);
// A string.
Client::Work QueryClusterId(Client* client, Client::Clock::time_point deadline);
// A number.
Client::Work QueryControllerId(Client* client, Client::Clock::time_point deadline);

}  // namespace odradek

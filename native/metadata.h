// What a client can ask about its cluster, any kind of client. These calls of librdkafka block: command thread.
#pragma once

#include <string>

#include "client.h"

namespace odradek {

// Without a topic all topics. The value is { originBroker, brokers, topics }, as JSON.
Client::Work QueryMetadata(Client* client, std::string topic, Client::Clock::time_point deadline);
// A string.
Client::Work QueryClusterId(Client* client, Client::Clock::time_point deadline);
// A number.
Client::Work QueryControllerId(Client* client, Client::Clock::time_point deadline);

}  // namespace odradek

// The transactional API of a producer, on its command thread. librdkafka's calls can be resumed after a
// time-out, so they are made in slices: closing, and an application that gives up waiting, need not wait for
// the whole of one.
#pragma once

#include <functional>
#include <vector>

#include "producer.h"
#include "topic_partition.h"

namespace odradek {

enum class TransactionCall : int {
  kInit = 0,
  kBegin = 1,
  kCommit = 2,
  kAbort = 3,
  kReason = 4,
  kCommitAndBegin = 5
};

// What a commit has come to; lib/transactions.ts has the same numbers.
enum class Committed : int { kNot = 0, kUnfinished = 1, kYes = 2, kNextBegun = 3 };

// kReason fails with what makes the open transaction impossible to commit, if so. Only while one is open.
// kCommitAndBegin begins the next one too (nothing that a broker would hear of): whoever runs one after the other has
// one way over to JavaScript and back less for each. Its value is a Committed.
// Each is for Client::Submit(kCommandThread). `deadline` bounds them; producer->transaction_interrupted()
// ends them early, as if it had passed.
Result CallTransaction(Producer* producer, rd_kafka_t* rk, TransactionCall call,
                       Client::Clock::time_point deadline);

// Waits for the reports of everything handed over so far, as long as the transaction can still be committed:
// an error if it cannot, or when out of time (retriable). Only while a transaction is open.
Result FlushTransaction(Producer* producer, rd_kafka_t* rk, Client::Clock::time_point deadline);

// On whose behalf offsets are sent; looked up when they are.
using GroupMetadataSource = std::function<KafkaError(GroupMetadataHandle*)>;
// What GroupMetadata() had as `bytes`.
GroupMetadataSource WrittenGroupMetadata(std::vector<uint8_t> bytes);

// Flushes first: sent behind produce requests, offsets meet CONCURRENT_TRANSACTIONS and wait retry.backoff.ms
// for each.
Result SendOffsets(Producer* producer, rd_kafka_t* rk, const rd_kafka_topic_partition_list_t* offsets,
                   const GroupMetadataSource& source, Client::Clock::time_point deadline);

// SendOffsets, then kCommitAndBegin, unless a record of the transaction has failed. An error is SendOffsets'; that of
// the commit is the next commit's to say.
Result CommitWithOffsets(Producer* producer, rd_kafka_t* rk, const rd_kafka_topic_partition_list_t* offsets,
                         const GroupMetadataSource& source, Client::Clock::time_point deadline);

// A consumer's group metadata as { bytes, groupId, generationId, memberId, groupInstanceId }: `bytes` is
// for WrittenGroupMetadata, possibly in another thread of this process.
Result GroupMetadata(rd_kafka_t* rk);

}  // namespace odradek

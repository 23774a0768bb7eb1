// librdkafka's headers come first: they choose what the system's declare.
#include "rd.h"
#include "rdkafka_int.h"
#include "rdkafka_msg.h"

#include "message_internals.h"

void odradek_message_internals(const rd_kafka_message_t* message, odradek_message_internals_t* internals) {
  const rd_kafka_msg_t* rkm = rd_kafka_message2msg((rd_kafka_message_t*)message);
  const rd_kafkap_bytes_t* headers = &rkm->rkm_u.consumer.binhdrs;
  internals->timestamp = rkm->rkm_timestamp;
  internals->timestamp_type = rkm->rkm_tstype;
  internals->leader_epoch = rkm->rkm_u.consumer.leader_epoch;
  internals->headers = (const uint8_t*)headers->data;
  internals->headers_length = (size_t)RD_KAFKAP_BYTES_LEN(headers);
}

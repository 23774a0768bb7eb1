# Defects of librdkafka 2.15.1 that users would meet, mended on the way to the compiler: the pinned tree stays as it came. Each
# replacement has to be found, so an upgrade that mends one, or moves it, stops the configuration here.

# Call after RDKAFKA_SOURCES is known. Further arguments: text, replacement, text, replacement, …
function(rdkafka_fixed name)
  set(from ${RDKAFKA_DIR}/${name})
  # Each call begins with what librdkafka has: a second one would undo the first.
  get_property(mended DIRECTORY PROPERTY odradek_mended)
  list(FIND mended ${name} twice)
  if(NOT twice EQUAL -1)
    message(FATAL_ERROR "deps/librdkafka/fixes.cmake: all replacements in ${name} belong in one call")
  endif()
  set_property(DIRECTORY APPEND PROPERTY odradek_mended ${name})
  set(to ${CMAKE_CURRENT_BINARY_DIR}/librdkafka/fixed/${name})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${from})
  file(READ ${from} source)
  math(EXPR last "${ARGC} - 1")
  foreach(i RANGE 1 ${last} 2)
    math(EXPR j "${i} + 1")
    string(FIND "${source}" "${ARGV${i}}" found)
    if(found EQUAL -1)
      message(FATAL_ERROR "deps/librdkafka/fixes.cmake: librdkafka ${LIBRDKAFKA_VERSION} does not have in ${name}:\n${ARGV${i}}\n"
        "If this release has mended it, remove the replacement; else fit it to what stands there now.")
    endif()
    string(REPLACE "${ARGV${i}}" "${ARGV${j}}" source "${source}")
  endforeach()
  file(CONFIGURE OUTPUT ${to} CONTENT "@source@" @ONLY)
  list(TRANSFORM RDKAFKA_SOURCES REPLACE "^${from}$" "${to}")
  set(RDKAFKA_SOURCES ${RDKAFKA_SOURCES} PARENT_SCOPE)
endfunction()

# A request to a group's coordinator (TxnOffsetCommit, so rd_kafka_send_offsets_to_transaction, which waits for it without a
# time-out) goes on only when a broker goes up or down: when FindCoordinator failed after that, it waited for ever, and its
# time-out was never looked at. Issues #5456 and #5511, pull request #3847. Here it also looks around every 500 ms.
rdkafka_fixed(rdkafka_coord.c
[==[static void rd_kafka_coord_req_fsm(rd_kafka_t *rk, rd_kafka_coord_req_t *creq);

/**
 * @brief Timer callback for delayed coord requests.
 */]==]
[==[static void rd_kafka_coord_req_fsm(rd_kafka_t *rk, rd_kafka_coord_req_t *creq);

static void rd_kafka_coord_req_keep(rd_kafka_coord_req_t *creq);
static rd_bool_t rd_kafka_coord_req_destroy(rd_kafka_t *rk,
                                            rd_kafka_coord_req_t *creq,
                                            rd_bool_t done);
static void rd_kafka_coord_req_fail(rd_kafka_t *rk,
                                    rd_kafka_coord_req_t *creq,
                                    rd_kafka_resp_err_t err);

typedef struct {
        rd_kafka_coord_req_t creq;
        rd_kafka_timer_t tick;
} odradek_coord_req_t;

#define ODRADEK_COORD_REQ_TICK_US (500 * 1000)

static void odradek_coord_req_tick(rd_kafka_timers_t *rkts, void *arg) {
        rd_kafka_coord_req_t *creq = arg;

        rd_kafka_coord_req_keep(creq);
        if (rd_timeout_expired(rd_timeout_remains(creq->creq_ts_timeout)))
                rd_kafka_coord_req_fail(rkts->rkts_rk, creq,
                                        RD_KAFKA_RESP_ERR__TIMED_OUT);
        else
                rd_kafka_coord_req_fsm(rkts->rkts_rk, creq);
        if (!creq->creq_done)
                rd_kafka_timer_start_oneshot(
                    rkts, &((odradek_coord_req_t *)creq)->tick, rd_true,
                    ODRADEK_COORD_REQ_TICK_US, odradek_coord_req_tick, creq);
        rd_kafka_coord_req_destroy(rkts->rkts_rk, creq, rd_false);
}

/**
 * @brief Timer callback for delayed coord requests.
 */]==]
[==[creq                    = rd_calloc(1, sizeof(*creq));]==]
[==[creq                    = rd_calloc(1, sizeof(odradek_coord_req_t));]==]
[==[        TAILQ_INSERT_TAIL(&rk->rk_coord_reqs, creq, creq_link);

        if (delay_ms)]==]
[==[        TAILQ_INSERT_TAIL(&rk->rk_coord_reqs, creq, creq_link);

        rd_kafka_timer_start_oneshot(
            &rk->rk_timers, &((odradek_coord_req_t *)creq)->tick, rd_true,
            ODRADEK_COORD_REQ_TICK_US, odradek_coord_req_tick, creq);

        if (delay_ms)]==]
[==[                rd_kafka_timer_stop(&rk->rk_timers, &creq->creq_tmr,
                                    RD_DO_LOCK);]==]
[==[                rd_kafka_timer_stop(&rk->rk_timers, &creq->creq_tmr,
                                    RD_DO_LOCK);
                rd_kafka_timer_stop(&rk->rk_timers,
                                    &((odradek_coord_req_t *)creq)->tick,
                                    RD_DO_LOCK);]==]
[==[                rd_kafka_buf_retry(rkb, request);
                return; /* Keep refcnt from req_fsm() and retry */]==]
[==[                if (rd_kafka_buf_retry(rkb, request))
                        return; /* Keep refcnt from req_fsm() and retry */]==]
)

# An aborted transaction gives up the records that wait to be sent again because their connection broke, and the next one numbers
# its records as if those had never been sent. If they were written after all, a broker takes the next one's for repetitions: it
# says that they are written, and drops them, so that a committed transaction lacks records. (The Java client bumps its epoch.)
# With a new epoch, which the abort then asks the coordinator for, numbers begin anew.
rdkafka_fixed(rdkafka_partition.c
[==[        if (cnt > 0 && purge_flags & RD_KAFKA_PURGE_F_ABORT_TXN) {]==]
[==[        if (cnt > 0 && purge_flags & RD_KAFKA_PURGE_F_ABORT_TXN) {
                const rd_kafka_msg_t *rkm;
                /* Only ever set here; read when this purge is through. */
                TAILQ_FOREACH(rkm, &rkmq.rkmq_msgs, rkm_link) {
                        if (rkm->rkm_status ==
                            RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED) {
                                rk->rk_eos.txn_requires_epoch_bump = rd_true;
                                break;
                        }
                }]==]

# A partition that is sought, or paused and resumed, while its first offset (auto.offset.reset) is looked up: the answer, outdated
# by then, had it looked up again 500 ms later, wherever the partition was meanwhile, which went back to the beginning or,
# skipping messages, to the end. It is looked up again only where one is still waited for.
[==[                                rd_kafka_toppar_lock(rktp);
                                rd_kafka_toppar_offset_retry(
                                    rktp, 500, "outdated offset response");]==]
[==[                                rd_kafka_toppar_lock(rktp);
                                if (rktp->rktp_fetch_state ==
                                    RD_KAFKA_TOPPAR_FETCH_OFFSET_WAIT)
                                        rd_kafka_toppar_offset_retry(
                                            rktp, 500,
                                            "outdated offset response");]==]
)

# And a partition for which nothing is committed waited for 100 ms, as after an error, before its first offset was looked up.
rdkafka_fixed(rdkafka_offset.c
[==[                rd_kafka_toppar_offset_request(rktp, rktp->rktp_query_pos,
                                               err ? 100 : 0);]==]
[==[                rd_kafka_toppar_offset_request(
                    rktp, rktp->rktp_query_pos,
                    !err || (err == RD_KAFKA_RESP_ERR__NO_OFFSET &&
                             rktp->rktp_leader &&
                             rktp->rktp_leader->rkb_source !=
                                 RD_KAFKA_INTERNAL)
                        ? 0
                        : 100);]==]
[==[        rd_kafka_toppar_offset_request(rktp, rktp->rktp_query_pos, 0);
        rd_kafka_toppar_unlock(rktp);
}]==]
[==[        if (rktp->rktp_fetch_state == RD_KAFKA_TOPPAR_FETCH_OFFSET_QUERY)
                rd_kafka_toppar_offset_request(rktp, rktp->rktp_query_pos, 0);
        else
                rd_kafka_timer_stop(rkts, &rktp->rktp_offset_query_tmr,
                                    1 /*lock*/);
        rd_kafka_toppar_unlock(rktp);
}]==]
)

# Offsets whose TxnOffsetCommit was not answered in time may arrive late: in the producer's next transaction, after that one's
# own, and the group is put back to them. A new epoch shuts them out.
rdkafka_fixed(rdkafka_txnmgr.c
[==[                actions |= RD_KAFKA_ERR_ACTION_PERMANENT;
        }

        if (actions & RD_KAFKA_ERR_ACTION_PERMANENT)
                rd_kafka_txn_set_abortable_error(rk, err, "%s", errstr);
]==]
[==[                actions |= RD_KAFKA_ERR_ACTION_PERMANENT;
        }

        if (actions & RD_KAFKA_ERR_ACTION_PERMANENT)
                rd_kafka_txn_set_abortable_error0(
                    rk, err, (actions & RD_KAFKA_ERR_ACTION_RETRY) != 0, "%s",
                    errstr);
]==]

# A transaction that is aborted before its first partition is registered, as while the coordinator still completes the one before
# and answers CONCURRENT_TRANSACTIONS: the coordinator, for which none has begun, refuses to end it, and that was fatal. What
# nobody has been told of is aborted (issue #4849). And a registration that was answered meanwhile was forgotten: its transaction
# was left open, and its producer fenced when that timed out. txn_req_cnt therefore also tells whether a request has succeeded.
[==[#include "rdkafka_txnmgr.h"
]==]
[==[#include "rdkafka_txnmgr.h"

#define ODRADEK_TXN_BEGUN (1 << 16)
]==]
[==[                rd_assert(rk->rk_eos.txn_req_cnt > 0);
                rk->rk_eos.txn_req_cnt--;
        }

        /* Handle local request-level errors */]==]
[==[                if (err != RD_KAFKA_RESP_ERR__OUTDATED &&
                    rk->rk_eos.txn_req_cnt > 0)
                        rk->rk_eos.txn_req_cnt--;
        } else
                rk->rk_eos.txn_req_cnt |= ODRADEK_TXN_BEGUN;

        /* Handle local request-level errors */]==]
[==[                rd_assert(rk->rk_eos.txn_req_cnt > 0);
                rk->rk_eos.txn_req_cnt--;
        }

        remains_ms]==]
[==[                if (rk->rk_eos.txn_req_cnt > 0)
                        rk->rk_eos.txn_req_cnt--;
        } else
                rk->rk_eos.txn_req_cnt |= ODRADEK_TXN_BEGUN;

        remains_ms]==]
[==[        rd_kafka_dbg(rk, EOS, "ENDTXN",
                     "EndTxn returned %s in state %s (may_retry=%s)",]==]
[==[        if (err == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE && !is_commit &&
            may_retry && rk->rk_eos.txn_req_cnt < ODRADEK_TXN_BEGUN &&
            TAILQ_EMPTY(&rk->rk_eos.txn_rktps))
                err = RD_KAFKA_RESP_ERR_NO_ERROR;

        rd_kafka_dbg(rk, EOS, "ENDTXN",
                     "EndTxn returned %s in state %s (may_retry=%s)",]==]

# A commit or an abort that timed out and is called again: its first step was sent again, and the answer of the coordinator, when it
# came before that step's, was taken for it, and so on to the last step, whose answer then belonged to the next call: a
# transaction "begun" that was not (records refused with _STATE), or a producer of no use any more. And one that timed out in its
# first step was forgotten: the answer to the commit was taken for that to an abort. So the first step is waited for, as the last
# one is; what was asked for is seen in the state; and a call is through when all that it has sent was looked at.
[==[        is_commit = !strcmp(rk->rk_eos.txn_curr_api.name, "commit_transaction");
        mtx_unlock(&rk->rk_eos.txn_curr_api.lock);

        rd_kafka_wrlock(rk);
]==]
[==[        mtx_unlock(&rk->rk_eos.txn_curr_api.lock);

        rd_kafka_wrlock(rk);
        is_commit =
            rk->rk_eos.txn_state == RD_KAFKA_TXN_STATE_BEGIN_COMMIT ||
            rk->rk_eos.txn_state == RD_KAFKA_TXN_STATE_COMMITTING_TRANSACTION;
]==]
[==[rd_kafka_txn_op_req(rk, rd_kafka_txn_op_begin_commit,
                                         abs_timeout)))]==]
[==[rd_kafka_txn_op_req(rk, rd_kafka_txn_op_begin_commit,
                                         RD_POLL_INFINITE)))]==]
[==[rd_kafka_txn_op_req(rk, rd_kafka_txn_op_begin_abort,
                                         abs_timeout)))]==]
[==[rd_kafka_txn_op_req(rk, rd_kafka_txn_op_begin_abort,
                                         RD_POLL_INFINITE)))]==]
[==[static rd_kafka_error_t *
rd_kafka_txn_curr_api_return0(const char *func,
                              int line,
                              rd_kafka_t *rk,
                              rd_bool_t resumable,
                              rd_kafka_error_t *error) {

        mtx_lock(&rk->rk_eos.txn_curr_api.lock);
]==]
[==[/* The end of the name's memory, which no name needs. */
#define ODRADEK_TXN_SERVED(rk)                                                 \
        (rk)->rk_eos.txn_curr_api                                              \
            .name[sizeof((rk)->rk_eos.txn_curr_api.name) - 1]

static rd_kafka_op_res_t odradek_txn_op_served(rd_kafka_t *rk,
                                               rd_kafka_q_t *rkq,
                                               rd_kafka_op_t *rko) {
        mtx_lock(&rk->rk_eos.txn_curr_api.lock);
        ODRADEK_TXN_SERVED(rk) = 1;
        cnd_broadcast(&rk->rk_eos.txn_curr_api.cnd);
        mtx_unlock(&rk->rk_eos.txn_curr_api.lock);
        return RD_KAFKA_OP_RES_HANDLED;
}

static rd_kafka_error_t *
rd_kafka_txn_curr_api_return0(const char *func,
                              int line,
                              rd_kafka_t *rk,
                              rd_bool_t resumable,
                              rd_kafka_error_t *error) {

        mtx_lock(&rk->rk_eos.txn_curr_api.lock);

        if (!resumable || !error || !rd_kafka_error_is_retriable(error)) {
                ODRADEK_TXN_SERVED(rk) = 0;
                if (rd_kafka_q_enq(rk->rk_ops,
                                   rd_kafka_op_new_cb(rk, RD_KAFKA_OP_TXN,
                                                      odradek_txn_op_served)))
                        while (!ODRADEK_TXN_SERVED(rk))
                                cnd_wait(&rk->rk_eos.txn_curr_api.cnd,
                                         &rk->rk_eos.txn_curr_api.lock);
                rk->rk_eos.txn_curr_api.has_result = rd_false;
        }
]==]
)

# An idempotent producer bumps its epoch for all partitions when one of them has a gap: a record that timed out, or a request that
# the broker refused because the one before it is missing. Records of other partitions that wait to be sent again, because their
# connection broke, were numbered anew with it: if they had been written, the broker, which tells repetitions by epoch and
# number, wrote them twice. They keep their epoch here until their fate is known, as in the Java client (KIP-360).
rdkafka_fixed(rdkafka_broker.c
[==[static int rd_kafka_toppar_producer_serve(rd_kafka_broker_t *rkb,
                                          rd_kafka_toppar_t *rktp,
                                          const rd_kafka_pid_t pid,]==]
[==[static rd_bool_t odradek_keeps_epoch(const rd_kafka_t *rk,
                                     const rd_kafka_toppar_t *rktp,
                                     const rd_kafka_pid_t pid) {
        return !rd_kafka_is_transactional(rk) && rd_kafka_pid_valid(pid) &&
               rktp->rktp_eos.pid.id == pid.id &&
               rktp->rktp_eos.pid.epoch != pid.epoch;
}

static int rd_kafka_toppar_producer_serve(rd_kafka_broker_t *rkb,
                                          rd_kafka_toppar_t *rktp,
                                          rd_kafka_pid_t pid,]==]
[==[                if (unlikely(!rd_kafka_pid_eq(pid, rktp->rktp_eos.pid))) {
                        /* Flush any]==]
[==[                if (unlikely(!rd_kafka_pid_eq(pid, rktp->rktp_eos.pid)) &&
                    !odradek_keeps_epoch(rkb->rkb_rk, rktp, pid)) {
                        /* Flush any]==]
[==[        if (rd_kafka_is_idempotent(rkb->rkb_rk)) {
                /* Update the partition's cached PID, and reset the
                 * base msg sequence if necessary */
                if (unlikely(!rd_kafka_pid_eq(pid, rktp->rktp_eos.pid))) {
                        /* Attempt]==]
[==[        if (rd_kafka_is_idempotent(rkb->rkb_rk)) {
                /* The retry has the bounds of the original request. What
                 * follows waits until it is answered. */
                if (unlikely(odradek_keeps_epoch(rkb->rkb_rk, rktp, pid)) &&
                    rkm->rkm_status == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED) {
                        pid          = rktp->rktp_eos.pid;
                        max_requests = 1;
                }

                /* Update the partition's cached PID, and reset the
                 * base msg sequence if necessary */
                if (unlikely(!rd_kafka_pid_eq(pid, rktp->rktp_eos.pid))) {
                        /* Attempt]==]
)

# What a read_committed consumer can read ends at the last stable offset: so say rd_kafka_query_watermark_offsets, the end of a
# partition and the lag of the statistics. The cached watermarks did not.
rdkafka_fixed(rdkafka.c
[==[        *low  = rktp->rktp_lo_offset;
        *high = rktp->rktp_hi_offset;
]==]
[==[        *low  = rktp->rktp_lo_offset;
        *high = (rk->rk_conf.isolation_level == RD_KAFKA_READ_COMMITTED)
                    ? rktp->rktp_ls_offset
                    : rktp->rktp_hi_offset;
]==]

# While a consumer that has not closed is destroyed, the main thread span: no timer fires any more, so the next is always due.
[==[                int timeout_ms = (sleeptime + 999) / 1000;
                rd_kafka_q_serve(rk->rk_ops, timeout_ms, 0,]==]
[==[                int timeout_ms = (sleeptime + 999) / 1000;
                /* No timer fires any more, so the next is always due. */
                if (rd_kafka_terminating(rk))
                        timeout_ms = 10;
                rd_kafka_q_serve(rk->rk_ops, timeout_ms, 0,]==]

# A consumer that was destroyed with something in its queue (it had not been closed, or the last end of a partition came as
# it closed) kept that, and so the brokers that it came from: rd_kafka_destroy waited for them for ever.
[==[                if (rk->rk_consumer.q)
                        rd_kafka_q_disable(rk->rk_consumer.q);]==]
[==[                if (rk->rk_consumer.q) {
                        rd_kafka_q_disable(rk->rk_consumer.q);
                        rd_kafka_q_purge(rk->rk_consumer.q);
                }]==]
)

# An admin request to a group's coordinator that timed out before that was found: when it is found later, the request's last
# reference is dropped, an error is returned, and for that error the reference is used once more, after it was freed. So a
# client that asks about groups while brokers restart corrupts its memory.
rdkafka_fixed(rdkafka_admin.c
[==[        rko = rd_kafka_enq_once_del_source_return(eonce, "coordinator request");
        if (!rko)
                /* Admin request has timed out and been destroyed */
                return RD_KAFKA_RESP_ERR__DESTROY;]==]
[==[        rko = rd_kafka_enq_once_del_source_return(eonce, "coordinator request");
        if (!rko) {
                /* Admin request has timed out and been destroyed: nobody is
                 * to be told, and eonce may be gone with it. */
                rd_kafka_replyq_destroy(&replyq);
                return RD_KAFKA_RESP_ERR_NO_ERROR;
        }]==]
# And a coordinator is remembered for as long as it is asked: a group that has moved to another broker would never be found.
[==[        err = rko->rko_u.admin_request.cbs->parse(rko, &rko_result, rkbuf,
                                                  errstr, sizeof(errstr));
        if (err) {
                rd_kafka_admin_result_fail(
                    rko, err,
                    "%s worker failed to parse coordinator %sResponse: %s",]==]
[==[        if (rkb)
                rd_kafka_coord_cache_evict(&rk->rk_coord_cache, rkb);

        err = rko->rko_u.admin_request.cbs->parse(rko, &rko_result, rkbuf,
                                                  errstr, sizeof(errstr));
        if (err) {
                rd_kafka_admin_result_fail(
                    rko, err,
                    "%s worker failed to parse coordinator %sResponse: %s",]==]
# DescribeUserScramCredentials refused as a whole: its error's text, a constant or on the stack, is freed with the result.
[==[                rko_result->rko_u.admin_result.errstr =
                    errstr; /* Request Level Error string*/]==]
[==[                rko_result->rko_u.admin_result.errstr = rd_strdup(
                    errstr); /* Request Level Error string*/]==]
)

# ListConsumerGroupOffsets that is answered with NOT_COORDINATOR, as after a restart of the coordinator: the client's own group
# is to look for its coordinator, and a client without a group ends the process.
rdkafka_fixed(rdkafka_request.c
[==[        if (actions & RD_KAFKA_ERR_ACTION_REFRESH) {
                /* Re-query for coordinator */
                rd_kafka_cgrp_op(rkb->rkb_rk->rk_cgrp, NULL, RD_KAFKA_NO_REPLYQ,
                                 RD_KAFKA_OP_COORD_QUERY, err);]==]
[==[        if ((actions & RD_KAFKA_ERR_ACTION_REFRESH) &&
            rkb->rkb_rk->rk_cgrp) {
                /* Re-query for coordinator */
                rd_kafka_cgrp_op(rkb->rkb_rk->rk_cgrp, NULL, RD_KAFKA_NO_REPLYQ,
                                 RD_KAFKA_OP_COORD_QUERY, err);]==]

# A request that a broker refused because the one before it is missing (see above, rdkafka_broker.c): the broker lacks its records, so
# they are numbered anew whatever became of an earlier attempt.
[==[                        rd_kafka_idemp_drain_epoch_bump(
                            rk, perr->err, "skipped sequence numbers");]==]
[==[                        rd_kafka_msg_t *rkm;
                        TAILQ_FOREACH(rkm, &batch->msgq.rkmq_msgs, rkm_link)
                        rkm->rkm_status = RD_KAFKA_MSG_STATUS_NOT_PERSISTED;

                        rd_kafka_idemp_drain_epoch_bump(
                            rk, perr->err, "skipped sequence numbers");]==]

# A transaction aborted because a broker refused records (too large for the topic, not valid): the next one was numbered behind
# them, found a gap, and had to be aborted as well. With a new epoch, as in the Java client, numbers begin anew.
[==[                        rd_kafka_txn_set_abortable_error(
                            rk, perr->err,
                            "ProduceRequest for %.*s [%" PRId32]==]
[==[                        rd_kafka_txn_set_abortable_error_with_bump(
                            rk, perr->err,
                            "ProduceRequest for %.*s [%" PRId32]==]
)

# check.crcs: a batch whose checksum is wrong was reported, and the bytes after some part of it were then read as the next batch's
# header. With small batches the rest of the answer was dropped; with large ones the position became whatever stood in the records'
# values, so that messages came again or were skipped; and a batch that could be read after it left a gap. Now the partition stays
# where it is, as the Java client does, and is fetched again after fetch.error.backoff.ms. (The header's epoch has no checksum.)
rdkafka_fixed(rdkafka_msgset_reader.c
[==[        rd_kafka_buf_read_i32(rkbuf, &hdr.PartitionLeaderEpoch);
        msetr->msetr_leader_epoch = hdr.PartitionLeaderEpoch;
]==]
[==[        rd_kafka_buf_read_i32(rkbuf, &hdr.PartitionLeaderEpoch);
]==]
[==[                                rd_kafka_buf_skip_to(rkbuf, crc_len);

                        } else {]==]
[==[                                rd_atomic64_add(
                                    &msetr->msetr_rkb->rkb_c.rx_err, 1);
                                return RD_KAFKA_RESP_ERR__BAD_MSG;

                        } else {]==]
[==[        rd_kafka_buf_read_i16(rkbuf, &hdr.Attributes);
        rd_kafka_buf_read_i32(rkbuf, &hdr.LastOffsetDelta);
        LastOffset = hdr.BaseOffset + hdr.LastOffsetDelta;]==]
[==[        msetr->msetr_leader_epoch = hdr.PartitionLeaderEpoch;
        rd_kafka_buf_read_i16(rkbuf, &hdr.Attributes);
        rd_kafka_buf_read_i32(rkbuf, &hdr.LastOffsetDelta);
        LastOffset = hdr.BaseOffset + hdr.LastOffsetDelta;]==]
)

# A member of a cooperative group that has no partitions did not tell the group that it leaves when it closed: each rebalance, and every
# commit and fetch of offsets behind a join of the others, waited for it until its session timed out (45 s).
rdkafka_fixed(rdkafka_cgrp.c
[==[                             "terminating, skipping rejoin",
                             RD_KAFKAP_STR_PR(rkcg->rkcg_group_id));
                return;]==]
[==[                             "terminating, skipping rejoin",
                             RD_KAFKAP_STR_PR(rkcg->rkcg_group_id));
                rd_kafka_cgrp_leave_maybe(rkcg);
                return;]==]

# KIP-848: what a member is assigned while it has unsubscribed, before it was known to have joined (so that it does not leave), was
# dropped, and not told again when it subscribed once more: it was never assigned anything. (Who leaves drops it then.)
[==[                } else {
                        /* Consumer left the group sending an HB request
                         * while this one was in-flight. */
                        rd_kafka_topic_partition_list_destroy(
                            rkcg->rkcg_next_target_assignment);
                        rkcg->rkcg_next_target_assignment = NULL;
                }]==]
[==[                }]==]

# A commit that came before the group's coordinator was connected waited on for up to a second once it was: the main thread
# looked at it again only when something else woke it. So a consumer that reads a little and closes took a second for it.
[==[                        /* Serve any pending partitions in the
                         * assignment */
                        rd_kafka_assignment_serve(rkcg->rkcg_rk);
                }
                break;]==]
[==[                        /* Serve any pending partitions in the
                         * assignment */
                        rd_kafka_assignment_serve(rkcg->rkcg_rk);

                        rd_kafka_q_concat(rkcg->rkcg_ops,
                                          rkcg->rkcg_wait_coord_q);
                }
                break;]==]

# Who asks for what the group's handler knows (its metadata, the member's id, the protocol) just before the handler ends was never
# answered, and waited for ever.
[==[                if (rko)
                        rd_kafka_op_destroy(rko);
                return RD_KAFKA_OP_RES_HANDLED;
        }


        rktp = rko->rko_rktp;]==]
[==[                if (rko && !(rko->rko_type &
                             (RD_KAFKA_OP_CB | RD_KAFKA_OP_REPLY)))
                        rd_kafka_op_reply(rko, RD_KAFKA_RESP_ERR__DESTROY);
                else if (rko)
                        rd_kafka_op_destroy(rko);
                return RD_KAFKA_OP_RES_HANDLED;
        }


        rktp = rko->rko_rktp;]==]

# A consumer that was destroyed before rd_kafka_consumer_close_queue had ended waited for ever for the answer to a rebalance
# that nobody serves any more: destruction without a close gives everything up at once, but did not if a close had begun.
[==[                /* Already terminating or handling a previous terminate */
                if (rko) {]==]
[==[                /* Already terminating or handling a previous terminate */
                if (rd_kafka_destroy_flags_no_consumer_close(
                        rkcg->rkcg_rk) &&
                    rkcg->rkcg_state != RD_KAFKA_CGRP_STATE_TERM) {
                        rkcg->rkcg_flags &= ~RD_KAFKA_CGRP_F_WAIT_LEAVE;
                        /* Commits that wait for a coordinator fail. */
                        rd_kafka_q_disable(rkcg->rkcg_wait_coord_q);
                        if (rd_kafka_q_concat(rkcg->rkcg_ops,
                                              rkcg->rkcg_wait_coord_q) == -1)
                                rd_kafka_q_purge(rkcg->rkcg_wait_coord_q);
                        rd_kafka_cgrp_unassign(rkcg);
                        rd_kafka_assignment_serve(rkcg->rkcg_rk);
                        rd_kafka_cgrp_try_terminate(rkcg);
                }
                if (rko) {]==]

# So did one that was destroyed with an assignment unanswered, closed or not: giving up what it has answers only a revocation.
[==[        rd_kafka_assignment_clear(rkcg->rkcg_rk);

        if (rkcg->rkcg_join_state ==
            RD_KAFKA_CGRP_JOIN_STATE_WAIT_UNASSIGN_CALL) {]==]
[==[        rd_kafka_assignment_clear(rkcg->rkcg_rk);

        if (rd_kafka_destroy_flags_no_consumer_close(rkcg->rkcg_rk)) {
                if (rkcg->rkcg_rebalance_incr_assignment) {
                        rd_kafka_topic_partition_list_destroy(
                            rkcg->rkcg_rebalance_incr_assignment);
                        rkcg->rkcg_rebalance_incr_assignment = NULL;
                }
                if (rkcg->rkcg_join_state ==
                    RD_KAFKA_CGRP_JOIN_STATE_WAIT_ASSIGN_CALL)
                        rd_kafka_cgrp_set_join_state(
                            rkcg, RD_KAFKA_CGRP_JOIN_STATE_WAIT_UNASSIGN_CALL);
        }

        if (rkcg->rkcg_join_state ==
            RD_KAFKA_CGRP_JOIN_STATE_WAIT_UNASSIGN_CALL) {]==]
)

/* SPDX-License-Identifier: Apache-2.0
 *
 * The C face of the Raft bridge (bridge.go): a pure state machine, bytes in, bytes out. It knows no
 * clock, disk, socket or thread of its own. Nodes are handles from 1. Calls may come from any
 * thread; they take turns. Nothing is kept of the memory that a caller passes, and what the bridge
 * delivers is valid during the delivery alone. All integers of encodings are little-endian.
 *
 * C++ code uses consensus/raft.h, which stands on this.
 */
#pragma once

#include <stdint.h>

/* What the functions return, where they return a status. */
enum {
  FIRN_RAFT_OK = 0,
  FIRN_RAFT_DROPPED = 1,   /* A proposal that was not appended, and never will be. */
  FIRN_RAFT_MALFORMED = 2, /* Bytes that are no message, or one that no peer may send. */
  FIRN_RAFT_PANICKED = 3,  /* The node is dead; firn_raft_last_panic says why. */
};

/* Receives bytes that belong to the bridge. Must not call the bridge and must not throw. */
typedef void (*firn_raft_deliver)(void* context, const void* bytes, uint64_t size);

typedef void (*firn_raft_body)(void* argument);

struct firn_raft_bytes {
  const void* data;
  uint64_t size;
};

/* raft.Storage, on the other side. Called while a function of the bridge runs, on its thread; must
 * not call the bridge. What is returned stays valid until the next call for the same node.
 *
 *   entry      := term:u64 index:u64 type:u8 length:u32 data:byte[length]
 *   membership := voters:u32 learners:u32 id:u64[voters + learners]
 */
struct firn_raft_storage {
  void* context;
  /* term:u64 vote:u64 commit:u64 membership */
  struct firn_raft_bytes (*initial_state)(void* context);
  /* entry* for the indexes [low, high): as many as fit in max_bytes, one at least. Nothing when the
   * first has been trimmed. */
  struct firn_raft_bytes (*entries)(void* context, uint64_t low, uint64_t high, uint64_t max_bytes);
  /* Of an index from first_index - 1 to last_index; 0 outside. */
  uint64_t (*term)(void* context, uint64_t index);
  uint64_t (*first_index)(void* context);
  uint64_t (*last_index)(void* context);
  /* index:u64 term:u64 membership data:byte*, or nothing while there is none to give. */
  struct firn_raft_bytes (*snapshot)(void* context);
};

struct firn_raft_config {
  uint64_t id;
  uint64_t applied;
  uint64_t seed;
  uint64_t election_ticks;
  uint64_t heartbeat_ticks;
  uint64_t message_bytes_max;
  uint64_t uncommitted_bytes_max;
  uint64_t committed_bytes_max;
  uint64_t inflight_messages_max;
};

#ifdef FIRN_RAFT_BRIDGE_GO

/* Go cannot call through a C pointer itself. */
static inline struct firn_raft_bytes firn_call_initial_state(const struct firn_raft_storage* s) {
  return s->initial_state(s->context);
}
static inline struct firn_raft_bytes firn_call_entries(const struct firn_raft_storage* s,
                                                       uint64_t low, uint64_t high, uint64_t max) {
  return s->entries(s->context, low, high, max);
}
static inline uint64_t firn_call_term(const struct firn_raft_storage* s, uint64_t index) {
  return s->term(s->context, index);
}
static inline uint64_t firn_call_first_index(const struct firn_raft_storage* s) {
  return s->first_index(s->context);
}
static inline uint64_t firn_call_last_index(const struct firn_raft_storage* s) {
  return s->last_index(s->context);
}
static inline struct firn_raft_bytes firn_call_snapshot(const struct firn_raft_storage* s) {
  return s->snapshot(s->context);
}
static inline void firn_call_deliver(firn_raft_deliver deliver, void* context, void* bytes,
                                     uint64_t size) {
  deliver(context, bytes, size);
}
static inline void firn_call_body(firn_raft_body body, void* argument) { body(argument); }

#else

#ifdef __cplusplus
extern "C" {
#endif

/* The handle of a new node, or 0 after a panic. The storage has to live until the node is freed. */
uint64_t firn_raft_start(struct firn_raft_config* config, struct firn_raft_storage* storage);
void firn_raft_free(uint64_t node);

int32_t firn_raft_tick(uint64_t node);
int32_t firn_raft_campaign(uint64_t node);
int32_t firn_raft_step(uint64_t node, void* message, uint64_t size);
int32_t firn_raft_propose(uint64_t node, void* data, uint64_t size);
int32_t firn_raft_propose_change(uint64_t node, int32_t kind, uint64_t subject, void* context,
                                 uint64_t size);
/* Delivers the membership after the change. */
int32_t firn_raft_apply_change(uint64_t node, int32_t kind, uint64_t subject,
                               firn_raft_deliver deliver, void* to);
int32_t firn_raft_read_index(uint64_t node, void* context, uint64_t size);
int32_t firn_raft_transfer(uint64_t node, uint64_t to);
int32_t firn_raft_report_unreachable(uint64_t node, uint64_t peer);
int32_t firn_raft_report_snapshot(uint64_t node, uint64_t peer, int32_t installed);

/* 1 when there is something to take, 0 when not, or a status below 0. */
int32_t firn_raft_has_ready(uint64_t node);

/* ready       := state entries messages read_states committed snapshot
 * state       := term:u64 vote:u64 commit:u64 leader:u64 role:u8
 * entries     := count:u32 entry*
 * messages    := count:u32 message*
 * message     := type:u8 to:u64 term:u64 index:u64 length:u32 bytes:byte[length]
 * read_states := count:u32 read_state*;  read_state := index:u64 length:u32 context:byte[length]
 * committed   := first:u64 last:u64                                   (0 0: none)
 * snapshot    := length:u32 [index:u64 term:u64 membership data:byte*] (0: none)
 *
 * The commit index of every message is lowered to durable_last. The node is outstanding until
 * firn_raft_advance. */
int32_t firn_raft_ready(uint64_t node, uint64_t durable_last, firn_raft_deliver deliver, void* to);
/* The messages and read states that have come since, while a ready is outstanding; the rest of the
 * encoding is empty. */
int32_t firn_raft_messages(uint64_t node, uint64_t durable_last, firn_raft_deliver deliver,
                           void* to);
int32_t firn_raft_advance(uint64_t node);

/* state applied:u64 transferee:u64 count:u32 progress*
 * progress := id:u64 match:u64 next:u64 pending_snapshot:u64 state:u8 learner:u8 active:u8 */
int32_t firn_raft_status(uint64_t node, firn_raft_deliver deliver, void* to);

/* kind:u8 subject:u64 context:byte* of the data of a membership entry. */
int32_t firn_raft_decode_change(void* data, uint64_t size, firn_raft_deliver deliver, void* to);
/* index:u64 term:u64 membership data:byte* of the snapshot in a message. */
int32_t firn_raft_decode_snapshot(void* message, uint64_t size, firn_raft_deliver deliver,
                                  void* to);

/* The text of the last panic in this process. */
void firn_raft_last_panic(firn_raft_deliver deliver, void* to);

/* Runs body(argument) on a thread that stays inside Go, where calls of the bridge cost a tenth. */
void firn_raft_run(firn_raft_body body, void* argument);

/* Bounds of Go's collector: heap growth in percent, and a soft limit in bytes (0: none). */
void firn_raft_limit_memory(int32_t percent, uint64_t bytes);

#ifdef __cplusplus
}
#endif

#endif

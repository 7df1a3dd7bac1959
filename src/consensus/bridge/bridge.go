// SPDX-License-Identifier: Apache-2.0

// The bridge to etcd's Raft: bridge.h says what each function does and how bytes are laid out. Pure:
// no goroutine, clock, disk or socket. Every function takes the one lock, makes the package's random
// source the node's own (so that one seed replays a cluster), and turns a panic into a status.
package main

// #cgo CFLAGS: -DFIRN_RAFT_BRIDGE_GO
// #include "bridge.h"
import "C"

import (
	"errors"
	"fmt"
	"io/ioutil"
	"log"
	"math/rand"
	"runtime"
	"runtime/debug"
	"sync"
	"unsafe"

	"go.etcd.io/etcd/raft"
	"go.etcd.io/etcd/raft/raftpb"
	"go.etcd.io/etcd/raft/tracker"
)

type node struct {
	raw     *raft.RawNode
	storage *C.struct_firn_raft_storage
	random  *rand.Rand
	ready   *raft.Ready // Outstanding.
	dead    bool        // A panic has left it in an unknown state.
}

var (
	lock      sync.Mutex
	nodes     = map[C.uint64_t]*node{}
	handles   C.uint64_t
	lastPanic string
	scratch   []byte // Encodings are built here; grows to the largest.
)

// The package draws election timeouts from one source of its own. A typed variable would not link;
// the layout is that of raft.lockedRand in 3.4.23, which the build checks the package version for.
type lockedRand struct {
	mu   sync.Mutex
	rand *rand.Rand
}

//go:linkname packageRandom go.etcd.io/etcd/raft.globalRand
var packageRandom unsafe.Pointer

// SplitMix64, as the other side has it.
type splitMix struct{ state uint64 }

func (s *splitMix) Uint64() uint64 {
	s.state += 0x9E3779B97F4A7C15
	z := s.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
func (s *splitMix) Int63() int64    { return int64(s.Uint64() >> 1) }
func (s *splitMix) Seed(seed int64) { s.state = uint64(seed) }

// Runs a call for a live node.
func with(handle C.uint64_t, call func(n *node) C.int32_t) (status C.int32_t) {
	lock.Lock()
	defer lock.Unlock()
	n := nodes[handle]
	if n == nil || n.dead {
		return C.FIRN_RAFT_PANICKED
	}
	defer func() {
		if cause := recover(); cause != nil {
			lastPanic = fmt.Sprint(cause)
			n.dead = true
			status = C.FIRN_RAFT_PANICKED
		}
	}()
	(*lockedRand)(packageRandom).rand = n.random
	return call(n)
}

// The status of what the package returned.
func statusOf(err error) C.int32_t {
	switch err {
	case nil:
		return C.FIRN_RAFT_OK
	case raft.ErrProposalDropped:
		return C.FIRN_RAFT_DROPPED
	}
	return C.FIRN_RAFT_MALFORMED
}

func view(bytes unsafe.Pointer, size C.uint64_t) []byte {
	if size == 0 {
		return nil
	}
	return (*[1 << 40]byte)(bytes)[:size:size]
}

func copied(bytes unsafe.Pointer, size C.uint64_t) []byte {
	return append([]byte(nil), view(bytes, size)...)
}

func init() {
	// The package reports what it does at length; what is wrong it panics about.
	silent := &raft.DefaultLogger{Logger: log.New(ioutil.Discard, "", 0)}
	raft.SetLogger(silent)
}

//export firn_raft_start
func firn_raft_start(config *C.struct_firn_raft_config, storage *C.struct_firn_raft_storage) C.uint64_t {
	lock.Lock()
	handles++
	handle := handles
	nodes[handle] = &node{storage: storage, random: rand.New(&splitMix{uint64(config.seed)})}
	lock.Unlock()
	status := with(handle, func(n *node) C.int32_t {
		raw, err := raft.NewRawNode(&raft.Config{
			ID:                        uint64(config.id),
			ElectionTick:              int(config.election_ticks),
			HeartbeatTick:             int(config.heartbeat_ticks),
			Storage:                   n,
			Applied:                   uint64(config.applied),
			MaxSizePerMsg:             uint64(config.message_bytes_max),
			MaxUncommittedEntriesSize: uint64(config.uncommitted_bytes_max),
			MaxCommittedSizePerReady:  uint64(config.committed_bytes_max),
			MaxInflightMsgs:           int(config.inflight_messages_max),
			CheckQuorum:               true,
			PreVote:                   true,
			DisableProposalForwarding: true,
		})
		if err != nil {
			panic(err)
		}
		n.raw = raw
		return C.FIRN_RAFT_OK
	})
	if status != C.FIRN_RAFT_OK {
		firn_raft_free(handle)
		return 0
	}
	return handle
}

//export firn_raft_free
func firn_raft_free(handle C.uint64_t) {
	lock.Lock()
	defer lock.Unlock()
	delete(nodes, handle)
}

//export firn_raft_tick
func firn_raft_tick(handle C.uint64_t) C.int32_t {
	return with(handle, func(n *node) C.int32_t { n.raw.Tick(); return C.FIRN_RAFT_OK })
}

//export firn_raft_campaign
func firn_raft_campaign(handle C.uint64_t) C.int32_t {
	return with(handle, func(n *node) C.int32_t { return statusOf(n.raw.Campaign()) })
}

//export firn_raft_step
func firn_raft_step(handle C.uint64_t, message unsafe.Pointer, size C.uint64_t) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		m, err := parse(message, size)
		if err != nil {
			return C.FIRN_RAFT_MALFORMED
		}
		// A response of a node that has been removed meanwhile is nobody's fault.
		if err := n.raw.Step(m); err != nil && err != raft.ErrStepPeerNotFound {
			return statusOf(err)
		}
		return C.FIRN_RAFT_OK
	})
}

// A message that a peer may send. Proposals go to the leader by other ways, and what the package
// tells itself is none of a peer's business.
func parse(message unsafe.Pointer, size C.uint64_t) (m raftpb.Message, err error) {
	if err = m.Unmarshal(view(message, size)); err != nil {
		return m, err
	}
	if raft.IsLocalMsg(m.Type) || m.Type == raftpb.MsgProp || m.Type > raftpb.MsgPreVoteResp ||
		m.Type < 0 {
		return m, errors.New("a message that no peer sends")
	}
	for i := range m.Entries {
		if m.Entries[i].Type == raftpb.EntryConfChangeV2 {
			return m, errors.New("a joint membership change")
		}
	}
	return m, nil
}

//export firn_raft_propose
func firn_raft_propose(handle C.uint64_t, data unsafe.Pointer, size C.uint64_t) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		return statusOf(n.raw.Propose(copied(data, size)))
	})
}

//export firn_raft_propose_change
func firn_raft_propose_change(handle C.uint64_t, kind C.int32_t, subject C.uint64_t,
	context unsafe.Pointer, size C.uint64_t) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		return statusOf(n.raw.ProposeConfChange(raftpb.ConfChange{
			Type: raftpb.ConfChangeType(kind), NodeID: uint64(subject), Context: copied(context, size)}))
	})
}

//export firn_raft_apply_change
func firn_raft_apply_change(handle C.uint64_t, kind C.int32_t, subject C.uint64_t,
	to C.firn_raft_deliver, context unsafe.Pointer) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		state := n.raw.ApplyConfChange(
			raftpb.ConfChange{Type: raftpb.ConfChangeType(kind), NodeID: uint64(subject)})
		deliver(to, context, func(e *encoder) { e.membership(*state) })
		return C.FIRN_RAFT_OK
	})
}

//export firn_raft_read_index
func firn_raft_read_index(handle C.uint64_t, context unsafe.Pointer, size C.uint64_t) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		n.raw.ReadIndex(copied(context, size))
		return C.FIRN_RAFT_OK
	})
}

//export firn_raft_transfer
func firn_raft_transfer(handle C.uint64_t, to C.uint64_t) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		n.raw.TransferLeader(uint64(to))
		return C.FIRN_RAFT_OK
	})
}

//export firn_raft_report_unreachable
func firn_raft_report_unreachable(handle C.uint64_t, peer C.uint64_t) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		n.raw.ReportUnreachable(uint64(peer))
		return C.FIRN_RAFT_OK
	})
}

//export firn_raft_report_snapshot
func firn_raft_report_snapshot(handle C.uint64_t, peer C.uint64_t, installed C.int32_t) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		outcome := raft.SnapshotFailure
		if installed != 0 {
			outcome = raft.SnapshotFinish
		}
		n.raw.ReportSnapshot(uint64(peer), outcome)
		return C.FIRN_RAFT_OK
	})
}

//export firn_raft_has_ready
func firn_raft_has_ready(handle C.uint64_t) C.int32_t {
	status := with(handle, func(n *node) C.int32_t {
		if n.raw.HasReady() {
			return 1
		}
		return 0
	})
	if status == C.FIRN_RAFT_PANICKED {
		return -C.FIRN_RAFT_PANICKED
	}
	return status
}

//export firn_raft_ready
func firn_raft_ready(handle C.uint64_t, durableLast C.uint64_t, to C.firn_raft_deliver,
	context unsafe.Pointer) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		if n.ready != nil {
			panic("a ready is outstanding")
		}
		ready := n.raw.Ready()
		n.ready = &ready
		deliver(to, context, func(e *encoder) {
			e.state(n)
			e.u32(uint32(len(ready.Entries)))
			for i := range ready.Entries {
				entry := &ready.Entries[i]
				e.u64(entry.Term)
				e.u64(entry.Index)
				e.u8(byte(entry.Type))
				e.block(entry.Data)
			}
			e.messages(ready.Messages, uint64(durableLast))
			e.readStates(ready.ReadStates)
			if count := len(ready.CommittedEntries); count > 0 {
				e.u64(ready.CommittedEntries[0].Index)
				e.u64(ready.CommittedEntries[count-1].Index)
			} else {
				e.u64(0)
				e.u64(0)
			}
			if raft.IsEmptySnap(ready.Snapshot) {
				e.u32(0)
			} else {
				inner := encoder{}
				inner.snapshot(ready.Snapshot)
				e.block(inner.bytes)
			}
		})
		return C.FIRN_RAFT_OK
	})
}

//export firn_raft_messages
func firn_raft_messages(handle C.uint64_t, durableLast C.uint64_t, to C.firn_raft_deliver,
	context unsafe.Pointer) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		if n.ready == nil {
			panic("no ready is outstanding")
		}
		// It repeats the entries of the outstanding one, which are dropped here.
		ready := n.raw.Ready()
		deliver(to, context, func(e *encoder) {
			e.state(n)
			e.u32(0)
			e.messages(ready.Messages, uint64(durableLast))
			e.readStates(ready.ReadStates)
			e.u64(0)
			e.u64(0)
			e.u32(0)
		})
		return C.FIRN_RAFT_OK
	})
}

//export firn_raft_advance
func firn_raft_advance(handle C.uint64_t) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		if n.ready == nil {
			panic("no ready is outstanding")
		}
		n.raw.Advance(*n.ready)
		n.ready = nil
		return C.FIRN_RAFT_OK
	})
}

//export firn_raft_status
func firn_raft_status(handle C.uint64_t, to C.firn_raft_deliver, context unsafe.Pointer) C.int32_t {
	return with(handle, func(n *node) C.int32_t {
		status := n.raw.BasicStatus()
		peers := encoder{}
		count := uint32(0)
		n.raw.WithProgress(func(id uint64, kind raft.ProgressType, p tracker.Progress) {
			count++
			peers.u64(id)
			peers.u64(p.Match)
			peers.u64(p.Next)
			peers.u64(p.PendingSnapshot)
			peers.u8(byte(p.State))
			peers.boolean(kind == raft.ProgressTypeLearner)
			peers.boolean(p.RecentActive)
		})
		deliver(to, context, func(e *encoder) {
			e.state(n)
			e.u64(status.Applied)
			e.u64(status.LeadTransferee)
			e.u32(count)
			e.bytes = append(e.bytes, peers.bytes...)
		})
		return C.FIRN_RAFT_OK
	})
}

//export firn_raft_decode_change
func firn_raft_decode_change(data unsafe.Pointer, size C.uint64_t, to C.firn_raft_deliver,
	context unsafe.Pointer) C.int32_t {
	lock.Lock()
	defer lock.Unlock()
	var change raftpb.ConfChange
	if change.Unmarshal(view(data, size)) != nil || change.Type < 0 ||
		change.Type > raftpb.ConfChangeAddLearnerNode {
		return C.FIRN_RAFT_MALFORMED
	}
	deliver(to, context, func(e *encoder) {
		e.u8(byte(change.Type))
		e.u64(change.NodeID)
		e.bytes = append(e.bytes, change.Context...)
	})
	return C.FIRN_RAFT_OK
}

//export firn_raft_decode_snapshot
func firn_raft_decode_snapshot(message unsafe.Pointer, size C.uint64_t, to C.firn_raft_deliver,
	context unsafe.Pointer) C.int32_t {
	lock.Lock()
	defer lock.Unlock()
	m, err := parse(message, size)
	if err != nil || m.Type != raftpb.MsgSnap {
		return C.FIRN_RAFT_MALFORMED
	}
	deliver(to, context, func(e *encoder) { e.snapshot(m.Snapshot) })
	return C.FIRN_RAFT_OK
}

//export firn_raft_last_panic
func firn_raft_last_panic(to C.firn_raft_deliver, context unsafe.Pointer) {
	lock.Lock()
	defer lock.Unlock()
	deliver(to, context, func(e *encoder) { e.bytes = append(e.bytes, lastPanic...) })
}

//export firn_raft_run
func firn_raft_run(body C.firn_raft_body, argument unsafe.Pointer) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.firn_call_body(body, argument)
}

//export firn_raft_limit_memory
func firn_raft_limit_memory(percent C.int32_t, bytes C.uint64_t) {
	debug.SetGCPercent(int(percent))
	if bytes > 0 {
		debug.SetMemoryLimit(int64(bytes))
	}
}

func main() {}

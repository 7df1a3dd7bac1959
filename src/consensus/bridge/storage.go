// SPDX-License-Identifier: Apache-2.0

package main

// #cgo CFLAGS: -DFIRN_RAFT_BRIDGE_GO
// #include "bridge.h"
import "C"

import (
	"unsafe"

	"go.etcd.io/etcd/raft"
	"go.etcd.io/etcd/raft/raftpb"
)

// raft.Storage over the log of the other side.

func (n *node) InitialState() (raftpb.HardState, raftpb.ConfState, error) {
	bytes := C.firn_call_initial_state(n.storage)
	d := decoder{copied(unsafe.Pointer(bytes.data), bytes.size)}
	hard := raftpb.HardState{Term: d.u64(), Vote: d.u64(), Commit: d.u64()}
	return hard, d.membership(), nil
}

func (n *node) Entries(low, high, maxBytes uint64) ([]raftpb.Entry, error) {
	bytes := C.firn_call_entries(n.storage, C.uint64_t(low), C.uint64_t(high), C.uint64_t(maxBytes))
	if bytes.size == 0 {
		return nil, raft.ErrCompacted
	}
	var entries []raftpb.Entry
	for d := (decoder{copied(unsafe.Pointer(bytes.data), bytes.size)}); len(d.bytes) > 0; {
		entry := raftpb.Entry{Term: d.u64(), Index: d.u64(), Type: raftpb.EntryType(d.u8())}
		entry.Data = d.take(d.u32())
		entries = append(entries, entry)
	}
	return entries, nil
}

func (n *node) Term(index uint64) (uint64, error) {
	if term := C.firn_call_term(n.storage, C.uint64_t(index)); term != 0 {
		return uint64(term), nil
	}
	if index == 0 {
		return 0, nil // Before the first entry of all: where a node that joins stands.
	}
	if first, _ := n.FirstIndex(); index < first {
		return 0, raft.ErrCompacted
	}
	return 0, raft.ErrUnavailable
}

func (n *node) FirstIndex() (uint64, error) {
	return uint64(C.firn_call_first_index(n.storage)), nil
}

func (n *node) LastIndex() (uint64, error) {
	return uint64(C.firn_call_last_index(n.storage)), nil
}

func (n *node) Snapshot() (raftpb.Snapshot, error) {
	bytes := C.firn_call_snapshot(n.storage)
	if bytes.size == 0 {
		return raftpb.Snapshot{}, raft.ErrSnapshotTemporarilyUnavailable
	}
	d := decoder{copied(unsafe.Pointer(bytes.data), bytes.size)}
	s := raftpb.Snapshot{}
	s.Metadata.Index, s.Metadata.Term = d.u64(), d.u64()
	s.Metadata.ConfState = d.membership()
	s.Data = d.bytes
	return s, nil
}

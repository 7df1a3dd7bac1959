// SPDX-License-Identifier: Apache-2.0

// The encodings of bridge.h, both ways.
package main

// #cgo CFLAGS: -DFIRN_RAFT_BRIDGE_GO
// #include "bridge.h"
import "C"

import (
	"encoding/binary"
	"unsafe"

	"go.etcd.io/etcd/raft"
	"go.etcd.io/etcd/raft/raftpb"
)

// Takes an encoding apart; all of them come from the other side of the bridge.
type decoder struct{ bytes []byte }

func (d *decoder) u64() uint64 {
	value := binary.LittleEndian.Uint64(d.bytes)
	d.bytes = d.bytes[8:]
	return value
}
func (d *decoder) u32() uint32 {
	value := binary.LittleEndian.Uint32(d.bytes)
	d.bytes = d.bytes[4:]
	return value
}
func (d *decoder) u8() byte {
	value := d.bytes[0]
	d.bytes = d.bytes[1:]
	return value
}
func (d *decoder) take(length uint32) []byte {
	value := d.bytes[:length:length]
	d.bytes = d.bytes[length:]
	return value
}
func (d *decoder) membership() (state raftpb.ConfState) {
	voters, learners := d.u32(), d.u32()
	for ; voters > 0; voters-- {
		state.Voters = append(state.Voters, d.u64())
	}
	for ; learners > 0; learners-- {
		state.Learners = append(state.Learners, d.u64())
	}
	return state
}

type encoder struct{ bytes []byte }

func (e *encoder) u64(value uint64) {
	e.bytes = append(e.bytes, byte(value), byte(value>>8), byte(value>>16), byte(value>>24),
		byte(value>>32), byte(value>>40), byte(value>>48), byte(value>>56))
}
func (e *encoder) u32(value uint32) {
	e.bytes = append(e.bytes, byte(value), byte(value>>8), byte(value>>16), byte(value>>24))
}
func (e *encoder) u8(value byte) { e.bytes = append(e.bytes, value) }
func (e *encoder) boolean(value bool) {
	if value {
		e.u8(1)
	} else {
		e.u8(0)
	}
}
func (e *encoder) block(bytes []byte) {
	e.u32(uint32(len(bytes)))
	e.bytes = append(e.bytes, bytes...)
}
func (e *encoder) membership(state raftpb.ConfState) {
	e.u32(uint32(len(state.Voters)))
	e.u32(uint32(len(state.Learners)))
	for _, id := range state.Voters {
		e.u64(id)
	}
	for _, id := range state.Learners {
		e.u64(id)
	}
}
func (e *encoder) snapshot(s raftpb.Snapshot) {
	e.u64(s.Metadata.Index)
	e.u64(s.Metadata.Term)
	e.membership(s.Metadata.ConfState)
	e.bytes = append(e.bytes, s.Data...)
}
func (e *encoder) state(n *node) {
	status := n.raw.BasicStatus()
	e.u64(status.HardState.Term)
	e.u64(status.HardState.Vote)
	e.u64(status.HardState.Commit)
	e.u64(status.SoftState.Lead)
	e.u8(byte(status.SoftState.RaftState))
}
func (e *encoder) messages(messages []raftpb.Message, durableLast uint64) {
	e.u32(uint32(len(messages)))
	for i := range messages {
		m := &messages[i]
		if (m.Type == raftpb.MsgApp || m.Type == raftpb.MsgHeartbeat) && m.Commit > durableLast {
			m.Commit = durableLast
		}
		e.u8(byte(m.Type))
		e.u64(m.To)
		e.u64(m.Term)
		e.u64(m.Index)
		size := m.Size()
		e.u32(uint32(size))
		start := len(e.bytes)
		e.bytes = append(e.bytes, make([]byte, size)...)
		if _, err := m.MarshalTo(e.bytes[start:]); err != nil {
			panic(err)
		}
	}
}
func (e *encoder) readStates(states []raft.ReadState) {
	e.u32(uint32(len(states)))
	for _, state := range states {
		e.u64(state.Index)
		e.block(state.RequestCtx)
	}
}

func deliver(to C.firn_raft_deliver, context unsafe.Pointer, encode func(e *encoder)) {
	e := encoder{scratch[:0]}
	encode(&e)
	scratch = e.bytes
	if len(e.bytes) == 0 {
		C.firn_call_deliver(to, context, nil, 0)
		return
	}
	C.firn_call_deliver(to, context, unsafe.Pointer(&e.bytes[0]), C.uint64_t(len(e.bytes)))
}

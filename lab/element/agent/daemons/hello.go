package daemons

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"element/bus"
	"element/wire"
)

// OverloadPath exists while traffic is to go another way, over a change of roots too.
const OverloadPath = "/config/overload"

func hellod(d *daemon) error {
	conn, err := d.dial(bus.RoleHello)
	if err != nil {
		return err
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id)
	instance := binary.BigEndian.Uint64(id)
	// Asks the neighbour to keep the adjacency until it was heard once.
	var heard atomic.Bool
	greet := func(seq uint64) error {
		_, err := os.Stat(d.platform.Path(OverloadPath))
		hello := wire.HelloBody{Instance: instance, Restarting: d.restarting && !heard.Load(), Overload: err == nil}
		packet := wire.Packet{Kind: wire.Hello, Seq: seq, Body: hello.Encode()}
		return conn.Send(bus.Msg{Op: "packet", Port: 1, Packet: packet.Encode()})
	}
	if err := greet(0); err != nil {
		return err
	}
	d.ready()
	go func() {
		var known []byte
		for {
			m, err := conn.Recv()
			if err != nil {
				os.Exit(1)
			}
			packet, err := wire.Decode(m.Packet)
			if err != nil {
				continue
			}
			heard.Store(true)
			if !bytes.Equal(packet.Body, known) {
				known = bytes.Clone(packet.Body)
				d.noteNeighbour(packet)
			}
		}
	}()
	seq := uint64(1)
	for {
		// Another configuration counts from the next hello on.
		time.Sleep(time.Duration(d.current().HelloMs) * time.Millisecond)
		if err := greet(seq); err != nil {
			return err
		}
		seq++
	}
}

// NeighboursPath is where hellod writes whom it hears.
const NeighboursPath = "/run/neighbours.json"

// Neighbour as its hellos tell it.
type Neighbour struct {
	Port int `json:"port"`
	// HoldMs is how long it does without hellos of ours.
	HoldMs uint32 `json:"holdMs"`
	// OtherWays is how many ways it has beside the one through this element, that want traffic.
	OtherWays uint32 `json:"otherWays"`
}

func (d *daemon) noteNeighbour(packet wire.Packet) {
	if len(packet.Body) != 8 {
		return
	}
	hold, ways := binary.BigEndian.Uint32(packet.Body), binary.BigEndian.Uint32(packet.Body[4:])
	text, err := json.Marshal([]Neighbour{{1, hold, ways}})
	if err == nil {
		err = os.WriteFile(d.platform.Path(NeighboursPath), text, 0o644)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "hellod: %v\n", err)
	}
}

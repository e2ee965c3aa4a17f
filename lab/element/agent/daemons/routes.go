package daemons

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"element/bus"
	"element/wire"
)

// spool holds the table of the routed before; one that is started beside the old root finds it there and keeps it open.
const spool = "/var/spool/routes.json"

// routed learns the neighbour's routes, adds its own, and programs the line cards with all of them.
func routed(d *daemon) error {
	conn, err := d.dial(bus.RoleRoutes)
	if err != nil {
		return err
	}
	old, err := os.Open(d.platform.Path("/oldroot" + spool))
	if err == nil {
		fmt.Fprintf(os.Stderr, "routed: going on from %s\n", old.Name())
		defer old.Close()
	}
	d.ready()
	r := &table{daemon: d, conn: conn, parts: map[uint32][]uint32{}}
	incoming := make(chan bus.Msg)
	go func() {
		for {
			m, err := conn.Recv()
			if err != nil {
				os.Exit(1)
			}
			incoming <- m
		}
	}()
	ending := make(chan os.Signal, 1)
	signal.Notify(ending, syscall.SIGTERM)
	again := time.NewTicker(100 * time.Millisecond)
	if err := r.ask(); err != nil {
		return err
	}
	for {
		select {
		case m := <-incoming:
			err = r.take(m)
		case <-again.C:
			if !r.complete {
				err = r.ask()
			}
		case <-ending:
			return r.save()
		}
		if err != nil {
			return err
		}
	}
}

type table struct {
	daemon *daemon
	conn   *bus.Conn
	// parts of the neighbour's table by their offset.
	parts    map[uint32][]uint32
	complete bool
	routes   map[uint32]int
}

// ask for what is missing first.
func (t *table) ask() error {
	packet := wire.Packet{Kind: wire.RouteAsk, Seq: uint64(t.next()), Body: nil}
	return t.conn.Send(bus.Msg{Op: "packet", Port: 1, Packet: packet.Encode()})
}

func (t *table) next() uint32 {
	at := uint32(0)
	for {
		part, ok := t.parts[at]
		if !ok || len(part) == 0 {
			return at
		}
		at += uint32(len(part))
	}
}

func (t *table) take(m bus.Msg) error {
	switch m.Op {
	case "lost": // the cards were reset and forgot everything
		t.complete, t.parts = false, map[uint32][]uint32{}
		return t.ask()
	case "packet":
		packet, err := wire.Decode(m.Packet)
		if err != nil || packet.Kind != wire.Routes || t.complete {
			return nil
		}
		body, err := wire.DecodeRoutes(packet.Body)
		if err != nil {
			return nil
		}
		t.parts[body.Offset] = body.Prefixes
		if t.next() < body.Total {
			return t.ask()
		}
		return t.program()
	}
	return nil
}

// program the cards in one go: what they forwarded by before stays until then.
func (t *table) program() error {
	t.complete = true
	t.routes = map[uint32]int{}
	for n := range uint32(wire.Connected) {
		t.routes[wire.ConnectedBase+n] = 0
	}
	for _, part := range t.parts {
		for _, prefix := range part {
			t.routes[prefix] = 1
		}
	}
	return t.conn.Send(bus.Msg{Op: "program", Routes: t.routes, Complete: true})
}

func (t *table) save() error {
	path := t.daemon.platform.Path(spool)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	text, err := json.Marshal(t.routes)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

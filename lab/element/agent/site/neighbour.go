package site

import (
	"encoding/binary"
	"net"
	"sync"
	"time"

	"element/wire"
)

// neighbour is the router at port 1 of every machine. It hears hellos, drops an adjacency when the hold time is over, gives
// out its routes, and takes the transit traffic that goes its way.
type neighbour struct {
	site   *Site
	conn   *net.UDPConn
	routes []uint32
	mu     sync.Mutex
	// adjacencies by machine.
	adjacencies map[*Machine]*adjacency
}

type adjacency struct {
	up       bool
	instance uint64
	heard    time.Time
	overload bool
	drops    int
}

func newNeighbour(s *Site, routes int) (*neighbour, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(1 << 20)
	n := &neighbour{site: s, conn: conn, adjacencies: map[*Machine]*adjacency{}}
	for r := range uint32(routes) {
		n.routes = append(n.routes, wire.LearnedBase+r)
	}
	return n, nil
}

func (n *neighbour) run() {
	go n.hold()
	buffer := make([]byte, 65536)
	for {
		size, from, err := n.conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		packet, err := wire.Decode(buffer[:size])
		if err != nil {
			continue
		}
		machine := n.site.byPort(from.Port)
		switch {
		case packet.Kind == wire.Transit:
			n.site.probe.arrived(packet)
		case machine == nil:
		case packet.Kind == wire.Hello:
			n.hello(machine, packet)
		case packet.Kind == wire.RouteAsk:
			n.answer(machine, uint32(packet.Seq))
		}
	}
}

func (n *neighbour) hello(machine *Machine, packet wire.Packet) {
	body, err := wire.DecodeHello(packet.Body)
	if err != nil {
		return
	}
	n.mu.Lock()
	a := n.of(machine)
	other := body.Instance != a.instance
	// Another process that does not ask for patience has no state: the adjacency begins anew.
	if other && a.up && !body.Restarting {
		n.drop(machine, a, "another instance, not restarting")
	}
	if !a.up {
		n.site.event(machine.config.Name, "adjacency up", "")
	}
	a.up, a.instance, a.heard, a.overload = true, body.Instance, time.Now(), body.Overload
	n.mu.Unlock()
	if other {
		machine.watch.greetedBy()
	}
	// Greets back at once, so that both beat at the element's pace.
	back := binary.BigEndian.AppendUint32(nil, uint32(n.site.config.HoldMs))
	back = binary.BigEndian.AppendUint32(back, n.others(machine))
	n.send(machine, wire.Packet{Kind: wire.Hello, Seq: packet.Seq, Body: back})
}

// others is how many ways there are beside one machine: what the routing protocol would show of the network.
func (n *neighbour) others(machine *Machine) uint32 {
	if n.site.config.Apart {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	ways := uint32(0)
	for _, other := range n.site.machines {
		if a := n.of(other); other != machine && a.up && !a.overload {
			ways++
		}
	}
	return ways
}

// answer with as many routes as fit, from an offset on; only to whom there is an adjacency.
func (n *neighbour) answer(machine *Machine, offset uint32) {
	n.mu.Lock()
	up := n.of(machine).up
	n.mu.Unlock()
	total := uint32(len(n.routes))
	if !up || offset > total {
		return
	}
	part := n.routes[offset:min(total, offset+200)]
	body := wire.RoutesBody{Total: total, Offset: offset, Prefixes: part}
	n.send(machine, wire.Packet{Kind: wire.Routes, Body: body.Encode()})
}

func (n *neighbour) send(machine *Machine, packet wire.Packet) {
	_, _ = n.conn.WriteToUDP(packet.Encode(), machine.cards.address(1))
}

// hold drops the adjacencies that were silent for too long.
func (n *neighbour) hold() {
	limit := time.Duration(n.site.config.HoldMs) * time.Millisecond
	for range time.Tick(limit / 20) {
		n.mu.Lock()
		for machine, a := range n.adjacencies {
			if a.up && time.Since(a.heard) > limit {
				n.drop(machine, a, "hold time over")
			}
		}
		n.mu.Unlock()
	}
}

func (n *neighbour) drop(machine *Machine, a *adjacency, why string) {
	a.up = false
	a.drops++
	n.site.event(machine.config.Name, "adjacency dropped", why)
}

func (n *neighbour) of(machine *Machine) *adjacency {
	a := n.adjacencies[machine]
	if a == nil {
		a = &adjacency{}
		n.adjacencies[machine] = a
	}
	return a
}

func (n *neighbour) state(machine *Machine) adjacency {
	n.mu.Lock()
	defer n.mu.Unlock()
	return *n.of(machine)
}

// way that the nth packet takes: a machine that wants some before one that does not. No adjacency, no way.
func (n *neighbour) way(nth int) *Machine {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.site.config.Apart {
		if own := n.site.gateway(nth); n.of(own).up {
			return own
		}
		return nil
	}
	var second *Machine
	for _, machine := range n.site.machines {
		a := n.of(machine)
		if a.up && !a.overload {
			return machine
		}
		if a.up && second == nil {
			second = machine
		}
	}
	return second
}

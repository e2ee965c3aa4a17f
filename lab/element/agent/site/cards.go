package site

import (
	"net"
	"sync"
	"time"

	"element/bus"
	"element/wire"
)

// cards are the line cards: simulated hardware that forwards real datagrams between two ports by the table that was
// programmed into it, with or without a control plane.
type cards struct {
	machine *Machine
	ports   [2]*net.UDPConn
	peers   [2]*net.UDPAddr
	resetMs int

	mu        sync.Mutex
	table     map[uint32]int
	downUntil time.Time
	resets    int
	conns     map[string]*bus.Conn
	forwarded, unrouted,
	dropped, unpunted uint64
}

func newCards(m *Machine, peers [2]*net.UDPAddr, resetMs int) (*cards, error) {
	c := &cards{machine: m, peers: peers, resetMs: resetMs, table: map[uint32]int{}, conns: map[string]*bus.Conn{}}
	for port := range c.ports {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		_ = conn.SetReadBuffer(1 << 20)
		c.ports[port] = conn
	}
	for port := range c.ports {
		go c.receive(port)
	}
	return c, nil
}

func (c *cards) close() {
	for _, port := range c.ports {
		_ = port.Close()
	}
}

func (c *cards) address(port int) *net.UDPAddr { return c.ports[port].LocalAddr().(*net.UDPAddr) }

// reset takes the ports down for a while and empties the table.
func (c *cards) reset(why string) {
	c.down(time.Duration(c.resetMs)*time.Millisecond, why)
	c.mu.Lock()
	routes := c.conns[bus.RoleRoutes]
	c.mu.Unlock()
	if routes != nil {
		_ = routes.Send(bus.Msg{Op: "lost"})
	}
}

func (c *cards) down(period time.Duration, why string) {
	c.mu.Lock()
	c.resets++
	c.table = map[uint32]int{}
	if until := time.Now().Add(period); until.After(c.downUntil) {
		c.downUntil = until
	}
	c.mu.Unlock()
	c.machine.event("hardware reset", why)
}

func (c *cards) receive(port int) {
	buffer := make([]byte, 65536)
	for {
		n, _, err := c.ports[port].ReadFromUDP(buffer)
		if err != nil {
			return
		}
		packet, err := wire.Decode(buffer[:n])
		if err != nil {
			continue
		}
		role, out := c.decide(packet)
		if role != nil {
			_ = role.Send(bus.Msg{Op: "packet", Port: port, Packet: buffer[:n]})
		} else if out >= 0 {
			_, _ = c.ports[out].WriteToUDP(buffer[:n], c.peers[out])
		}
	}
}

// decide to whom a packet goes: up to a part of the control plane, out of a port, or nowhere.
func (c *cards) decide(packet wire.Packet) (*bus.Conn, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.downUntil) {
		c.dropped++
		return nil, -1
	}
	role := ""
	switch packet.Kind {
	case wire.Transit:
		if port, ok := c.table[wire.Prefix(packet.Dst)]; ok {
			c.forwarded++
			return nil, port
		}
		c.unrouted++
		return nil, -1
	case wire.Hello:
		role = bus.RoleHello
	case wire.Routes:
		role = bus.RoleRoutes
	case wire.Punt:
		role = bus.RolePunt
	}
	if conn := c.conns[role]; conn != nil {
		return conn, -1
	}
	c.unpunted++
	return nil, -1
}

// send is what the control plane sends out of a port.
func (c *cards) send(port int, packet []byte) {
	c.mu.Lock()
	down := time.Now().Before(c.downUntil)
	c.mu.Unlock()
	if !down && port >= 0 && port < len(c.ports) {
		_, _ = c.ports[port].WriteToUDP(packet, c.peers[port])
	}
}

// program waits until the cards take it.
func (c *cards) program(routes map[uint32]int) {
	for {
		c.mu.Lock()
		wait := time.Until(c.downUntil)
		if wait <= 0 {
			c.table = routes
			c.mu.Unlock()
			c.machine.watch.programmed(c.machine)
			return
		}
		c.mu.Unlock()
		time.Sleep(wait)
	}
}

// attach a part of the control plane until its connection ends.
func (c *cards) attach(role string, conn *bus.Conn) {
	c.mu.Lock()
	c.conns[role] = conn
	c.mu.Unlock()
	c.machine.watch.attached(c.machine, role)
	for {
		m, err := conn.Recv()
		if err != nil {
			break
		}
		switch m.Op {
		case "packet":
			c.send(m.Port, m.Packet)
		case "program":
			go c.program(m.Routes)
		}
	}
	c.mu.Lock()
	if c.conns[role] == conn {
		delete(c.conns, role)
	}
	c.mu.Unlock()
	c.machine.watch.detached(c.machine, role)
}

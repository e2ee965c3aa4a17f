package site

import (
	"net"
	"sync"
	"time"

	"element/wire"
)

// late is when a packet that has not arrived is lost, or not answered.
const late = time.Second

// Flow is what the probe measured of one kind of traffic in a window.
type Flow struct {
	Sent int `json:"sent"`
	Lost int `json:"lost"`
	// LongestGapMs between two arrivals.
	LongestGapMs float64 `json:"longestGapMs"`
}

// probe sends real datagrams through the elements, both ways, and to them, and counts what comes.
type probe struct {
	site *Site
	conn *net.UDPConn
	mu   sync.Mutex
	next uint64
	// out is what is on its way.
	out     map[uint64]sent
	current *window
}

// window in which packets are counted, by kind.
type window struct {
	flows map[byte]*Flow
	last  map[byte]time.Time
}

// sent says which window a packet belongs to; nil for none.
type sent struct {
	kind   byte
	at     time.Time
	window *window
}

func newProbe(s *Site) (*probe, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(1 << 20)
	return &probe{site: s, conn: conn, out: map[uint64]sent{}}, nil
}

func (p *probe) run() {
	go p.pace(p.site.config.TransitPerSecond, p.transit)
	go p.pace(p.site.config.PuntPerSecond, p.punt)
	go func() {
		for range time.Tick(100 * time.Millisecond) {
			p.sweep()
		}
	}()
	buffer := make([]byte, 65536)
	for {
		n, _, err := p.conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		if packet, err := wire.Decode(buffer[:n]); err == nil {
			p.arrived(packet)
		}
	}
}

// pace keeps the rate also where it is not scheduled in time.
func (p *probe) pace(perSecond int, send func(n int)) {
	if perSecond <= 0 {
		return
	}
	began, n := time.Now(), 0
	for range time.Tick(time.Second / time.Duration(perSecond)) {
		for due := int(time.Since(began).Seconds() * float64(perSecond)); n < due; n++ {
			send(n)
		}
	}
}

// transit alternates between the two ways.
func (p *probe) transit(n int) {
	machine := p.site.neighbour.way(n / 2)
	packet := wire.Packet{Kind: wire.Transit, Seq: p.sending(wire.Transit)}
	if n%2 == 0 {
		// From here: a host knows its gateway only.
		if machine == nil {
			machine = p.site.gateway(n / 2)
		}
		packet.Dst = wire.Address(p.site.neighbour.routes[n/2%len(p.site.neighbour.routes)])
		_, _ = p.conn.WriteToUDP(packet.Encode(), machine.cards.address(0))
		return
	}
	packet.Dst = wire.Address(wire.ConnectedBase + uint32(n/2%wire.Connected))
	if machine != nil { // else the neighbour has no way here any more, and it is lost
		_, _ = p.site.neighbour.conn.WriteToUDP(packet.Encode(), machine.cards.address(1))
	}
}

func (p *probe) punt(n int) {
	machine := p.site.neighbour.way(n)
	if machine == nil {
		machine = p.site.gateway(n)
	}
	packet := wire.Packet{Kind: wire.Punt, Dst: wire.Service, Seq: p.sending(wire.Punt)}
	_, _ = p.conn.WriteToUDP(packet.Encode(), machine.cards.address(0))
}

func (p *probe) sending(kind byte) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	p.out[p.next] = sent{kind, time.Now(), p.current}
	if p.current != nil {
		p.current.flows[kind].Sent++
	}
	return p.next
}

func (p *probe) arrived(packet wire.Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one, ok := p.out[packet.Seq]
	if !ok {
		return
	}
	delete(p.out, packet.Seq)
	if p.current != nil {
		p.current.gap(one.kind)
		p.current.last[one.kind] = time.Now()
	}
}

func (w *window) gap(kind byte) {
	flow := w.flows[kind]
	flow.LongestGapMs = max(flow.LongestGapMs, time.Since(w.last[kind]).Seconds()*1000)
}

func (p *probe) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for seq, one := range p.out {
		if time.Since(one.at) < late {
			continue
		}
		delete(p.out, seq)
		if one.window != nil {
			one.window.flows[one.kind].Lost++
		}
	}
}

// begin a window: what is sent from now on counts.
func (p *probe) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.current = &window{
		flows: map[byte]*Flow{wire.Transit: {}, wire.Punt: {}},
		last:  map[byte]time.Time{wire.Transit: now, wire.Punt: now},
	}
}

// end the window, and wait for what was sent in it.
func (p *probe) end() (transit, punt Flow) {
	p.mu.Lock()
	window := p.current
	p.current = nil
	if window == nil {
		p.mu.Unlock()
		return Flow{}, Flow{}
	}
	window.gap(wire.Transit)
	window.gap(wire.Punt)
	p.mu.Unlock()
	// Until each has arrived or is late; where none is lost that takes no time.
	for p.underway(window) {
		time.Sleep(5 * time.Millisecond)
		p.sweep()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return *window.flows[wire.Transit], *window.flows[wire.Punt]
}

func (p *probe) underway(window *window) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.out {
		if one.window == window {
			return true
		}
	}
	return false
}

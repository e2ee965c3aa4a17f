// Package wire is the format of the packets between an element, its neighbour and the probe: real UDP datagrams, whose
// payload stands for a packet with addresses of its own.
package wire

import (
	"encoding/binary"
	"errors"
)

// Kinds of packets.
const (
	// Transit goes through the element by its forwarding table.
	Transit byte = 1
	// Punt is for the element itself and is answered by its control plane with PuntReply.
	Punt      byte = 2
	PuntReply byte = 3
	// Hello goes between the element and its neighbour.
	Hello byte = 4
	// RouteAsk asks the neighbour for its routes from an offset on; Routes is a part of the answer.
	RouteAsk byte = 5
	Routes   byte = 6
)

// Packet is a header and what follows it.
type Packet struct {
	Kind byte
	// Dst is an IPv4 address as a number.
	Dst  uint32
	Seq  uint64
	Body []byte
}

const headerSize = 4 + 1 + 4 + 8

var magic = [4]byte{'N', 'E', 'P', '1'}

// Encode for the wire.
func (p Packet) Encode() []byte {
	b := make([]byte, headerSize, headerSize+len(p.Body))
	copy(b, magic[:])
	b[4] = p.Kind
	binary.BigEndian.PutUint32(b[5:], p.Dst)
	binary.BigEndian.PutUint64(b[9:], p.Seq)
	return append(b, p.Body...)
}

// Decode what came; the body shares memory with b.
func Decode(b []byte) (Packet, error) {
	if len(b) < headerSize || [4]byte(b[:4]) != magic {
		return Packet{}, errors.New("not a packet of ours")
	}
	return Packet{b[4], binary.BigEndian.Uint32(b[5:]), binary.BigEndian.Uint64(b[9:]), b[headerSize:]}, nil
}

// Address of a prefix's host 1; prefixes are the upper 24 bits.
func Address(prefix uint32) uint32 { return prefix<<8 | 1 }

// Prefix of an address.
func Prefix(address uint32) uint32 { return address >> 8 }

// Prefixes of the element: what is connected to port 0, learned from the neighbour on port 1, and its own address.
const (
	ConnectedBase uint32 = 10<<16 | 1<<8
	Connected            = 4
	LearnedBase   uint32 = 10<<16 | 64<<8
	Service       uint32 = 192<<24 | 0<<16 | 2<<8 | 1
)

// HelloBody says who greets.
type HelloBody struct {
	// Instance of the process that greets: another one has no state yet.
	Instance uint64
	// Restarting asks the neighbour to keep the adjacency though the instance is another one.
	Restarting bool
	// Overload asks the neighbour to send traffic another way.
	Overload bool
}

// Encode for the wire.
func (h HelloBody) Encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, h.Instance)
	return append(b, flag(h.Restarting), flag(h.Overload))
}

// DecodeHello reads a body.
func DecodeHello(b []byte) (HelloBody, error) {
	if len(b) < 10 {
		return HelloBody{}, errors.New("short hello")
	}
	return HelloBody{binary.BigEndian.Uint64(b), b[8] == 1, b[9] == 1}, nil
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// RoutesBody is a part of a neighbour's table.
type RoutesBody struct {
	Total, Offset uint32
	Prefixes      []uint32
}

// Encode for the wire.
func (r RoutesBody) Encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, r.Total)
	b = binary.BigEndian.AppendUint32(b, r.Offset)
	for _, prefix := range r.Prefixes {
		b = binary.BigEndian.AppendUint32(b, prefix)
	}
	return b
}

// DecodeRoutes reads a body.
func DecodeRoutes(b []byte) (RoutesBody, error) {
	if len(b) < 8 || len(b)%4 != 0 {
		return RoutesBody{}, errors.New("short routes")
	}
	r := RoutesBody{Total: binary.BigEndian.Uint32(b), Offset: binary.BigEndian.Uint32(b[4:])}
	for at := 8; at < len(b); at += 4 {
		r.Prefixes = append(r.Prefixes, binary.BigEndian.Uint32(b[at:]))
	}
	return r, nil
}

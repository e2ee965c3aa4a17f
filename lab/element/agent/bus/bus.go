// Package bus is how software in an element's tree reaches what lies outside it: kernel, line cards, management port. It
// is a Unix socket in /dev/hw, carrying one JSON object a line.
package bus

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
)

// Path of the socket in the tree.
const Path = "/dev/hw/bus"

// Roles that a connection can have.
const (
	RoleInit   = "init"
	RoleHello  = "hello"
	RolePunt   = "punt"
	RoleRoutes = "routes"
	RoleMgmt   = "mgmt"
	// RoleFetch asks for a connection on the management network; Text is where to.
	RoleFetch = "fetch"
)

// Msg is one line. Op says what it is; the other fields are used as Op needs them.
type Msg struct {
	Op   string `json:"op"`
	Name string `json:"name,omitempty"`
	When string `json:"when,omitempty"`
	// Text is free text for the console, or an error.
	Text string `json:"text,omitempty"`
	Err  string `json:"err,omitempty"`
	Ms   int    `json:"ms,omitempty"`
	Port int    `json:"port,omitempty"`
	// Packet as it was on the wire.
	Packet []byte `json:"packet,omitempty"`
	// Routes to program: prefix (upper 24 bits) → port.
	Routes   map[uint32]int  `json:"routes,omitempty"`
	Complete bool            `json:"complete,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
}

// Conn is one connection; Send may be called from anywhere, Recv from one place.
type Conn struct {
	Net *net.UnixConn
	mu  sync.Mutex
	in  *bufio.Scanner
}

// Wrap a connection that was accepted or dialled.
func Wrap(c *net.UnixConn) *Conn {
	in := bufio.NewScanner(c)
	in.Buffer(make([]byte, 4096), 1<<20)
	return &Conn{Net: c, in: in}
}

// Dial the bus in a role.
func Dial(path, role string) (*Conn, error) { return DialWith(path, role, "") }

// DialWith says more of what the role is for.
func DialWith(path, role, text string) (*Conn, error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	conn := Wrap(c)
	return conn, conn.Send(Msg{Op: "role", Name: role, Text: text})
}

// Send one message.
func (c *Conn) Send(m Msg) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err = c.Net.Write(append(line, '\n'))
	return err
}

// Recv waits for the next message.
func (c *Conn) Recv() (Msg, error) {
	if !c.in.Scan() {
		if err := c.in.Err(); err != nil {
			return Msg{}, err
		}
		return Msg{}, net.ErrClosed
	}
	var m Msg
	err := json.Unmarshal(c.in.Bytes(), &m)
	return m, err
}

// Kernel is the connection of whoever only asks and waits for the answer.
type Kernel struct {
	conn *Conn
	mu   sync.Mutex
}

// DialKernel as init.
func DialKernel(path string) (*Kernel, error) {
	conn, err := Dial(path, RoleInit)
	if err != nil {
		return nil, fmt.Errorf("kernel: %w", err)
	}
	return &Kernel{conn: conn}, nil
}

// Call asks and waits for the answer.
func (k *Kernel) Call(m Msg) (Msg, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.conn.Send(m); err != nil {
		return Msg{}, err
	}
	answer, err := k.conn.Recv()
	if err == nil && answer.Err != "" {
		err = errors.New(answer.Err)
	}
	return answer, err
}

// Close the connection.
func (k *Kernel) Close() { _ = k.conn.Net.Close() }

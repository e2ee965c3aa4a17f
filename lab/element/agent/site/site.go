// Package site is what lies outside an element's tree: its hardware with a simulated kernel, a neighbour, and the probe that
// measures. The packets are real datagrams on loopback; kernel, boot and line cards are simulated.
package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"element/daemons"
	"element/image"
	"element/platform"
)

// Config of a site.
type Config struct {
	// Dir of the site; Control is the path of its socket.
	Dir     string `json:"dir"`
	Control string `json:"control"`
	// Platform is namespaces or simulated.
	Platform string          `json:"platform"`
	Machines []MachineConfig `json:"machines"`
	HelloMs  int             `json:"helloMs"`
	HoldMs   int             `json:"holdMs"`
	// BootMs is how long a machine is dark when it reboots, ResetMs how long its line cards are when they are reset.
	BootMs  int `json:"bootMs"`
	ResetMs int `json:"resetMs"`
	// Routes that the neighbour has.
	Routes int `json:"routes"`
	// Apart: each machine has traffic of its own, rather than one taking over another's.
	Apart            bool     `json:"apart"`
	TransitPerSecond int      `json:"transitPerSecond"`
	PuntPerSecond    int      `json:"puntPerSecond"`
	PartitionBytes   int64    `json:"partitionBytes"`
	User             string   `json:"user"`
	AuthorizedKeys   []string `json:"authorizedKeys"`
	// StoreCA is whose certificate a remote store of images shows, PEM.
	StoreCA string `json:"storeCa"`
}

// Event outside of the trees.
type Event struct {
	At      time.Time `json:"at"`
	Machine string    `json:"machine"`
	What    string    `json:"what"`
	Detail  string    `json:"detail,omitempty"`
}

// Site with its machines.
type Site struct {
	config    Config
	machines  []*Machine
	neighbour *neighbour
	probe     *probe
	mu        sync.Mutex
	events    []Event
	began     map[*Machine]baseline
	beganAt   time.Time
}

// Run a site until its control socket is told to close, or lifeline ends.
func Run(path string, lifeline io.Reader) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	s := &Site{}
	if err := json.Unmarshal(text, &s.config); err != nil {
		return err
	}
	if s.config.Platform == platform.Namespaces {
		// What is mounted for the machines is nobody else's.
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("private mounts: %w", err)
		}
	}
	if err := s.begin(); err != nil {
		return err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.config.Control, Net: "unix"})
	if err != nil {
		return err
	}
	defer listener.Close()
	closing := make(chan struct{})
	var once sync.Once
	stop := func() { once.Do(func() { close(closing) }) }
	go s.control(listener, stop)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		stop()
	}()
	if lifeline != nil {
		go func() {
			_, _ = io.Copy(io.Discard, lifeline)
			stop()
		}()
	}
	fmt.Println(`{"ready":true}`)
	<-closing
	s.close()
	return nil
}

func (s *Site) begin() error {
	var err error
	if s.neighbour, err = newNeighbour(s, s.config.Routes); err != nil {
		return err
	}
	if s.probe, err = newProbe(s); err != nil {
		return err
	}
	for _, config := range s.config.Machines {
		m := &Machine{config: config, site: s, dir: filepath.Join(s.config.Dir, config.Name), watch: newWatch(), faults: map[string]bool{}}
		m.kernel = kernel{release: kernelRelease, abi: kernelABI, fallback: "a", reported: true}
		peers := [2]*net.UDPAddr{s.probe.conn.LocalAddr().(*net.UDPAddr), s.neighbour.conn.LocalAddr().(*net.UDPAddr)}
		if m.cards, err = newCards(m, peers, s.config.ResetMs); err != nil {
			return err
		}
		s.machines = append(s.machines, m)
		if err := s.equip(m); err != nil {
			return fmt.Errorf("%s: %w", config.Name, err)
		}
	}
	go s.neighbour.run()
	go s.probe.run()
	for _, m := range s.machines {
		if err := m.powerOn("power on"); err != nil {
			return fmt.Errorf("%s: %w", m.config.Name, err)
		}
	}
	return nil
}

// equip a machine with its partitions, its first root and its configuration.
func (s *Site) equip(m *Machine) error {
	if err := m.prepare(); err != nil {
		return err
	}
	if err := m.install("a", m.config.Image); err != nil {
		return err
	}
	text, err := json.Marshal(daemons.Config{
		Name: m.config.Name, HelloMs: s.config.HelloMs, HoldMs: s.config.HoldMs,
		AuthorizedKeys: s.config.AuthorizedKeys, User: s.config.User, StoreCA: s.config.StoreCA,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.dir, "config/element.json"), text, 0o644)
}

// install an image from outside, as on a second device that was put in.
func (m *Machine) install(partition, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return image.Install(file, m.partition(partition), "")
}

// plug in a second device with an image on it, under the image's own file name (INI-9).
func (m *Machine) plug(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(filepath.Join(m.dir, "disk", filepath.Base(path)))
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// unplug takes all of it away.
func (m *Machine) unplug() error {
	files, err := filepath.Glob(filepath.Join(m.dir, "disk", "*"))
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

func (s *Site) close() {
	for _, m := range s.machines {
		m.mu.Lock()
		m.off = true
		m.mu.Unlock()
		m.cut("the site is closed")
		m.cards.close()
		_ = m.bus.Close()
		for _, name := range []string{"a", "b"} {
			_ = unix.Unmount(m.partition(name), unix.MNT_DETACH)
		}
		_ = unix.Unmount(filepath.Join(m.dir, "disk"), unix.MNT_DETACH)
	}
}

func (s *Site) event(machine, what, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, Event{time.Now(), machine, what, detail})
	if len(s.events) > 5000 {
		s.events = s.events[2500:]
	}
}

func (s *Site) byPort(port int) *Machine {
	for _, m := range s.machines {
		if m.cards.address(1).Port == port {
			return m
		}
	}
	return nil
}

// gateway is whom a host that knows nothing of adjacencies sends its nth packet to.
func (s *Site) gateway(n int) *Machine {
	if s.config.Apart {
		return s.machines[n%len(s.machines)]
	}
	return s.machines[0]
}

func (s *Site) byName(name string) (*Machine, error) {
	for _, m := range s.machines {
		if m.config.Name == name || name == "" {
			return m, nil
		}
	}
	return nil, fmt.Errorf("no element %q here", name)
}

// Package daemons is what runs in an element's tree beside init: who greets the neighbour, who keeps the routing table, who
// answers packets that are for the element itself, and its management over SSH.
package daemons

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"element/bus"
	"element/platform"
)

// Config of an element, kept where both roots find it.
type Config struct {
	Name string `json:"name"`
	// HelloMs is the time between two hellos, HoldMs how long the neighbour does without; milliseconds.
	HelloMs int `json:"helloMs"`
	HoldMs  int `json:"holdMs"`
	// AuthorizedKeys may manage it, one line each.
	AuthorizedKeys []string `json:"authorizedKeys"`
	User           string   `json:"user"`
	// StoreCA is whom a remote store's certificate has to be of, PEM; left out, images are fetched from none.
	StoreCA string `json:"storeCa,omitempty"`
}

// ConfigPath in the tree.
const ConfigPath = "/config/element.json"

type daemon struct {
	name     string
	platform platform.Platform
	mu       sync.Mutex
	config   Config
	configAt time.Time
	// restarting is set if the tree was replaced beneath its neighbours.
	restarting bool
}

// All daemons by name.
var All = map[string]func() error{
	"hellod": run(hellod), "routed": run(routed), "puntd": run(puntd), "mgmtd": run(mgmtd),
	"stubbornd": run(stubbornd), "unkillabled": run(unkillabled),
}

func run(main func(*daemon) error) func() error {
	return func() error {
		d := &daemon{name: os.Args[0], platform: platform.Current(), restarting: os.Getenv("RESTARTING") == "1"}
		text, err := os.ReadFile(d.platform.Path(ConfigPath))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &d.config); err != nil {
			return err
		}
		return main(d)
	}
}

// current configuration: it may be replaced while the daemon runs. What can't be read leaves the one before.
func (d *daemon) current() Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	path := d.platform.Path(ConfigPath)
	if info, err := os.Stat(path); err == nil && !info.ModTime().Equal(d.configAt) {
		var config Config
		if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &config) == nil {
			d.config, d.configAt = config, info.ModTime()
		}
	}
	return d.config
}

// ready tells init.
func (d *daemon) ready() {
	pipe := os.NewFile(3, "ready")
	fmt.Fprintln(pipe, "ready")
	pipe.Close()
}

func (d *daemon) dial(role string) (*bus.Conn, error) {
	return bus.Dial(d.platform.Path(bus.Path), role)
}

// stubbornd stands for a process that does not listen to SIGTERM.
func stubbornd(d *daemon) error {
	signal.Ignore(syscall.SIGTERM)
	d.ready()
	for {
		time.Sleep(time.Hour)
	}
}

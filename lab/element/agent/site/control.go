package site

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"element/image"
)

// ask of the control socket: one JSON object a line, answered by one.
type ask struct {
	Op        string            `json:"op"`
	Element   string            `json:"element"`
	Name      string            `json:"name"`
	Params    map[string]string `json:"params"`
	Partition string            `json:"partition"`
	Image     string            `json:"image"`
}

// View of a machine from outside.
type View struct {
	Name     string `json:"name"`
	Platform string `json:"platform"`
	// Pid of the tree's process 1, as the site's own system counts.
	Pid        int               `json:"pid"`
	BootID     string            `json:"bootId"`
	Boots      int               `json:"boots"`
	Modules    map[string]string `json:"modules"`
	ResetCause string            `json:"resetCause"`
	// Partition and ExeSha256 are those of what process 1 really executes.
	Partition string `json:"partition"`
	ExeSha256 string `json:"exeSha256"`
	Version   string `json:"version"`
	Reported  bool   `json:"reported"`
	Adjacency bool   `json:"adjacency"`
	Routes    int    `json:"routes"`
	Resets    int    `json:"resets"`
	// SSHPort on loopback; 0 until the element asked for it.
	SSHPort int             `json:"sshPort"`
	Rebuilt bool            `json:"rebuilt"`
	Faults  map[string]bool `json:"faults"`
	Steps   []string        `json:"steps"`
}

func (s *Site) control(listener *net.UnixListener, stop func()) {
	for {
		c, err := listener.AcceptUnix()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := bufio.NewScanner(c)
			for in.Scan() {
				var a ask
				var result any
				err := json.Unmarshal(in.Bytes(), &a)
				if err == nil {
					result, err = s.do(a)
				}
				reply := map[string]any{"result": result}
				if err != nil {
					reply = map[string]any{"error": err.Error()}
				}
				text, err := json.Marshal(reply)
				if err != nil {
					return
				}
				if _, err := c.Write(append(text, '\n')); err != nil {
					return
				}
				if a.Op == "close" {
					stop()
				}
			}
		}()
	}
}

func (s *Site) do(a ask) (any, error) {
	switch a.Op {
	case "status":
		views := []View{}
		for _, m := range s.machines {
			if a.Element == "" || a.Element == m.config.Name {
				views = append(views, m.view())
			}
		}
		return views, nil
	case "begin":
		s.beginWindow()
		return nil, nil
	case "end":
		return s.endWindow()
	case "close":
		return nil, nil
	}
	m, err := s.byName(a.Element)
	if err != nil {
		return nil, err
	}
	switch a.Op {
	case "fault":
		return nil, m.fault(a.Name, a.Params)
	case "clear":
		return nil, m.clear(a.Name)
	case "power-cycle":
		m.reboot("power cycled")
		return nil, nil
	case "install":
		return nil, m.install(a.Partition, a.Image)
	case "plug":
		return nil, m.plug(a.Image)
	case "unplug":
		return nil, m.unplug()
	default:
		return nil, fmt.Errorf("the site can't %q", a.Op)
	}
}

func (m *Machine) view() View {
	m.mu.Lock()
	v := View{
		Name: m.config.Name, Platform: m.site.config.Platform, Pid: m.pid, Boots: m.boots,
		Faults: map[string]bool{}, Steps: append([]string{}, m.steps...), SSHPort: m.port,
	}
	for name, on := range m.faults {
		v.Faults[name] = on
	}
	m.mu.Unlock()
	m.kernel.mu.Lock()
	v.BootID, v.ResetCause, v.Reported = m.kernel.bootID, m.kernel.resetCause, m.kernel.reported
	v.Modules = map[string]string{}
	for name, abi := range m.kernel.modules {
		v.Modules[name] = abi
	}
	m.kernel.mu.Unlock()
	adjacency := m.site.neighbour.state(m)
	v.Adjacency = adjacency.up
	m.cards.mu.Lock()
	v.Routes, v.Resets = len(m.cards.table), m.cards.resets
	m.cards.mu.Unlock()
	_, _, v.Rebuilt, _ = m.watch.figures()
	if v.Pid != 0 {
		exe := fmt.Sprintf("/proc/%d/exe", v.Pid)
		v.ExeSha256 = m.exeSum(exe)
		if at, err := device(exe); err == nil {
			for _, name := range []string{"a", "b"} {
				if here, err := device(filepath.Join(m.partition(name), "sbin/init")); err == nil && here == at {
					v.Partition = name
					if release, err := image.ReadRelease(m.partition(name)); err == nil {
						v.Version = release.Version
					}
				}
			}
		}
	}
	return v
}

// exeSum remembers what it computed for as long as the file is the same one.
func (m *Machine) exeSum(exe string) string {
	var stat unix.Stat_t
	if unix.Stat(exe, &stat) != nil {
		return ""
	}
	key := fmt.Sprint(stat.Dev, stat.Ino, stat.Ctim)
	m.mu.Lock()
	known := m.sum
	m.mu.Unlock()
	if known[0] == key {
		return known[1]
	}
	sum, err := image.Sum(exe)
	if err != nil {
		return ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum = [2]string{key, sum}
	return sum
}

// guards that init itself knows how to leave out; see initd.
var switches = []string{
	"unmount-critical", "unload-modules", "load-modules", "reset-hardware", "start-early", "keep-ipc", "ignores-sigterm", "unkillable",
}

func (m *Machine) fault(name string, params map[string]string) error {
	for _, one := range switches {
		if name == one {
			m.mu.Lock()
			m.faults[name] = true
			m.mu.Unlock()
			return m.writeFaults()
		}
	}
	target := params["partition"]
	if target == "" {
		target = other(m.view().Partition)
	}
	switch name {
	case "power-lost":
		m.mu.Lock()
		defer m.mu.Unlock()
		m.cutAt, m.cutFor = params["at"], 0
		if period, err := time.ParseDuration(params["after"]); err == nil {
			m.cutFor = period
		}
		if m.cutAt == "" {
			go m.reboot("power lost")
		}
		return nil
	case "busy-mount":
		path := "/config/element.json"
		if params["mount"] == "/" {
			path = "/etc/release.json"
		}
		return m.hold(path)
	case "partition-full":
		return m.fill(target)
	case "partition-read-only":
		return m.remount(target, true)
	case "image-corrupt":
		return corrupt(filepath.Join(m.partition(target), "sbin/init"))
	case "mgmt-lost":
		return m.killService("mgmtd")
	default:
		return fmt.Errorf("no fault %q; there are %s, power-lost, busy-mount, partition-full, partition-read-only, image-corrupt, mgmt-lost",
			name, strings.Join(switches, ", "))
	}
}

// clear a fault, or all of them.
func (m *Machine) clear(name string) error {
	m.mu.Lock()
	for one := range m.faults {
		if name == "" || name == one {
			delete(m.faults, one)
		}
	}
	if name == "" || name == "power-lost" {
		m.cutAt = ""
	}
	m.mu.Unlock()
	if name == "" || name == "busy-mount" {
		m.letGo()
	}
	for _, partition := range []string{"a", "b"} {
		if name == "" || name == "partition-read-only" {
			if err := m.remount(partition, false); err != nil {
				return err
			}
		}
		if name == "" || name == "partition-full" {
			_ = os.Remove(filepath.Join(m.partition(partition), fillName))
		}
	}
	return m.writeFaults()
}

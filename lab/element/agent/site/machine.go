package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"element/bus"
	"element/platform"
)

// MachineConfig of one element.
type MachineConfig struct {
	Name string `json:"name"`
	// Image of the root file system that it starts with.
	Image string `json:"image"`
}

// bootLimit is how long a boot may take until init has reported in.
const bootLimit = 20 * time.Second

// Machine is an element's hardware: power, kernel, line cards, the port for its management.
type Machine struct {
	config MachineConfig
	site   *Site
	dir    string
	kernel kernel
	cards  *cards
	watch  *watch
	bus    *net.UnixListener
	// port of the management, on loopback.
	port int

	mu  sync.Mutex
	pid int
	// guarded is the pid whose critical file systems are looked at.
	guarded int
	ended   chan struct{}
	off     bool
	boots   int
	holds   []*os.File
	cutAt   string
	cutFor  time.Duration
	steps   []string
	// sum of the program that process 1 executes, behind what it was computed of.
	sum    [2]string
	faults map[string]bool
}

func (m *Machine) event(what, detail string) { m.site.event(m.config.Name, what, detail) }

// prepare what lasts from boot to boot: folders, partitions, the bus.
func (m *Machine) prepare() error {
	for _, name := range []string{"hw", "config", "part/a", "part/b", "disk", "root"} {
		if err := os.MkdirAll(filepath.Join(m.dir, name), 0o755); err != nil {
			return err
		}
	}
	if m.site.config.Platform == platform.Namespaces {
		for _, name := range []string{"a", "b"} {
			size := fmt.Sprintf("mode=755,size=%d", m.site.config.PartitionBytes)
			if err := unix.Mount("partition-"+name, m.partition(name), "tmpfs", 0, size); err != nil {
				return fmt.Errorf("partition %s: %w", name, err)
			}
		}
		if err := unix.Mount("second-device", filepath.Join(m.dir, "disk"), "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("second device: %w", err)
		}
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(m.dir, "hw/bus"), Net: "unix"})
	if err != nil {
		return err
	}
	m.bus = listener
	go m.accept()
	return m.writeFaults()
}

func (m *Machine) partition(name string) string { return filepath.Join(m.dir, "part", name) }

func (m *Machine) accept() {
	for {
		c, err := m.bus.AcceptUnix()
		if err != nil {
			return
		}
		go m.serve(bus.Wrap(c))
	}
}

func (m *Machine) serve(conn *bus.Conn) {
	defer conn.Net.Close()
	first, err := conn.Recv()
	if err != nil || first.Op != "role" {
		return
	}
	switch first.Name {
	case bus.RoleInit:
		for {
			ask, err := conn.Recv()
			if err != nil {
				return
			}
			if conn.Send(m.call(ask)) != nil {
				return
			}
		}
	case bus.RoleMgmt:
		if err := m.giveManagementPort(conn); err != nil {
			m.event("management port", err.Error())
		}
	case bus.RoleFetch:
		if err := m.dialOut(conn, first.Text); err != nil {
			_, _ = conn.Net.Write(append([]byte{1}, err.Error()...))
		}
	default:
		m.cards.attach(first.Name, conn)
	}
}

// dialOut connects on the management network, which is none of the tree's own, and hands the connection in.
func (m *Machine) dialOut(conn *bus.Conn, to string) error {
	c, err := net.DialTimeout("tcp", to, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	file, err := c.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	defer file.Close()
	_, _, err = conn.Net.WriteMsgUnix([]byte{0}, unix.UnixRights(int(file.Fd())), nil)
	return err
}

// giveManagementPort hands over a listening socket; the machine keeps no copy, so it closes with whoever took it.
func (m *Machine) giveManagementPort(conn *bus.Conn) error {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: m.port})
	if err != nil {
		return err
	}
	m.port = listener.Addr().(*net.TCPAddr).Port
	file, err := listener.File()
	_ = listener.Close()
	if err != nil {
		return err
	}
	defer file.Close()
	_, _, err = conn.Net.WriteMsgUnix([]byte{0}, unix.UnixRights(int(file.Fd())), nil)
	return err
}

// powerOn boots.
func (m *Machine) powerOn(cause string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off || m.pid != 0 {
		return nil
	}
	partition := m.kernel.begin(cause, m.partition)
	m.boots++
	boot, err := json.Marshal(Boot{m.dir, partition, m.site.config.Platform})
	if err != nil {
		return err
	}
	console, err := os.OpenFile(filepath.Join(m.dir, "console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer console.Close()
	cmd := exec.Command("/proc/self/exe", "firmware", string(boot))
	cmd.Args[0] = "element-" + m.config.Name
	cmd.Stdout, cmd.Stderr = console, console
	cmd.Env = []string{"HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if m.site.config.Platform == platform.Namespaces {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWNET
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	m.pid = cmd.Process.Pid
	ended := make(chan struct{})
	m.ended = ended
	m.event("boot", fmt.Sprintf("%s from partition %s", m.kernel.bootID, partition))
	pid := m.pid
	m.arm(bootLimit)
	go func() {
		err := cmd.Wait()
		m.mu.Lock()
		self := m.pid == pid
		m.mu.Unlock()
		close(ended)
		if self {
			why := "ended by itself"
			if err != nil {
				why = err.Error()
			}
			m.reboot("panic: init ended: " + why)
		}
	}()
	return nil
}

// cut the power: everything in the tree ends at once, and what was in memory only is gone.
func (m *Machine) cut(cause string) bool {
	m.mu.Lock()
	pid, ended := m.pid, m.ended
	m.pid = 0
	for _, file := range m.holds {
		_ = file.Close()
	}
	m.holds = nil
	m.mu.Unlock()
	if pid == 0 {
		return false
	}
	m.event("power cut", cause)
	if m.site.config.Platform == platform.Simulated {
		// Without a namespace that ends with its process 1, one by one, init first: it would start them again.
		left, _ := platform.Descendants(pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
		for _, process := range left {
			_ = syscall.Kill(process.Pid, syscall.SIGKILL)
		}
	} else {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-ended
	return true
}

// reboot is what every way of starting anew comes down to.
func (m *Machine) reboot(cause string) {
	m.restart(cause, time.Duration(m.site.config.BootMs)*time.Millisecond)
}

func (m *Machine) restart(cause string, dark time.Duration) {
	if !m.cut(cause) {
		return
	}
	m.cards.down(dark, "power: "+cause)
	time.AfterFunc(dark, func() {
		if err := m.powerOn(cause); err != nil {
			m.event("does not boot", err.Error())
		}
	})
}

// step is called by init before and after each step; a fault may wait there.
func (m *Machine) step(name, when string) {
	m.mu.Lock()
	m.steps = append(m.steps, when+":"+name)
	if len(m.steps) > 1000 {
		m.steps = m.steps[500:]
	}
	cut := m.cutAt == when+":"+name || (m.cutAt == "during:"+name && when == "before")
	delay := time.Duration(0)
	panics := m.site.config.Platform == platform.Simulated && when == "after" && name == "unmount-critical"
	if cut {
		if m.cutAt[0] == 'd' {
			delay = m.cutFor
		}
		m.cutAt = ""
	}
	m.mu.Unlock()
	if panics {
		m.reboot("panic: critical file systems unmounted")
	} else if when == "after" {
		m.checkMounts() // in namespaces it is seen in the table of mounts
	}
	if !cut {
		return
	}
	lose := func() { m.reboot("power lost " + when + " " + name) }
	if delay > 0 {
		time.AfterFunc(delay, lose)
		return
	}
	lose()
}

func (m *Machine) writeFaults() error {
	m.mu.Lock()
	text, err := json.Marshal(m.faults)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	path := filepath.Join(m.dir, "hw/faults.json")
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// hold a file of the tree open, so that the mount it is on is busy.
func (m *Machine) hold(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pid == 0 {
		return errors.New("the machine is off")
	}
	if m.site.config.Platform == platform.Simulated {
		name := "config"
		if path != "/config/element.json" {
			name = m.kernel.fallback
		}
		if err := os.MkdirAll(filepath.Join(m.dir, "busy"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(m.dir, "busy", name), nil, 0o600)
	}
	at := filepath.Join("/proc", strconv.Itoa(m.pid), "root", path)
	file, err := os.Open(at)
	if err != nil {
		return err
	}
	m.holds = append(m.holds, file)
	return nil
}

func (m *Machine) letGo() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, file := range m.holds {
		_ = file.Close()
	}
	m.holds = nil
	_ = os.RemoveAll(filepath.Join(m.dir, "busy"))
}

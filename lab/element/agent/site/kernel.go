package site

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"element/bus"
	"element/image"
	"element/platform"
)

// kernel is simulated: it has a boot id, modules and a memory of what it starts from. What it notices is real: that process 1
// ended, and that /proc, /sys or /dev are gone from the tree's table of mounts.
type kernel struct {
	mu         sync.Mutex
	bootID     string
	release    string
	abi        string
	modules    map[string]string
	resetCause string
	// partition that this boot began on; next is tried once, fallback is what reported in last.
	partition, next, fallback string
	reported                  bool
	watchdog                  *time.Timer
}

const (
	kernelRelease = "6.6.52-ne1"
	kernelABI     = "ne-6.6-1"
)

func newBootID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// begin a boot and say from which partition.
func (k *kernel) begin(cause string, partition func(string) string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.watchdog != nil {
		k.watchdog.Stop()
		k.watchdog = nil
	}
	k.bootID, k.modules, k.resetCause = newBootID(), map[string]string{}, cause
	switch {
	case k.next != "":
		k.partition, k.next = k.next, ""
	case !k.reported && k.partition == k.fallback && k.partition != "":
		// The one that reported in last does not come up any more; the other one may.
		k.partition = other(k.partition)
	default:
		k.partition = k.fallback
	}
	k.reported = false
	// A boot takes the kernel that the root file system comes with.
	if release, err := image.ReadRelease(partition(k.partition)); err == nil {
		k.abi = release.Kernel
	}
	return k.partition
}

func other(partition string) string {
	if partition == "a" {
		return "b"
	}
	return "a"
}

// call answers init.
func (m *Machine) call(ask bus.Msg) bus.Msg {
	k := &m.kernel
	answer := bus.Msg{Op: ask.Op}
	switch ask.Op {
	case "info":
		k.mu.Lock()
		answer.Data, _ = json.Marshal(map[string]any{
			"name": m.config.Name, "bootId": k.bootID, "release": k.release, "abi": k.abi, "modules": k.modules,
			"resetCause": k.resetCause, "partition": k.partition,
		})
		k.mu.Unlock()
	case "load", "unload":
		answer.Err = m.module(ask)
	case "reset":
		m.cards.reset("the start script")
	case "boot-next":
		k.mu.Lock()
		k.next = ask.Name
		k.mu.Unlock()
	case "boot-default":
		k.mu.Lock()
		first := !k.reported
		k.fallback, k.reported = ask.Name, true
		k.mu.Unlock()
		if first {
			m.guardMounts()
		}
		m.event("reported in", "partition "+ask.Name)
	case "watchdog":
		m.arm(time.Duration(ask.Ms) * time.Millisecond)
	case "reboot":
		go m.reboot("reboot: " + ask.Text)
	case "step":
		m.step(ask.Name, ask.When)
	default:
		answer.Err = fmt.Sprintf("the kernel can't %q", ask.Op)
	}
	return answer
}

// module loads or unloads: either resets what it drives (INI-8).
func (m *Machine) module(ask bus.Msg) string {
	k := &m.kernel
	k.mu.Lock()
	if ask.Op == "load" {
		if ask.Text != k.abi && !strings.HasPrefix(ask.Text, k.abi) {
			k.mu.Unlock()
			return fmt.Sprintf("module %s: invalid module format: built for %s, kernel is %s", ask.Name, ask.Text, k.abi)
		}
		k.modules[ask.Name] = ask.Text
	} else {
		delete(k.modules, ask.Name)
	}
	k.mu.Unlock()
	m.cards.reset("module " + ask.Name + ": " + ask.Op)
	return ""
}

// arm the hardware's own watchdog, or disarm it with 0.
func (m *Machine) arm(after time.Duration) {
	k := &m.kernel
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.watchdog != nil {
		k.watchdog.Stop()
		k.watchdog = nil
	}
	if after > 0 {
		k.watchdog = time.AfterFunc(after, func() { m.reboot("hardware watchdog") })
	}
}

// criticalKinds are looked for in the table of mounts by file system type, wherever they were moved to.
var criticalKinds = []string{" - proc ", " - sysfs ", " - tmpfs devices "}

// guardMounts from the first report of a boot on: until then the tree's table is that of whoever boots it.
func (m *Machine) guardMounts() {
	m.mu.Lock()
	pid := m.pid
	m.guarded = pid
	m.mu.Unlock()
	if m.site.config.Platform != platform.Namespaces {
		return
	}
	go func() {
		for m.checkMounts() {
			time.Sleep(500 * time.Millisecond)
		}
	}()
}

// checkMounts panics if a critical file system is gone, and returns false once the tree is. The table is opened anew each
// time: a table that is kept open keeps the root of its process busy.
func (m *Machine) checkMounts() bool {
	m.mu.Lock()
	pid := m.pid
	guarded := pid != 0 && m.guarded == pid
	m.mu.Unlock()
	if !guarded || m.site.config.Platform != platform.Namespaces {
		return false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil || len(text) == 0 {
		return false
	}
	for _, kind := range criticalKinds {
		if !strings.Contains(string(text), kind) {
			m.reboot("panic: critical file system unmounted:" + strings.TrimPrefix(kind, " -"))
			return false
		}
	}
	return true
}

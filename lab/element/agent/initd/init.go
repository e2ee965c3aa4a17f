// Package initd is process 1 of an element: it boots, it halts, and it puts another init on another root file system in its
// own place while the line cards go on forwarding (INI-2 to INI-6).
package initd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"element/bus"
	"element/image"
	"element/platform"
)

// How long things may take.
const (
	// grace between SIGTERM and SIGKILL, and how long a killed process may take to be gone.
	grace, killing = 1500 * time.Millisecond, 1500 * time.Millisecond
	// busyFor is how long a busy mount is tried again.
	busyFor = time.Second
	// reportWithin is how long a new init may take to report in, unless whoever started the ISSU said otherwise.
	reportWithin = 10 * time.Second
	// lastResort is how much later the hardware's own watchdog reboots.
	lastResort = 5 * time.Second
)

// Init is process 1.
type Init struct {
	platform platform.Platform
	kernel   *bus.Kernel
	services *services
	release  image.Release
	info     KernelInfo
	// switching keeps two switches of roots, or one and its watchdog, apart.
	switching sync.Mutex
	mu        sync.Mutex
	progress  *Progress
	reported  bool
	// pivoted is set while this init's own root lies at /oldroot.
	pivoted  bool
	listener interface{ Close() error }
}

// KernelInfo is what the kernel says of itself.
type KernelInfo struct {
	Name       string            `json:"name"`
	BootID     string            `json:"bootId"`
	Release    string            `json:"release"`
	ABI        string            `json:"abi"`
	Modules    map[string]string `json:"modules"`
	ResetCause string            `json:"resetCause"`
	// Partition that this boot began on.
	Partition string `json:"partition"`
}

// Main does not return.
func Main() {
	i := &Init{platform: platform.Current()}
	if err := i.run(); err != nil {
		i.say("%v", err)
		os.Exit(1)
	}
}

func (i *Init) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "init %s: %s\n", i.release.Version, fmt.Sprintf(format, args...))
}

func (i *Init) run() error {
	i.services = newServices(i.platform)
	children := make(chan os.Signal, 64)
	signal.Notify(children, syscall.SIGCHLD)
	go i.services.reap(children)
	release, err := image.ReadRelease(i.platform.Path("/"))
	if err != nil {
		return err
	}
	i.release = release
	i.progress = readProgress(i.platform.Path(indicationPath))
	defect := readDefect(i.platform.Path("/etc/defect"))
	if defect == "dead" {
		hang()
	}
	if i.progress != nil {
		// Before anything else, so that whatever else hangs, this does not.
		time.AfterFunc(time.Until(i.progress.Deadline), i.watchdog)
	}
	switch defect {
	case "crash":
		os.Exit(139)
	case "hang":
		hang()
	}
	if i.kernel, err = bus.DialKernel(i.platform.Path(bus.Path)); err != nil {
		return err
	}
	answer, err := i.kernel.Call(bus.Msg{Op: "info"})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer.Data, &i.info); err != nil {
		return err
	}
	if err := i.platform.Setup(i.info.Name); err != nil {
		return err
	}
	i.switching.Lock()
	err = i.start()
	if err != nil {
		i.say("start: %v", err)
		err = i.cameNotUp(err)
	}
	i.switching.Unlock()
	if err != nil {
		return err
	}
	select {}
}

// cameNotUp goes back to the other root by the same way where there is one, and reboots where not.
func (i *Init) cameNotUp(cause error) error {
	if i.progress != nil && !i.progress.Returning {
		return i.goBack(cause.Error())
	}
	return i.reboot("did not come up: " + cause.Error())
}

// watchdog returns to the old root when the new init has not reported in.
func (i *Init) watchdog() {
	i.mu.Lock()
	late := !i.reported
	i.mu.Unlock()
	if !late {
		return
	}
	i.say("watchdog: nothing reported in time")
	// What hangs may hold the lock for ever; nobody else acts once the time is up.
	if i.kernel == nil {
		i.kernel, _ = bus.DialKernel(i.platform.Path(bus.Path))
	}
	if err := i.cameNotUp(errors.New("the new init did not report in time")); err != nil {
		i.say("watchdog: %v", err)
	}
}

// readDefect says how a broken image is broken; the file is part of it.
func readDefect(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}

func hang() {
	for {
		time.Sleep(time.Hour)
	}
}

// step does one step of a procedure: the kernel's log, kept outside, has its beginning and end.
func (i *Init) step(name string, work func() error) error {
	_, _ = i.kernel.Call(bus.Msg{Op: "step", Name: name, When: "before"})
	began := time.Now()
	err := work()
	done := Step{Name: name, Init: i.release.Version, Ms: float64(time.Since(began).Microseconds()) / 1000}
	if err != nil {
		done.Err = err.Error()
	}
	if i.progress != nil {
		i.progress.Steps = append(i.progress.Steps, done)
	}
	_, _ = i.kernel.Call(bus.Msg{Op: "step", Name: name, When: "after", Err: ""})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// reboot the ordinary way: everything is unmounted and unloaded first (INI-6).
func (i *Init) reboot(reason string) error {
	i.say("reboot: %s", reason)
	_ = i.halt(false)
	_, err := i.kernel.Call(bus.Msg{Op: "reboot", Text: reason})
	if err != nil {
		return err
	}
	select {}
}

func untilFree(work func() error) error {
	until := time.Now().Add(busyFor)
	for {
		err := work()
		if err == nil || !errors.Is(err, syscall.EBUSY) || time.Now().After(until) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

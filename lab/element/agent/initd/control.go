package initd

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"element/bus"
	"element/image"
	"element/platform"
)

// ControlPath is where init takes commands, from inside the tree only.
const ControlPath = "/run/init.sock"

// passOn is how long an answer may take to reach the operator before what it announces begins.
const passOn = 300 * time.Millisecond

// Status of an element as init sees it.
type Status struct {
	Platform  string         `json:"platform"`
	Name      string         `json:"name"`
	Version   string         `json:"version"`
	Partition string         `json:"partition"`
	Pid       int            `json:"pid"`
	Exe       string         `json:"exe"`
	ExeSum    string         `json:"exeSha256"`
	Kernel    KernelInfo     `json:"kernel"`
	Services  map[string]int `json:"services"`
	// Partitions and what each holds; empty where that is no root file system.
	Partitions map[string]*image.Release `json:"partitions"`
	// Switch is the last switch of roots, or the one that goes on.
	Switch *Progress `json:"switch,omitempty"`
}

func (i *Init) listen() error {
	path := i.platform.Path(ControlPath)
	_ = os.Remove(path)
	// A path of its own length: 108 bytes are the limit, and a simulated root may be deep.
	if len(path) > 100 {
		path = filepath.Join("/proc/self/cwd", ControlPath)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	i.listener = listener
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go i.serve(bus.Wrap(c.(*net.UnixConn)))
		}
	}()
	return nil
}

func (i *Init) serve(c *bus.Conn) {
	defer c.Net.Close()
	for {
		m, err := c.Recv()
		if err != nil {
			return
		}
		answer, after := i.command(m)
		if err := c.Send(answer); err != nil {
			return
		}
		if after != nil {
			// Whoever asked closes when it has passed the answer on; its own end comes next.
			_ = c.Net.SetReadDeadline(time.Now().Add(passOn))
			_, _ = c.Recv()
			go after()
			return
		}
	}
}

// command answers, and may have something to do once the answer is out.
func (i *Init) command(m bus.Msg) (bus.Msg, func()) {
	failed := func(err error) (bus.Msg, func()) { return bus.Msg{Op: m.Op, Err: err.Error()}, nil }
	switch m.Op {
	case "status":
		data, err := json.Marshal(i.status())
		if err != nil {
			return failed(err)
		}
		return bus.Msg{Op: m.Op, Data: data}, nil
	case "check":
		release, err := i.ready(m.Name)
		if err != nil {
			return failed(err)
		}
		text := fmt.Sprintf("partition %s holds %s, whole", m.Name, release.Version)
		if err := i.fits(release); err != nil {
			text += "; " + err.Error()
		}
		return bus.Msg{Op: m.Op, Text: text}, nil
	case "issu", "reboot":
		if !i.switching.TryLock() {
			return failed(fmt.Errorf("a switch of roots is going on"))
		}
		defer i.switching.Unlock()
		progress, err := i.begin(m.Op, m.Name)
		if err != nil {
			return failed(err)
		}
		within := reportWithin
		if m.Ms > 0 {
			within = time.Duration(m.Ms) * time.Millisecond
		}
		data, _ := json.Marshal(progress)
		if m.Op == "reboot" {
			return bus.Msg{Op: m.Op, Data: data}, func() { i.rebootTo(progress) }
		}
		return bus.Msg{Op: m.Op, Data: data}, func() { i.issu(progress, within) }
	default:
		return failed(fmt.Errorf("init can't %q", m.Op))
	}
}

func (i *Init) status() Status {
	exe, _ := os.Readlink("/proc/self/exe")
	sum, _ := image.Sum("/proc/self/exe")
	partition, _ := i.partition()
	if answer, err := i.kernel.Call(bus.Msg{Op: "info"}); err == nil {
		_ = json.Unmarshal(answer.Data, &i.info)
	}
	status := Status{
		Platform: i.platform.Name(), Name: i.info.Name, Version: i.release.Version, Partition: partition,
		Pid: os.Getpid(), Exe: exe, ExeSum: sum, Kernel: i.info, Services: i.services.pidsByName(),
		Partitions: map[string]*image.Release{}, Switch: readProgress(i.platform.Path(reportPath)),
	}
	for _, name := range []string{"a", "b"} {
		if release, err := image.ReadRelease(i.platform.Path("/dev/part/" + name)); err == nil {
			status.Partitions[name] = &release
		} else {
			status.Partitions[name] = nil
		}
	}
	return status
}

// Ask init from another process of the tree. What the answer sets off begins once done was called.
func Ask(m bus.Msg) (answer bus.Msg, done func(), err error) {
	c, err := net.Dial("unix", platform.Current().Path(ControlPath))
	if err != nil {
		return bus.Msg{}, func() {}, err
	}
	done = func() { _ = c.Close() }
	conn := bus.Wrap(c.(*net.UnixConn))
	if err := conn.Send(m); err != nil {
		return bus.Msg{}, done, err
	}
	answer, err = conn.Recv()
	if err == nil && answer.Err != "" {
		err = errors.New(answer.Err)
	}
	return answer, done, err
}

package site

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"element/platform"
)

// Left is what a switch of roots should have taken away.
type Left struct {
	Processes []string `json:"processes"`
	Mounts    []string `json:"mounts"`
	IPC       []string `json:"ipc"`
}

// ipcObjects that an element's daemons have.
const ipcObjects = 3

// left looks at a tree from outside.
func (m *Machine) left() (Left, error) {
	m.mu.Lock()
	pid := m.pid
	m.mu.Unlock()
	found := Left{Processes: []string{}, Mounts: []string{}, IPC: []string{}}
	if pid == 0 {
		return found, nil
	}
	proc := "/proc/" + strconv.Itoa(pid)
	root, err := device(proc + "/exe")
	if err != nil {
		return found, err
	}
	processes, err := platform.Descendants(pid)
	if err != nil {
		return found, err
	}
	for _, process := range processes {
		if at, err := device(fmt.Sprintf("/proc/%d/exe", process.Pid)); err == nil && at != root {
			found.Processes = append(found.Processes, process.Name)
		}
	}
	if m.site.config.Platform == platform.Namespaces {
		if found.Mounts, err = strangeMounts(proc + "/mountinfo"); err != nil {
			return found, err
		}
	} else if target, err := os.Readlink(filepath.Join(proc, "cwd", "oldroot")); err == nil {
		found.Mounts = append(found.Mounts, "/oldroot → "+target)
	}
	found.IPC, err = m.ipcLeft(pid)
	return found, err
}

// device names the file system and the folder that a file is in: two partitions never agree.
func device(path string) (string, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino), nil
}

// usualMounts of a tree in service.
func usualMounts() []string {
	usual := []string{"/", "/dev", "/proc", "/sys", "/run", "/config", "/dev/hw", "/dev/config", "/dev/part/a", "/dev/part/b", "/dev/disk"}
	for _, name := range devices {
		usual = append(usual, "/dev/"+name)
	}
	return usual
}

func strangeMounts(mountinfo string) ([]string, error) {
	text, err := os.ReadFile(mountinfo)
	if err != nil {
		return nil, err
	}
	expected := usualMounts()
	strange := []string{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if at := slices.Index(expected, fields[4]); at >= 0 {
			expected = slices.Delete(expected, at, at+1)
		} else {
			strange = append(strange, fields[4])
		}
	}
	for _, missing := range expected {
		strange = append(strange, missing+" (missing)")
	}
	return strange, nil
}

// ipcLeft asks a helper that enters the tree's IPC namespace: this process has threads that must stay where they are.
func (m *Machine) ipcLeft(pid int) ([]string, error) {
	cmd := exec.Command("/proc/self/exe", "inspect", strconv.Itoa(pid))
	cmd.Env = []string{}
	if m.site.config.Platform == platform.Simulated {
		cmd.Env = platform.SimulatedEnv(m.dir, m.dir)
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	var objects []platform.IPCObject
	if err := json.Unmarshal(out, &objects); err != nil {
		return nil, err
	}
	left := []string{}
	for at, object := range objects {
		if len(objects) > ipcObjects && at < len(objects)-ipcObjects {
			left = append(left, fmt.Sprintf("%s %#x", object.Kind, object.Key))
		}
	}
	return left, nil
}

// Inspect prints the System V objects of a process's IPC namespace.
func Inspect(pid string) error {
	runtime.LockOSThread()
	first, last := 0, int(^uint32(0)>>1)
	if platform.Current().Name() == platform.Simulated {
		first = platform.IPCKey()
		last = first + platform.IPCKeys
	} else {
		fd, err := unix.Open("/proc/"+pid+"/ns/ipc", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.Setns(fd, unix.CLONE_NEWIPC); err != nil {
			return err
		}
	}
	objects, err := platform.ListIPC("/proc")
	if err != nil {
		return err
	}
	objects = slices.DeleteFunc(objects, func(one platform.IPCObject) bool { return one.Key < first || one.Key >= last })
	slices.SortFunc(objects, func(a, b platform.IPCObject) int { return a.Key - b.Key })
	return json.NewEncoder(os.Stdout).Encode(objects)
}

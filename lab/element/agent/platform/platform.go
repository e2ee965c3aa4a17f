// Package platform is what an element's own software asks of the system it runs on: mounts, the switch of roots, processes,
// System V IPC. There are two: Linux namespaces, in which all of it is real, and a simulation for machines that allow no
// namespaces, in which mounts are symbolic links and init is an ordinary process.
package platform

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Names of the two.
const (
	Namespaces = "namespaces"
	Simulated  = "simulated"
)

// Process of the tree.
type Process struct {
	Pid  int    `json:"pid"`
	Name string `json:"name"`
	// Exe is the path of the executable; empty for a zombie.
	Exe string `json:"exe"`
}

// Platform is one of the two.
type Platform interface {
	// Name says which one it is.
	Name() string
	// Path of something in the tree, as system calls want it.
	Path(path string) string
	// Mount a file system: kind is proc, sysfs, tmpfs or bind, the last of them with a source.
	Mount(kind, source, target string) error
	// Unmount plainly: syscall.EBUSY where something uses it.
	Unmount(target string) error
	// Mounted says whether something is mounted at target.
	Mounted(target string) bool
	// Pivot makes newRoot the root, and what was the root appears at putOld in it.
	Pivot(newRoot, putOld string) error
	// Move a mount.
	Move(from, to string) error
	// Exec replaces init, under the same process id.
	Exec(path string, env []string) error
	// Processes of the tree but init.
	Processes() ([]Process, error)
	// FreeIPC removes what is left of System V IPC and returns how many objects that were.
	FreeIPC() (int, error)
	// Setup is done once by init: its name, its own network.
	Setup(hostname string) error
}

// Current platform of this process, from its environment.
func Current() Platform {
	if root := os.Getenv(rootVariable); root != "" {
		return &simulated{root: root, state: os.Getenv(stateVariable)}
	}
	return namespaces{}
}

// IPCKey is the first of the keys that an element's daemons use.
func IPCKey() int {
	if state := os.Getenv(stateVariable); state != "" {
		// Not alone in its IPC namespace: a range of its own.
		hash := uint32(2166136261)
		for _, b := range []byte(state) {
			hash = (hash ^ uint32(b)) * 16777619
		}
		return int(0x4e000000 | hash&0x00ffff00)
	}
	return 0x4e450000
}

// IPCKeys is how many keys from IPCKey on belong to an element.
const IPCKeys = 64

// Setenv of children: what a daemon needs to find the platform.
func Setenv() []string {
	var env []string
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "ELEMENT_") {
			env = append(env, entry)
		}
	}
	return env
}

func readProcess(proc string, pid int, name string) Process {
	exe, _ := os.Readlink(proc + "/" + name + "/exe")
	line, _ := os.ReadFile(proc + "/" + name + "/cmdline")
	first, _, _ := strings.Cut(string(line), "\x00")
	return Process{Pid: pid, Name: first, Exe: exe}
}

// removeIPC is needed since System V objects outlive who made them.
func removeIPC(kind string, id int) error {
	var err unix.Errno
	switch kind {
	case "shm":
		_, e := unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		return e
	case "sem":
		_, _, err = unix.Syscall6(unix.SYS_SEMCTL, uintptr(id), 0, unix.IPC_RMID, 0, 0, 0)
	default:
		_, _, err = unix.Syscall(unix.SYS_MSGCTL, uintptr(id), unix.IPC_RMID, 0)
	}
	if err != 0 {
		return err
	}
	return nil
}

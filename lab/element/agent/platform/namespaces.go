package platform

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

type namespaces struct{}

func (namespaces) Name() string            { return Namespaces }
func (namespaces) Path(path string) string { return path }

func (namespaces) Mount(kind, source, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	var err error
	if kind == "bind" {
		err = unix.Mount(source, target, "", unix.MS_BIND, "")
	} else {
		err = unix.Mount(kind, target, kind, unix.MS_NOSUID|unix.MS_NODEV, "")
	}
	if err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}

func (namespaces) Unmount(target string) error {
	if err := unix.Unmount(target, 0); err != nil {
		return fmt.Errorf("umount %s: %w", target, err)
	}
	return nil
}

func (namespaces) Mounted(target string) bool {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		// Without /proc: a mount point lies on another device than the folder it is in, or is at least another mount.
		var here, above unix.Stat_t
		return unix.Lstat(target, &here) == nil && unix.Lstat(target+"/..", &above) == nil && here.Dev != above.Dev
	}
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == target {
			return true
		}
	}
	return false
}

func (namespaces) Pivot(newRoot, putOld string) error {
	if err := os.MkdirAll(newRoot+putOld, 0o755); err != nil {
		// A root that is mounted read-only has the folder already, or is none of ours.
		return err
	}
	if err := unix.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", strings.TrimPrefix(putOld, "/")); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	return unix.Chdir("/")
}

func (namespaces) Move(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("mount --move %s %s: %w", from, to, err)
	}
	return nil
}

func (namespaces) Exec(path string, env []string) error {
	// pivot_root moved this process's root already, since it was the old one; the source has init do it itself.
	if err := unix.Chroot("."); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	return unix.Exec(path, []string{"init"}, env)
}

func (namespaces) Processes() ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && pid > 1 {
			found = append(found, readProcess("/proc", pid, entry.Name()))
		}
	}
	return found, nil
}

func (namespaces) FreeIPC() (int, error) {
	return freeIPC("/proc", func(int) bool { return true })
}

func (namespaces) Setup(hostname string) error {
	if err := unix.Sethostname([]byte(hostname)); err != nil {
		return err
	}
	return loopbackUp()
}

// loopbackUp does what `ip link set lo up` does.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request); err != nil {
		return err
	}
	request.SetUint16(request.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

package platform

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// rootVariable names the folder that stands for the root file system, stateVariable the one that stands for the machine.
const (
	rootVariable  = "ELEMENT_ROOT"
	stateVariable = "ELEMENT_STATE"
)

// SimulatedEnv is the environment in which an element is simulated.
func SimulatedEnv(root, state string) []string {
	return []string{rootVariable + "=" + root, stateVariable + "=" + state}
}

type simulated struct{ root, state string }

func (*simulated) Name() string { return Simulated }

func (s *simulated) Path(path string) string { return filepath.Join(s.root, path) }

func (s *simulated) Mount(kind, source, target string) error {
	at := s.Path(target)
	from := s.Path(source)
	switch kind {
	case "proc":
		from = "/proc"
	case "sysfs":
		from = "/sys"
	case "tmpfs":
		from = filepath.Join(s.state, "tmpfs", strings.ReplaceAll(target, "/", "_"))
		if err := os.RemoveAll(from); err != nil {
			return err
		}
		if err := os.MkdirAll(from, 0o755); err != nil {
			return err
		}
	}
	if resolved, err := filepath.EvalSymlinks(from); err == nil {
		from = resolved
	}
	_ = os.Remove(at)
	return os.Symlink(from, at)
}

func (s *simulated) Unmount(target string) error {
	at := s.Path(target)
	holds, err := os.Readlink(at)
	if err != nil {
		return fmt.Errorf("umount %s: %w", target, unix.EINVAL)
	}
	if s.busy(holds) {
		return fmt.Errorf("umount %s: %w", target, unix.EBUSY)
	}
	if err := os.Remove(at); err != nil {
		return err
	}
	return os.Mkdir(at, 0o755)
}

// busy if a process of the tree runs from there, is there, or has a file of it open.
func (s *simulated) busy(dir string) bool {
	if dir == "/proc" || dir == "/sys" {
		return false
	}
	own, _ := s.Processes()
	for _, process := range append(own, Process{Pid: os.Getpid()}) {
		proc := fmt.Sprintf("/proc/%d/", process.Pid)
		links := []string{proc + "exe", proc + "cwd"}
		files, _ := os.ReadDir(proc + "fd")
		for _, file := range files {
			links = append(links, proc+"fd/"+file.Name())
		}
		for _, link := range links {
			if at, err := os.Readlink(link); err == nil && (at == dir || strings.HasPrefix(at, dir+"/")) {
				return true
			}
		}
	}
	_, err := os.Stat(filepath.Join(s.state, "busy", filepath.Base(dir)))
	return err == nil
}

func (s *simulated) Mounted(target string) bool {
	info, err := os.Lstat(s.Path(target))
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

func (s *simulated) Pivot(newRoot, putOld string) error {
	to, err := os.Readlink(s.Path(newRoot))
	if err != nil {
		return fmt.Errorf("pivot_root: %w", unix.EINVAL)
	}
	if err := os.Remove(s.Path(newRoot)); err != nil {
		return err
	}
	if err := os.Mkdir(s.Path(newRoot), 0o755); err != nil {
		return err
	}
	at := filepath.Join(to, putOld)
	if err := os.Remove(at); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Symlink(s.root, at); err != nil {
		return err
	}
	s.root = to
	_ = os.Setenv(rootVariable, to)
	return unix.Chdir(to)
}

func (s *simulated) Move(from, to string) error {
	holds, err := os.Readlink(s.Path(from))
	if err != nil {
		return fmt.Errorf("mount --move %s: %w", from, unix.EINVAL)
	}
	if err := os.Remove(s.Path(from)); err != nil {
		return err
	}
	if err := os.Mkdir(s.Path(from), 0o755); err != nil {
		return err
	}
	_ = os.Remove(s.Path(to))
	return os.Symlink(holds, s.Path(to))
}

func (s *simulated) Exec(path string, env []string) error {
	return unix.Exec(s.Path(path), []string{"init"}, append(env, SimulatedEnv(s.root, s.state)...))
}

func (s *simulated) Processes() ([]Process, error) {
	return Descendants(os.Getpid())
}

// Descendants of a process.
func Descendants(of int) ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat"); err == nil {
			after := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
			if fields := strings.Fields(after); len(fields) > 1 {
				parents[pid], _ = strconv.Atoi(fields[1])
			}
		}
	}
	var found []Process
	for pid := range parents {
		for above := parents[pid]; above > 1; above = parents[above] {
			if above == of {
				found = append(found, readProcess("/proc", pid, strconv.Itoa(pid)))
				break
			}
		}
	}
	return found, nil
}

func (s *simulated) FreeIPC() (int, error) {
	first := IPCKey()
	return freeIPC("/proc", func(key int) bool { return key >= first && key < first+IPCKeys })
}

func (s *simulated) Setup(string) error {
	// Orphans of the tree come to init, as they would to process 1.
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

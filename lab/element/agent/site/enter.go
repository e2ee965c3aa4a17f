package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"element/platform"
)

// inNamespaces is how a process is started that may mount: in a mount namespace of its own, and, unless it is root's, in a
// user namespace in which it is.
func inNamespaces(more uintptr) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | more, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// Enter runs a site, in namespaces where it wants them, and ends with it.
func Enter(config string, lifeline bool) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	if c.Platform != platform.Namespaces {
		return Inside(config, lifeline)
	}
	mode := "--detached"
	if lifeline {
		mode = "--lifeline"
	}
	cmd := exec.Command("/proc/self/exe", "site-inside", config, mode)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = inNamespaces(0)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		for range signals {
			_ = cmd.Process.Signal(syscall.SIGTERM)
		}
	}()
	return cmd.Wait()
}

// Inside is the site itself.
func Inside(config string, lifeline bool) error {
	var alive io.Reader
	if lifeline {
		alive = os.Stdin
	}
	return Run(config, alive)
}

// Probe prints which platform this machine allows, and why not the better one.
func Probe() error {
	dir, err := os.MkdirTemp("", "element-probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("/proc/self/exe", "try", dir)
	cmd.SysProcAttr = inNamespaces(syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWNET)
	out, err := cmd.CombinedOutput()
	answer := map[string]any{"platform": platform.Namespaces, "root": os.Geteuid() == 0}
	if err != nil {
		why := strings.TrimSpace(string(out))
		if why == "" {
			why = err.Error()
		}
		answer = map[string]any{"platform": platform.Simulated, "root": os.Geteuid() == 0, "reason": why}
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

// Try does what an element will do, in namespaces that end with this process.
func Try(dir string) error {
	if os.Getpid() != 1 {
		return errors.New("not process 1 of a namespace")
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("try", dir, "tmpfs", 0, "size=1m"); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	for _, name := range []string{"proc", "sys", "old"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	if err := bind("/dev/null", filepath.Join(dir, "null"), false); err != nil {
		return err
	}
	if err := unix.PivotRoot(dir, filepath.Join(dir, "old")); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	ns := platform.Current()
	for _, mount := range []struct{ kind, target string }{{"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := ns.Mount(mount.kind, "", mount.target); err != nil {
			return err
		}
	}
	return ns.Setup("probe")
}

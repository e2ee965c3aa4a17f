package site

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"element/platform"
)

// Boot is what the firmware is told.
type Boot struct {
	// Dir of the machine: hw, config, part/a, part/b.
	Dir       string `json:"dir"`
	Partition string `json:"partition"`
	Platform  string `json:"platform"`
}

// devices that every program may want.
var devices = []string{"null", "zero", "full", "random", "urandom"}

// Firmware makes a partition the root, with the machine's devices in /dev, and becomes its init. It does not return unless
// that fails.
func Firmware(text string) error {
	var boot Boot
	if err := json.Unmarshal([]byte(text), &boot); err != nil {
		return err
	}
	partition := filepath.Join(boot.Dir, "part", boot.Partition)
	if boot.Platform == platform.Simulated {
		return simulatedBoot(boot, partition)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	root := filepath.Join(boot.Dir, "root")
	if err := bind(partition, root, true); err != nil {
		return err
	}
	if err := mountDevices(boot.Dir, filepath.Join(root, "dev")); err != nil {
		return err
	}
	for _, dir := range []string{"oldroot", "newroot", "proc", "sys", "run", "config"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	if inUserNamespace() {
		// The kernel lets only those mount these who see them elsewhere, and after the next step nothing is seen any more: as on
		// machines whose boot loader has mounted them, init finds them there.
		for kind, dir := range map[string]string{"proc": "proc", "sysfs": "sys"} {
			if err := unix.Mount(kind, filepath.Join(root, dir), kind, unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
				return fmt.Errorf("/%s: %w", dir, err)
			}
		}
	}
	if err := unix.PivotRoot(root, filepath.Join(root, "oldroot")); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount("/oldroot", unix.MNT_DETACH); err != nil {
		return err
	}
	return fmt.Errorf("exec /sbin/init: %w", unix.Exec("/sbin/init", []string{"init"}, []string{"HOME=/", "GOMAXPROCS=2"}))
}

// inUserNamespace is where user 0 is not the machine's.
func inUserNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	fields := strings.Fields(string(text))
	return err == nil && (len(fields) != 3 || fields[2] != "4294967295")
}

func mountDevices(machine, dev string) error {
	if err := os.MkdirAll(dev, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("devices", dev, "tmpfs", unix.MS_NOSUID, "mode=755,size=1m"); err != nil {
		return fmt.Errorf("/dev: %w", err)
	}
	for _, name := range devices {
		if err := bind(filepath.Join("/dev", name), filepath.Join(dev, name), false); err != nil {
			return err
		}
	}
	for _, name := range []string{"hw", "config", "part/a", "part/b", "disk"} {
		if err := bind(filepath.Join(machine, name), filepath.Join(dev, name), true); err != nil {
			return err
		}
	}
	return nil
}

func bind(source, target string, dir bool) error {
	if dir {
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
	} else if err := os.WriteFile(target, nil, 0o644); err != nil {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", target, err)
	}
	return nil
}

// simulatedBoot has folders for partitions, and links for mounts.
func simulatedBoot(boot Boot, partition string) error {
	for _, dir := range []string{"proc", "sys", "run", "config", "oldroot", "newroot", "dev"} {
		at := filepath.Join(partition, dir)
		if err := os.RemoveAll(at); err != nil {
			return err
		}
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
	}
	dev := filepath.Join(boot.Dir, "dev")
	if err := os.RemoveAll(dev); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dev, "part"), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"hw", "config", "part/a", "part/b", "disk"} {
		if err := os.Symlink(filepath.Join(boot.Dir, name), filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(partition, "dev")); err != nil {
		return err
	}
	if err := os.Symlink(dev, filepath.Join(partition, "dev")); err != nil {
		return err
	}
	env := append(platform.SimulatedEnv(partition, boot.Dir), "HOME=/", "GOMAXPROCS=2")
	return fmt.Errorf("exec init: %w", unix.Exec(filepath.Join(partition, "sbin/init"), []string{"init"}, env))
}

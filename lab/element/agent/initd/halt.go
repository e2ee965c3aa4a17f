package initd

import (
	"fmt"
	"os"
	"strings"
	"time"

	"element/bus"
)

// critical file systems, in the order in which they are moved; /dev first, since the way to the kernel is in it.
var critical = []string{"/dev", "/proc", "/sys"}

// halt is the halt script (INI-3, INI-4, INI-6). With an ISSU in progress it ends with the new root in place; else with
// nothing mounted and nothing loaded.
func (i *Init) halt(issu bool) error {
	if i.listener != nil {
		_ = i.listener.Close()
	}
	mayKill(!i.fault(faultUnkillable))
	if err := i.step("stop-processes", func() error { return i.services.stop(grace, killing) }); err != nil && issu {
		return err
	}
	if !i.fault(faultKeepIPC) {
		if err := i.step("free-ipc", func() error { _, err := i.platform.FreeIPC(); return err }); err != nil && issu {
			return err
		}
	}
	if err := i.step("unmount", func() error { return i.unmountOrdinary() }); err != nil && issu {
		return err
	}
	// The guards: without an ISSU in progress, both are done.
	if !issu || i.fault(faultUnloadModules) {
		_ = i.step("unload-modules", i.unloadModules)
	}
	if !issu || i.fault(faultUnmountCritical) {
		_ = i.step("unmount-critical", i.unmountCritical)
	}
	return nil
}

func (i *Init) unmountOrdinary() error {
	for _, target := range []string{"/config", "/run"} {
		if !i.platform.Mounted(target) {
			continue
		}
		if err := untilFree(func() error { return i.platform.Unmount(target) }); err != nil {
			return err
		}
	}
	return nil
}

func (i *Init) unloadModules() error {
	for name := range i.info.Modules {
		if _, err := i.kernel.Call(bus.Msg{Op: "unload", Name: name}); err != nil {
			return err
		}
	}
	return nil
}

// unmountCritical takes the innermost mounts first; /proc is last, since the list of mounts is in it.
func (i *Init) unmountCritical() error {
	var failed error
	for _, top := range []string{"/dev", "/sys", "/proc"} {
		for _, target := range i.mountsBelow(top) {
			if err := i.platform.Unmount(target); err != nil {
				failed = err
			}
		}
	}
	return failed
}

// mountsBelow returns a mount and those in it, the last one first.
func (i *Init) mountsBelow(top string) []string {
	found := []string{}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil && i.platform.Path("/") == "/" {
		for _, line := range strings.Split(string(text), "\n") {
			fields := strings.Fields(line)
			if len(fields) > 4 && (fields[4] == top || strings.HasPrefix(fields[4], top+"/")) {
				found = append([]string{fields[4]}, found...)
			}
		}
		return found
	}
	return []string{top}
}

// switchRoot puts the new root, mounted at from, in the place of the root, and moves what is critical there (INI-4).
func (i *Init) switchRoot(from string) error {
	if err := i.step("pivot-root", func() error { return i.platform.Pivot(from, "/oldroot") }); err != nil {
		return err
	}
	i.pivoted = true
	for _, mount := range critical {
		target := mount
		if err := i.step("move-"+mount[1:], func() error { return i.platform.Move("/oldroot"+target, target) }); err != nil {
			return err
		}
	}
	return nil
}

// unswitchRoot undoes as much of switchRoot as was done; only for an init that is still the old one.
func (i *Init) unswitchRoot() error {
	if !i.pivoted {
		return nil
	}
	if err := i.step("pivot-back", func() error { return i.platform.Pivot("/oldroot", "/newroot") }); err != nil {
		return err
	}
	i.pivoted = false
	for _, mount := range critical {
		if i.platform.Mounted(mount) {
			continue
		}
		if err := i.platform.Move("/newroot"+mount, mount); err != nil {
			return fmt.Errorf("move back: %w", err)
		}
	}
	return i.platform.Unmount("/newroot")
}

func (i *Init) armed(deadline time.Time) {
	ms := int(time.Until(deadline.Add(lastResort)).Milliseconds())
	_, _ = i.kernel.Call(bus.Msg{Op: "watchdog", Ms: ms})
}

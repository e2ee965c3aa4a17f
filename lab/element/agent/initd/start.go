package initd

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"element/bus"
)

// start is the start script (INI-5, INI-6).
func (i *Init) start() error {
	issu := i.progress != nil
	early := issu && i.fault(faultStartEarly)
	// Only the other processes are started early, so the file systems they need come first.
	if early {
		if err := i.step("mount", i.mountOrdinary); err != nil {
			return err
		}
		if err := i.startServices(); err != nil {
			return err
		}
	}
	if issu {
		err := i.step("unmount-old-root", func() error {
			return untilFree(func() error { return i.platform.Unmount("/oldroot") })
		})
		if err != nil {
			if !early {
				return err
			}
			i.progress.Warnings = append(i.progress.Warnings, err.Error())
		}
	}
	if !issu {
		if err := i.step("mount-critical", i.mountCritical); err != nil {
			return err
		}
	}
	if !issu || i.fault(faultLoadModules) {
		if err := i.step("load-modules", i.loadModules); err != nil {
			return err
		}
	}
	if !issu || i.fault(faultResetHardware) {
		err := i.step("reset-hardware", func() error { _, err := i.kernel.Call(bus.Msg{Op: "reset"}); return err })
		if err != nil {
			return err
		}
	}
	if !early {
		if err := i.step("mount", i.mountOrdinary); err != nil {
			return err
		}
		if err := i.startServices(); err != nil {
			return err
		}
	}
	return i.step("report", i.report)
}

func (i *Init) startServices() error {
	if i.progress != nil {
		i.services.env = []string{"RESTARTING=1"}
	} else {
		i.services.env = nil
	}
	deadline := time.Now().Add(reportWithin)
	if i.progress != nil {
		deadline = i.progress.Deadline
	}
	names := order
	if i.fault(faultStubborn) {
		names = append([]string{"stubbornd"}, names...)
	}
	if i.fault(faultUnkillable) {
		names = append([]string{"unkillabled"}, names...)
	}
	return i.step("start-processes", func() error { return i.services.start(names, deadline) })
}

func (i *Init) mountCritical() error {
	for _, mount := range []struct{ kind, target string }{{"proc", "/proc"}, {"sysfs", "/sys"}} {
		if i.platform.Mounted(mount.target) {
			continue
		}
		if err := i.platform.Mount(mount.kind, "", mount.target); err != nil {
			return err
		}
	}
	return nil
}

func (i *Init) mountOrdinary() error {
	if err := i.platform.Mount("tmpfs", "", "/run"); err != nil {
		return err
	}
	return i.platform.Mount("bind", "/dev/config", "/config")
}

func (i *Init) loadModules() error {
	for name, abi := range i.release.Modules {
		if _, err := i.kernel.Call(bus.Msg{Op: "load", Name: name, Text: abi}); err != nil {
			return err
		}
	}
	return nil
}

// report in: with this the root is the one that the machine starts from.
func (i *Init) report() error {
	if err := i.listen(); err != nil {
		return err
	}
	partition, err := i.partition()
	if err != nil {
		return err
	}
	if _, err := i.kernel.Call(bus.Msg{Op: "boot-default", Name: partition}); err != nil {
		return err
	}
	if _, err := i.kernel.Call(bus.Msg{Op: "watchdog"}); err != nil {
		return err
	}
	i.mu.Lock()
	i.reported = true
	i.mu.Unlock()
	progress := i.progress
	if progress == nil {
		progress = readProgress(i.platform.Path(reportPath))
		if progress == nil || progress.State != running {
			return nil
		}
		i.ended(progress, partition)
	} else if progress.Returning {
		progress.State = returned
	} else {
		progress.State = completed
	}
	progress.EndedAt = time.Now()
	// The indication ends here: from now on a halt is an ordinary one.
	if err := os.Remove(i.platform.Path(indicationPath)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	i.progress = nil
	return progress.write(i.platform.Path(reportPath))
}

// ended says how a switch that a boot came into the way of ended; the steps that were not written down are lost with the
// memory they were in.
func (i *Init) ended(progress *Progress, partition string) {
	cause := i.info.ResetCause
	switch {
	case progress.Path == "reboot" && partition == progress.To.Partition:
		progress.State = completed
	case partition == progress.To.Partition:
		// The new init had reported in, and only its last word was lost.
		progress.State, progress.Reason = completed, "then the machine started anew: "+cause
	case progress.Path == "reboot":
		progress.State, progress.Reason = returned, "the machine started from the old root: "+cause
	default:
		progress.State, progress.Reason = interrupted, cause
	}
}

// partition that the root is on.
func (i *Init) partition() (string, error) {
	var root syscall.Stat_t
	if err := syscall.Stat(i.platform.Path("/"), &root); err != nil {
		return "", err
	}
	for _, name := range []string{"a", "b"} {
		var there syscall.Stat_t
		if syscall.Stat(i.platform.Path("/dev/part/"+name), &there) == nil && there.Dev == root.Dev && there.Ino == root.Ino {
			return name, nil
		}
	}
	return "", fmt.Errorf("the root is on no partition of this machine")
}

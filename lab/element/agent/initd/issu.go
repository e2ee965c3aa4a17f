package initd

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"element/bus"
	"element/image"
)

// leastRoom is what the new tree writes to its root, bytes.
const leastRoom = 64 << 10

// ready says whether a partition holds a root file system that this machine can change to, and which.
func (i *Init) ready(partition string) (image.Release, error) {
	if partition != "a" && partition != "b" {
		return image.Release{}, fmt.Errorf("no partition %q; there are a and b", partition)
	}
	current, err := i.partition()
	if err != nil {
		return image.Release{}, err
	}
	if partition == current {
		return image.Release{}, fmt.Errorf("partition %s is the root in service; the new root goes to the other one", partition)
	}
	if i.platform.Mounted("/oldroot") {
		return image.Release{}, errors.New("the old root is still mounted at /oldroot: a switch of roots did not end whole")
	}
	dir := i.platform.Path("/dev/part/" + partition)
	release, err := image.Verify(dir)
	if err != nil {
		return release, fmt.Errorf("partition %s: %w", partition, err)
	}
	if err := image.CheckInit(dir); err != nil {
		return release, fmt.Errorf("partition %s: %w", partition, err)
	}
	return release, nil
}

// fits says whether a release runs on the kernel and the modules that stay (INI-10).
func (i *Init) fits(release image.Release) error {
	if release.Kernel != i.info.ABI {
		return fmt.Errorf("release %s is built for kernel ABI %s, and %s runs: it takes a reboot", release.Version, release.Kernel, i.info.ABI)
	}
	for name, abi := range release.Modules {
		if loaded := i.info.Modules[name]; loaded != abi {
			return fmt.Errorf("release %s needs module %s with ABI %s, and %s is loaded: it takes a reboot", release.Version, name, abi, loaded)
		}
	}
	return nil
}

// begin checks what can be checked, and marks the beginning. Nothing was stopped yet when it fails.
func (i *Init) begin(path, partition string) (*Progress, error) {
	release, err := i.ready(partition)
	if err != nil {
		return nil, err
	}
	if path == "issu" {
		if err := i.fits(release); err != nil {
			return nil, err
		}
		probe := i.platform.Path("/dev/part/"+partition) + "/.writable"
		if err := os.WriteFile(probe, make([]byte, leastRoom), 0o600); err != nil {
			_ = os.Remove(probe)
			return nil, fmt.Errorf("partition %s can't be written: %w", partition, err)
		}
		_ = os.Remove(probe)
	}
	current, err := i.partition()
	if err != nil {
		return nil, err
	}
	id := make([]byte, 4)
	_, _ = rand.Read(id)
	progress := &Progress{
		ID: hex.EncodeToString(id), Path: path, State: running, StartedAt: time.Now(),
		From: Place{current, i.release.Version}, To: Place{partition, release.Version},
	}
	// Outlives a power loss, and then says that one came into the way.
	return progress, progress.write(i.platform.Path(reportPath))
}

// issu replaces init and the root file system. It returns only if that failed and the old root serves again.
func (i *Init) issu(progress *Progress, within time.Duration) {
	i.switching.Lock()
	defer i.switching.Unlock()
	progress.Deadline = time.Now().Add(within)
	i.progress = progress
	err := i.step("set-indication", func() error {
		i.armed(progress.Deadline)
		return progress.write(i.platform.Path(indicationPath))
	})
	if err == nil {
		err = i.halt(true)
	}
	if err == nil {
		err = i.step("mount-new-root", func() error {
			return i.platform.Mount("bind", "/dev/part/"+progress.To.Partition, "/newroot")
		})
	}
	if err == nil {
		if err = i.switchRoot("/newroot"); err == nil {
			err = i.execInit()
		}
		err = errors.Join(err, i.unswitchRoot())
	}
	i.resume(progress, err)
}

// execInit does not return unless it fails.
func (i *Init) execInit() error {
	_, _ = i.kernel.Call(bus.Msg{Op: "step", Name: "exec-init", When: "before"})
	i.progress.Steps = append(i.progress.Steps, Step{Name: "exec-init", Init: i.release.Version})
	if err := i.progress.write(i.platform.Path(indicationPath)); err != nil {
		return err
	}
	return fmt.Errorf("exec /sbin/init: %w", i.platform.Exec("/sbin/init", os.Environ()))
}

// resume serves again from the root that init never left, or did come back to.
func (i *Init) resume(progress *Progress, cause error) {
	i.say("issu: %v; going on from the old root", cause)
	progress.Returning = true
	progress.Reason = strings.ReplaceAll(cause.Error(), "\n", "; ")
	i.armed(time.Now().Add(reportWithin))
	progress.Deadline = time.Now().Add(reportWithin)
	if i.platform.Mounted("/newroot") {
		_ = i.platform.Unmount("/newroot")
	}
	err := func() error {
		if i.platform.Mounted("/config") {
			if !i.platform.Mounted("/run") {
				if err := i.platform.Mount("tmpfs", "", "/run"); err != nil {
					return err
				}
			}
		} else if err := i.mountOrdinary(); err != nil {
			return err
		}
		if err := i.startServices(); err != nil {
			return err
		}
		return i.step("report", i.report)
	}()
	if err != nil {
		_ = i.reboot("the old root did not come up again: " + err.Error())
	}
}

// goBack returns to the old root by the way that led here; called by the new init.
func (i *Init) goBack(reason string) error {
	progress := i.progress
	progress.Returning, progress.Reason = true, reason
	progress.Deadline = time.Now().Add(reportWithin)
	i.say("going back to %s: %s", progress.From.Version, reason)
	i.armed(progress.Deadline)
	err := i.halt(true)
	if err == nil {
		from := "/oldroot"
		if !i.platform.Mounted(from) {
			from = "/newroot"
			err = i.platform.Mount("bind", "/dev/part/"+progress.From.Partition, from)
		}
		if err == nil {
			err = i.switchRoot(from)
		}
	}
	if err == nil {
		err = i.execInit()
	}
	return i.reboot("can't go back in service: " + err.Error())
}

// rebootTo restarts the machine, the ordinary way, on another root.
func (i *Init) rebootTo(progress *Progress) {
	i.switching.Lock()
	defer i.switching.Unlock()
	if _, err := i.kernel.Call(bus.Msg{Op: "boot-next", Name: progress.To.Partition}); err != nil {
		i.say("boot-next: %v", err)
	}
	_ = i.reboot("upgrade by reboot")
}

package site

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"element/platform"
)

const fillName = "lost+found"

// fill a partition to the last byte.
func (m *Machine) fill(partition string) error {
	if m.site.config.Platform == platform.Simulated {
		return errors.New("partition-full needs a file system of its own; this element is simulated")
	}
	file, err := os.Create(filepath.Join(m.partition(partition), fillName))
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 64<<10)
	for {
		if _, err := file.Write(block); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				return nil
			}
			return err
		}
	}
}

func (m *Machine) remount(partition string, readOnly bool) error {
	if m.site.config.Platform == platform.Simulated {
		if readOnly {
			return errors.New("partition-read-only needs a file system of its own; this element is simulated")
		}
		return nil
	}
	flags := uintptr(unix.MS_REMOUNT)
	if readOnly {
		flags |= unix.MS_RDONLY
	}
	size := fmt.Sprintf("size=%d", m.site.config.PartitionBytes)
	return unix.Mount("", m.partition(partition), "", flags, size)
}

// corrupt flips a byte in the middle of a file.
func corrupt(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	if _, err := file.ReadAt(b, info.Size()/2); err != nil {
		return err
	}
	b[0] ^= 0xff
	_, err = file.WriteAt(b, info.Size()/2)
	return err
}

func (m *Machine) killService(name string) error {
	m.mu.Lock()
	pid := m.pid
	m.mu.Unlock()
	processes, err := platform.Descendants(pid)
	if err != nil {
		return err
	}
	for _, process := range processes {
		if process.Name == name {
			return syscall.Kill(process.Pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("no %s runs", name)
}

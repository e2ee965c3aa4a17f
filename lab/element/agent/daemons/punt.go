package daemons

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"element/bus"
	"element/platform"
	"element/wire"
)

// puntd answers what the line cards hand up, and counts it in shared memory, where mgmtd reads it.
func puntd(d *daemon) error {
	counter, err := openCounter(true)
	if err != nil {
		return err
	}
	conn, err := d.dial(bus.RolePunt)
	if err != nil {
		return err
	}
	d.ready()
	for {
		m, err := conn.Recv()
		if err != nil {
			return err
		}
		packet, err := wire.Decode(m.Packet)
		if err != nil || packet.Kind != wire.Punt {
			continue
		}
		atomic.AddUint64(counter, 1)
		packet.Kind = wire.PuntReply
		if err := conn.Send(bus.Msg{Op: "packet", Port: m.Port, Packet: packet.Encode()}); err != nil {
			return err
		}
	}
}

// openCounter attaches the counter; who makes it makes a semaphore and a message queue as well, for daemons to come. Where
// the objects of a daemon before were left behind, others are made beside them.
func openCounter(make bool) (*uint64, error) {
	first := platform.IPCKey()
	for key := first; key+2 < first+platform.IPCKeys; key += 3 {
		flags := 0o600
		if make {
			flags |= unix.IPC_CREAT | unix.IPC_EXCL
		}
		id, err := unix.SysvShmGet(key, 4096, flags)
		if make && errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("shmget: %w", err)
		}
		if make {
			if _, _, err := unix.Syscall(unix.SYS_SEMGET, uintptr(key+1), 1, uintptr(flags)); err != 0 {
				return nil, fmt.Errorf("semget: %w", err)
			}
			if _, _, err := unix.Syscall(unix.SYS_MSGGET, uintptr(key+2), uintptr(flags), 0); err != 0 {
				return nil, fmt.Errorf("msgget: %w", err)
			}
		}
		memory, err := unix.SysvShmAttach(id, 0, 0)
		if err != nil {
			return nil, fmt.Errorf("shmat: %w", err)
		}
		return (*uint64)(unsafe.Pointer(&memory[0])), nil
	}
	return nil, errors.New("no key is left for shared memory")
}

package initd

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nobody is who the process that can't be killed runs as.
const nobody = 65534

// mayKill gives the right to signal other users' processes up, or takes it back; for the fault `unkillable` only.
func mayKill(may bool) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return
	}
	if may {
		data[0].Effective |= data[0].Permitted & (1 << unix.CAP_KILL)
	} else {
		data[0].Effective &^= 1 << unix.CAP_KILL
	}
	// Of every thread: capabilities belong to threads.
	_, _, _ = syscall.AllThreadsSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
}

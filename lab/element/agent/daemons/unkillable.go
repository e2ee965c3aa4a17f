package daemons

import (
	"os/signal"
	"syscall"
	"time"
)

// unkillabled stands for a process that no signal ends. Init starts it under another user, and gives up the right to signal
// other users' processes: to init the two look the same.
func unkillabled(d *daemon) error {
	signal.Ignore(syscall.SIGTERM)
	d.ready()
	for {
		time.Sleep(time.Hour)
	}
}

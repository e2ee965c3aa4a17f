// Command element-agent is all of a simulated network element: the init and the daemons in its tree, and what lies outside.
//
//	element-agent probe                 which platform this machine allows, as JSON
//	element-agent site <config>         outside: machines, neighbour, probe; ends when standard input ends, if --lifeline
//	element-agent firmware <boot>       first process of a tree, becomes its init
//	element-agent inspect <pid>         helper of site
//
// Called as init, hellod, routed, puntd or mgmtd it is that.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"element/daemons"
	"element/initd"
	"element/site"
)

func main() {
	if err := run(filepath.Base(os.Args[0]), os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		os.Exit(1)
	}
}

func run(name string, args []string) error {
	// Many elements share a machine; memory is dearer than a little time.
	debug.SetGCPercent(25)
	if name == "init" {
		initd.Main()
		return nil
	}
	if daemon, ok := daemons.All[name]; ok {
		return daemon()
	}
	if len(args) == 0 {
		return errors.New("expected probe, site, firmware or inspect")
	}
	switch {
	case args[0] == "probe":
		return site.Probe()
	case args[0] == "try" && len(args) == 2:
		return site.Try(args[1])
	case args[0] == "site" && len(args) >= 2:
		return site.Enter(args[1], len(args) == 3 && args[2] == "--lifeline")
	case args[0] == "site-inside" && len(args) == 3:
		return site.Inside(args[1], args[2] == "--lifeline")
	case args[0] == "firmware" && len(args) == 2:
		return site.Firmware(args[1])
	case args[0] == "inspect" && len(args) == 2:
		return site.Inspect(args[1])
	}
	return fmt.Errorf("unknown command %q", args[0])
}

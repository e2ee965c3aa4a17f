package daemons

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"element/bus"
	"element/initd"
)

// usage of the element's command line.
const usage = `show version
show status [json]
show storage [json]
show configuration
show statistics
show neighbours [json]
show inventory json                                     (status, storage and neighbours, at one go)
request epoch <number>
with epoch <number> request …                            (refused if a later one was here)
request image install <a|b> size <bytes> sha256 <hex>   (the image on standard input)
request image install <a|b> from <file> sha256 <hex>     (a file on the second device)
request image install <a|b> from <https URL> sha256 <hex> (a remote store; its token on standard input)
request image check <a|b>
request configuration load sha256 <hex>                 (on standard input; replaces the one there is)
request issu <a|b> [within <seconds>]
request reboot <a|b>
request overload <on|off>
`

// Room of a partition, bytes.
type Room struct {
	Total uint64 `json:"total"`
	Free  uint64 `json:"free"`
}

func (s *session) run(words []string) (func(), error) {
	done := func() {}
	if len(words) > 4 && words[0] == "with" && words[1] == "epoch" && words[3] == "request" {
		if err := s.daemon.epoch(words[2]); err != nil {
			return done, err
		}
		words = words[3:]
	}
	line := strings.Join(words, " ")
	switch {
	case len(words) == 3 && words[0] == "request" && words[1] == "epoch":
		return done, s.daemon.epoch(words[2])
	case line == "show neighbours", line == "show neighbours json":
		return done, s.showNeighbours(len(words) == 3)
	case line == "help" || line == "?":
		_, err := io.WriteString(s.channel, usage)
		return done, err
	case line == "show version", line == "show status", line == "show status json":
		return done, s.showStatus(line)
	case line == "show inventory json":
		return done, s.showInventory()
	case line == "show storage", line == "show storage json":
		return done, s.showStorage(len(words) == 3)
	case line == "show configuration":
		text, err := os.ReadFile(s.daemon.platform.Path(ConfigPath))
		if err == nil {
			_, err = s.channel.Write(text)
		}
		return done, err
	case line == "show statistics":
		_, err := fmt.Fprintf(s.channel, "punted packets answered: %d\n", s.handled())
		return done, err
	case line == "request overload on":
		return done, os.WriteFile(s.daemon.platform.Path(OverloadPath), nil, 0o644)
	case line == "request overload off":
		err := os.Remove(s.daemon.platform.Path(OverloadPath))
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return done, err
	case len(words) == 8 && strings.HasPrefix(line, "request image install ") && (words[4] == "size" || words[4] == "from") && words[6] == "sha256":
		return done, s.install(words[3], words[4], words[5], words[7])
	case len(words) == 5 && strings.HasPrefix(line, "request configuration load sha256 "):
		return done, s.loadConfiguration(words[4])
	case len(words) == 4 && strings.HasPrefix(line, "request image check "):
		answer, closed, err := initd.Ask(bus.Msg{Op: "check", Name: words[3]})
		closed()
		if err == nil {
			_, err = fmt.Fprintln(s.channel, answer.Text)
		}
		return done, err
	case len(words) >= 3 && strings.HasPrefix(line, "request issu "), len(words) == 3 && strings.HasPrefix(line, "request reboot "):
		return s.change(words[1:])
	default:
		return done, fmt.Errorf("unknown command %q; there are:\n%s", line, usage)
	}
}

func status() (initd.Status, []byte, error) {
	var status initd.Status
	answer, closed, err := initd.Ask(bus.Msg{Op: "status"})
	closed()
	if err == nil {
		err = json.Unmarshal(answer.Data, &status)
	}
	return status, answer.Data, err
}

// whole is what init says, with what is the management's own beside it.
func (s *session) whole(data []byte) (map[string]any, error) {
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	all["epoch"] = s.daemon.epochNow()
	_, overloaded := os.Stat(s.daemon.platform.Path(OverloadPath))
	all["overload"] = overloaded == nil
	return all, nil
}

func (s *session) showInventory() error {
	_, data, err := status()
	if err != nil {
		return err
	}
	all, err := s.whole(data)
	if err != nil {
		return err
	}
	if all["storage"], err = s.rooms(); err != nil {
		return err
	}
	if all["neighbours"], err = s.neighbours(); err != nil {
		return err
	}
	return json.NewEncoder(s.channel).Encode(all)
}

func (s *session) showStatus(line string) error {
	status, data, err := status()
	if err != nil {
		return err
	}
	switch line {
	case "show status json":
		var all map[string]any
		if all, err = s.whole(data); err == nil {
			err = json.NewEncoder(s.channel).Encode(all)
		}
	case "show version":
		_, err = fmt.Fprintf(s.channel, "%s, release %s on partition %s, kernel %s (%s)\n",
			status.Name, status.Version, status.Partition, status.Kernel.Release, status.Kernel.ABI)
	default:
		fmt.Fprintf(s.channel, "%s: release %s on partition %s\n", status.Name, status.Version, status.Partition)
		fmt.Fprintf(s.channel, "kernel %s, ABI %s, boot %s\n", status.Kernel.Release, status.Kernel.ABI, status.Kernel.BootID)
		for name, pid := range status.Services {
			fmt.Fprintf(s.channel, "%-8s %d\n", name, pid)
		}
		if last := status.Switch; last != nil {
			_, err = fmt.Fprintf(s.channel, "last change: %s from %s to %s, %s %s\n",
				last.Path, last.From.Version, last.To.Version, last.State, last.Reason)
		}
	}
	return err
}

func (s *session) rooms() (map[string]Room, error) {
	rooms := map[string]Room{}
	for _, name := range []string{"a", "b"} {
		var stat unix.Statfs_t
		if err := unix.Statfs(s.daemon.platform.Path("/dev/part/"+name), &stat); err != nil {
			return nil, err
		}
		rooms[name] = Room{stat.Blocks * uint64(stat.Bsize), stat.Bavail * uint64(stat.Bsize)}
	}
	return rooms, nil
}

func (s *session) showStorage(asJSON bool) error {
	rooms, err := s.rooms()
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(s.channel).Encode(rooms)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := fmt.Fprintf(s.channel, "partition %s: %d of %d bytes free\n", name, rooms[name].Free, rooms[name].Total); err != nil {
			return err
		}
	}
	return nil
}

// change the root in service, by ISSU or by reboot.
func (s *session) change(words []string) (func(), error) {
	ask := bus.Msg{Op: words[0], Name: words[1]}
	if len(words) == 4 && words[2] == "within" {
		seconds, err := strconv.ParseFloat(words[3], 64)
		if err != nil || seconds <= 0 {
			return func() {}, fmt.Errorf("within: got %q, expected seconds", words[3])
		}
		ask.Ms = int(seconds * 1000)
	} else if len(words) != 2 {
		return func() {}, fmt.Errorf("got %q, expected request %s <a|b>", strings.Join(words, " "), words[0])
	}
	answer, done, err := initd.Ask(ask)
	if err != nil {
		return done, err
	}
	var progress initd.Progress
	if err := json.Unmarshal(answer.Data, &progress); err != nil {
		return done, err
	}
	_, err = fmt.Fprintf(s.channel, "%s %s started: from %s on %s to %s on %s\n", words[0], progress.ID,
		progress.From.Version, progress.From.Partition, progress.To.Version, progress.To.Partition)
	return done, err
}

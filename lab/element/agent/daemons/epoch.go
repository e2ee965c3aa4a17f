package daemons

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// epochPath keeps the highest number under which somebody changed something, over both roots.
const epochPath = "/config/epoch"

var epochs sync.Mutex

func (d *daemon) epochNow() uint64 {
	text, _ := os.ReadFile(d.platform.Path(epochPath))
	now, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 63)
	return now
}

// epoch lets nobody change anything any more who comes with an earlier one.
func (d *daemon) epoch(text string) error {
	given, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return fmt.Errorf("epoch: got %q, expected a whole number", text)
	}
	epochs.Lock()
	defer epochs.Unlock()
	now := d.epochNow()
	if given < now {
		return fmt.Errorf("stale epoch: got %d, and %d was here", given, now)
	}
	if given == now {
		return nil
	}
	path := d.platform.Path(epochPath)
	if err := os.WriteFile(path+".new", []byte(strconv.FormatUint(given, 10)), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (s *session) neighbours() ([]Neighbour, error) {
	neighbours := []Neighbour{}
	text, err := os.ReadFile(s.daemon.platform.Path(NeighboursPath))
	if err == nil {
		err = json.Unmarshal(text, &neighbours)
	} else if os.IsNotExist(err) {
		err = nil
	}
	return neighbours, err
}

func (s *session) showNeighbours(asJSON bool) error {
	neighbours, err := s.neighbours()
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(s.channel).Encode(neighbours)
	}
	for _, one := range neighbours {
		if _, err := fmt.Fprintf(s.channel, "port %d: hold time %d ms\n", one.Port, one.HoldMs); err != nil {
			return err
		}
	}
	return nil
}

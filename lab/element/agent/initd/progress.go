package initd

import (
	"encoding/json"
	"os"
	"time"
)

// indicationPath lies in /dev, which is memory: a power loss takes the indication away, and the ordinary boot follows
// (INI-2).
const indicationPath = "/dev/issu"

// reportPath outlives both roots.
const reportPath = "/config/issu.json"

// States of a switch of roots.
const (
	running     = "running"
	completed   = "completed"
	returned    = "returned"
	refused     = "refused"
	interrupted = "interrupted"
)

// Place is a partition with what is on it.
type Place struct {
	Partition string `json:"partition"`
	Version   string `json:"version"`
}

// Step as it was done.
type Step struct {
	Name string `json:"name"`
	// Init is the version of the init that did it.
	Init string  `json:"init"`
	Ms   float64 `json:"ms"`
	Err  string  `json:"error,omitempty"`
}

// Progress of a switch of roots: the indication while it goes on, the report afterwards.
type Progress struct {
	ID   string `json:"id"`
	From Place  `json:"from"`
	To   Place  `json:"to"`
	// Path is issu or reboot.
	Path      string    `json:"path"`
	State     string    `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	Warnings  []string  `json:"warnings,omitempty"`
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Deadline for the report of the init that is next.
	Deadline time.Time `json:"deadline,omitzero"`
	// Returning to From, since To did not come up.
	Returning bool   `json:"returning,omitempty"`
	Steps     []Step `json:"steps,omitempty"`
}

func readProgress(path string) *Progress {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var progress Progress
	if json.Unmarshal(text, &progress) != nil {
		return nil
	}
	return &progress
}

func (p *Progress) write(path string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	// By a rename, so that a power loss leaves the old one or the new one.
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

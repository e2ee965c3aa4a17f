package site

import (
	"errors"
	"time"
)

// Figures of a window, all measured outside the trees (INI-7, INI-11).
type Figures struct {
	Seconds  float64           `json:"seconds"`
	Transit  Flow              `json:"transit"`
	Punted   Flow              `json:"punted"`
	Elements map[string]Counts `json:"elements"`
	// ZPL: no packet was lost. ZTL: no transit packet was lost, and no neighbour saw the element go.
	ZPL    bool    `json:"zpl"`
	ZTL    bool    `json:"ztl"`
	Events []Event `json:"events"`
}

// Counts of one element in a window.
type Counts struct {
	AdjacencyDrops int    `json:"adjacencyDrops"`
	HardwareResets int    `json:"hardwareResets"`
	Boots          int    `json:"boots"`
	BootIDBefore   string `json:"bootIdBefore"`
	BootIDAfter    string `json:"bootIdAfter"`
	// AwayMs is the longest time without a control plane, RebuiltMs from its beginning until tables and adjacency were there.
	AwayMs    float64 `json:"awayMs"`
	RebuiltMs float64 `json:"rebuiltMs"`
	// Rebuilt by the end of the window.
	Rebuilt bool `json:"rebuilt"`
	Left    Left `json:"left"`
}

type baseline struct {
	drops, resets, boots int
	bootID               string
}

func (m *Machine) baseline() baseline {
	drops := m.site.neighbour.state(m).drops
	m.cards.mu.Lock()
	resets := m.cards.resets
	m.cards.mu.Unlock()
	m.mu.Lock()
	boots := m.boots
	m.mu.Unlock()
	m.kernel.mu.Lock()
	defer m.kernel.mu.Unlock()
	return baseline{drops, resets, boots, m.kernel.bootID}
}

func (s *Site) beginWindow() {
	s.mu.Lock()
	s.began, s.beganAt = map[*Machine]baseline{}, time.Now()
	s.mu.Unlock()
	for _, m := range s.machines {
		s.began[m] = m.baseline()
		m.watch.begin()
	}
	s.probe.begin()
}

func (s *Site) endWindow() (Figures, error) {
	if s.began == nil {
		return Figures{}, errors.New("no window was begun")
	}
	f := Figures{Seconds: time.Since(s.beganAt).Seconds(), Elements: map[string]Counts{}, Events: []Event{}}
	f.Transit, f.Punted = s.probe.end()
	drops := 0
	for _, m := range s.machines {
		before, after := s.began[m], m.baseline()
		away, rebuilt, whole, _ := m.watch.figures()
		left, err := m.left()
		if err != nil {
			return f, err
		}
		f.Elements[m.config.Name] = Counts{
			AdjacencyDrops: after.drops - before.drops, HardwareResets: after.resets - before.resets,
			Boots: after.boots - before.boots, BootIDBefore: before.bootID, BootIDAfter: after.bootID,
			AwayMs: ms(away), RebuiltMs: ms(rebuilt), Rebuilt: whole, Left: left,
		}
		drops += after.drops - before.drops
	}
	f.ZPL = f.Transit.Lost == 0 && f.Punted.Lost == 0
	f.ZTL = f.Transit.Lost == 0 && drops == 0
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, event := range s.events {
		if event.At.After(s.beganAt) {
			f.Events = append(f.Events, event)
		}
	}
	s.began = nil
	return f, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

package site

import (
	"sync"
	"time"

	"element/bus"
)

// watch measures how long a machine was without a control plane, and how long until everything was rebuilt (INI-11).
type watch struct {
	mu      sync.Mutex
	present map[string]bool
	// since when some part has been away; zero while none is.
	since                   time.Time
	back, greeted, routesIn bool
	// longest in the present window.
	away, rebuilt time.Duration
	absences      int
}

// parts without which there is no control plane.
var parts = []string{bus.RoleHello, bus.RoleRoutes, bus.RolePunt}

func newWatch() *watch { return &watch{present: map[string]bool{}, since: time.Now()} }

func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away, w.rebuilt, w.absences = 0, 0, 0
}

func (w *watch) detached(_ *Machine, role string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !isPart(role) {
		return
	}
	w.present[role] = false
	if w.since.IsZero() {
		w.since = time.Now()
		w.absences++
	}
	w.back, w.greeted, w.routesIn = false, false, false
}

func (w *watch) attached(_ *Machine, role string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.present[role] = true
	for _, part := range parts {
		if !w.present[part] {
			return
		}
	}
	if !w.since.IsZero() && !w.back {
		w.back = true
		w.away = max(w.away, time.Since(w.since))
	}
	w.settle()
}

// greetedBy is called when the neighbour heard a process that it did not know.
func (w *watch) greetedBy() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.greeted = true
	w.settle()
}

func (w *watch) programmed(_ *Machine) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routesIn = true
	w.settle()
}

func (w *watch) settle() {
	if w.since.IsZero() || !w.back || !w.greeted || !w.routesIn {
		return
	}
	w.rebuilt = max(w.rebuilt, time.Since(w.since))
	w.since = time.Time{}
}

// figures: what still goes on counts as long as it has gone on.
func (w *watch) figures() (away, rebuilt time.Duration, whole bool, absences int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	away, rebuilt, whole = w.away, w.rebuilt, w.since.IsZero()
	if !whole {
		rebuilt = max(rebuilt, time.Since(w.since))
		if !w.back {
			away = max(away, time.Since(w.since))
		}
	}
	return away, rebuilt, whole, w.absences
}

func isPart(role string) bool {
	for _, part := range parts {
		if part == role {
			return true
		}
	}
	return false
}

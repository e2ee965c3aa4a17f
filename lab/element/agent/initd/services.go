package initd

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"element/platform"
)

// order in which services are started; they are stopped in the reverse order, so that the neighbour hears hellos for as
// long as possible.
var order = []string{"hellod", "routed", "puntd", "mgmtd"}

// services of init: started, restarted when they end by themselves, stopped.
type services struct {
	platform platform.Platform
	env      []string
	mu       sync.Mutex
	pids     map[int]string
	stopping bool
	ended    *sync.Cond
}

func newServices(p platform.Platform) *services {
	s := &services{platform: p, pids: map[int]string{}}
	s.ended = sync.NewCond(&s.mu)
	return s
}

// reap takes in every child and orphan; the only place that waits for processes.
func (s *services) reap(signals <-chan os.Signal) {
	for range signals {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil || pid <= 0 {
				break
			}
			s.mu.Lock()
			name, ours := s.pids[pid]
			delete(s.pids, pid)
			again := ours && !s.stopping
			s.ended.Broadcast()
			s.mu.Unlock()
			if again {
				fmt.Fprintf(os.Stderr, "init: %s ended, starting it again\n", name)
				time.AfterFunc(200*time.Millisecond, func() { _, _ = s.spawn(name) })
			}
		}
	}
}

// spawn one service; what it writes to the pipe says that it is ready.
func (s *services) spawn(name string) (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, errors.New("going down")
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer write.Close()
	attributes := &os.ProcAttr{
		Dir:   s.platform.Path("/"),
		Env:   append(platform.Setenv(), s.env...),
		Files: []*os.File{os.Stdin, os.Stderr, os.Stderr, write},
	}
	if name == "unkillabled" {
		attributes.Sys = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	process, err := os.StartProcess(s.platform.Path("/sbin/init"), []string{name}, attributes)
	if err != nil {
		read.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.pids[process.Pid] = name
	// Waiting is the reaper's.
	_ = process.Release()
	return read, nil
}

// start all of them in order, each once the one before it is ready.
func (s *services) start(names []string, deadline time.Time) error {
	s.mu.Lock()
	s.stopping = false
	s.mu.Unlock()
	already := s.pidsByName()
	for _, name := range names {
		if _, ok := already[name]; ok {
			continue // it could not be ended, or nobody got as far as to try
		}
		pipe, err := s.spawn(name)
		if err != nil {
			return err
		}
		_ = pipe.SetReadDeadline(deadline)
		_, err = bufio.NewReader(pipe).ReadString('\n')
		pipe.Close()
		if err != nil {
			return fmt.Errorf("%s is not ready: %w", name, err)
		}
	}
	return nil
}

// stop ends every process but init: SIGTERM, then SIGKILL for what is there after grace (INI-3). What is none of the
// services goes first, so that one that is slow to end, or can't be ended, costs no absence.
func (s *services) stop(grace, killing time.Duration) error {
	s.mu.Lock()
	s.stopping = true
	running := map[string]int{}
	serving := map[int]bool{}
	for pid, name := range s.pids {
		if slices.Contains(order, name) {
			running[name], serving[pid] = pid, true
		}
	}
	s.mu.Unlock()
	others := func(process platform.Process) bool { return !serving[process.Pid] }
	if err := s.end(others, time.Now().Add(grace), killing); err != nil {
		return err
	}
	until := time.Now().Add(grace)
	for at := len(order) - 1; at >= 0; at-- {
		if pid, ok := running[order[at]]; ok {
			_ = syscall.Kill(pid, syscall.SIGTERM)
			s.waitGone(until, func() bool { _, there := s.pids[pid]; return !there })
		}
	}
	// With what they had started.
	return s.end(func(platform.Process) bool { return true }, until, killing)
}

// end those processes: asked until an instant, then killed.
func (s *services) end(which func(platform.Process) bool, until time.Time, killing time.Duration) error {
	s.signal(which, syscall.SIGTERM)
	if len(s.left(which, until)) == 0 {
		return nil
	}
	s.signal(which, syscall.SIGKILL)
	if left := s.left(which, time.Now().Add(killing)); len(left) > 0 {
		return fmt.Errorf("process %d (%s) can't be killed", left[0].Pid, left[0].Name)
	}
	return nil
}

func (s *services) those(which func(platform.Process) bool) []platform.Process {
	all, _ := s.platform.Processes()
	return slices.DeleteFunc(all, func(process platform.Process) bool { return !which(process) })
}

func (s *services) signal(which func(platform.Process) bool, signal syscall.Signal) {
	for _, process := range s.those(which) {
		_ = syscall.Kill(process.Pid, signal)
	}
}

func (s *services) waitGone(until time.Time, gone func() bool) {
	timer := time.AfterFunc(time.Until(until), s.ended.Broadcast)
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !gone() && time.Now().Before(until) {
		s.ended.Wait()
	}
}

// left of them at an instant, or as soon as none is.
func (s *services) left(which func(platform.Process) bool, until time.Time) []platform.Process {
	for {
		left := s.those(which)
		if len(left) == 0 || time.Now().After(until) {
			return left
		}
		// Processes that are nobody's children end without a signal to us.
		time.Sleep(2 * time.Millisecond)
	}
}

func (s *services) pidsByName() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]int{}
	for pid, name := range s.pids {
		found[name] = pid
	}
	return found
}

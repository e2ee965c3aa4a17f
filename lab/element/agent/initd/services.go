package initd

import (
	"bufio"
	"errors"
	"fmt"
	"os"
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
	for _, name := range names {
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

// stop ends every process but init: SIGTERM, then SIGKILL for what is there after grace (INI-3).
func (s *services) stop(grace, killing time.Duration) error {
	s.mu.Lock()
	s.stopping = true
	running := make(map[string]int, len(s.pids))
	for pid, name := range s.pids {
		running[name] = pid
	}
	s.mu.Unlock()
	until := time.Now().Add(grace)
	for at := len(order) - 1; at >= 0; at-- {
		if pid, ok := running[order[at]]; ok {
			_ = syscall.Kill(pid, syscall.SIGTERM)
			s.waitGone(until, func() bool { _, there := s.pids[pid]; return !there })
		}
	}
	// What is nobody's service, orphans among it.
	s.signalAll(syscall.SIGTERM)
	if s.allGone(until) {
		return nil
	}
	s.signalAll(syscall.SIGKILL)
	if s.allGone(time.Now().Add(killing)) {
		return nil
	}
	left, err := s.platform.Processes()
	if err != nil || len(left) == 0 {
		return err
	}
	return fmt.Errorf("process %d (%s) can't be killed", left[0].Pid, left[0].Name)
}

func (s *services) signalAll(signal syscall.Signal) {
	left, _ := s.platform.Processes()
	for _, process := range left {
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

func (s *services) allGone(until time.Time) bool {
	for {
		left, err := s.platform.Processes()
		if err == nil && len(left) == 0 {
			return true
		}
		if time.Now().After(until) {
			return false
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

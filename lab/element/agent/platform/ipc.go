package platform

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// IPCObject is one System V object as /proc/sysvipc shows it.
type IPCObject struct {
	Kind string `json:"kind"`
	Key  int    `json:"key"`
	ID   int    `json:"id"`
}

// ListIPC reads the objects of the caller's IPC namespace from a /proc.
func ListIPC(proc string) ([]IPCObject, error) {
	var found []IPCObject
	for _, kind := range []string{"shm", "sem", "msg"} {
		text, err := os.ReadFile(filepath.Join(proc, "sysvipc", kind))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, line := range strings.Split(string(text), "\n")[1:] {
			fields := strings.Fields(line)
			if len(fields) < 2 {
				continue
			}
			key, _ := strconv.Atoi(fields[0])
			id, _ := strconv.Atoi(fields[1])
			found = append(found, IPCObject{kind, key, id})
		}
	}
	return found, nil
}

func freeIPC(proc string, ours func(key int) bool) (int, error) {
	objects, err := ListIPC(proc)
	freed := 0
	for _, object := range objects {
		if !ours(object.Key) {
			continue
		}
		err = errors.Join(err, removeIPC(object.Kind, object.ID))
		freed++
	}
	return freed, err
}

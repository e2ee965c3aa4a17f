package daemons

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// largestConfiguration that is taken, bytes.
const largestConfiguration = 1 << 20

// loadConfiguration replaces the configuration, whole and checked or not at all. It counts at once.
func (s *session) loadConfiguration(sum string) error {
	text, err := io.ReadAll(io.LimitReader(s.channel, largestConfiguration))
	if err != nil {
		return err
	}
	hash := sha256.Sum256(text)
	if got := hex.EncodeToString(hash[:]); got != sum {
		return fmt.Errorf("checksum: got sha256 %s, expected %s", got, sum)
	}
	if err := checkConfiguration(text); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	path := s.daemon.platform.Path(ConfigPath)
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.channel, "configuration loaded")
	return err
}

func checkConfiguration(text []byte) error {
	var config Config
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return err
	}
	if config.HelloMs < 10 || config.HoldMs <= config.HelloMs {
		return fmt.Errorf("helloMs and holdMs: got %d and %d, expected at least 10, and more", config.HelloMs, config.HoldMs)
	}
	allowed, err := allowedKeys(config)
	if err != nil {
		return err
	}
	if config.User == "" || len(allowed) == 0 {
		return errors.New("nobody could log in any more: expected user and authorizedKeys")
	}
	return nil
}

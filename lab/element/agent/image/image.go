// Package image is the form in which a root file system comes: a gzipped tar archive with etc/release.json and
// etc/manifest.json in it.
package image

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Release says what a root file system holds and what it needs (INI-10).
type Release struct {
	Version string `json:"version"`
	// Kernel is the ABI that its programs and modules were built for.
	Kernel string `json:"kernelAbi"`
	// Modules and the ABI of each.
	Modules map[string]string `json:"modules"`
	// Sha256 of the image that it was installed from, as whoever installed it computed it; empty if nobody wrote that down.
	Sha256 string `json:"sha256,omitempty"`
	// InitSha256 is what its manifest says of its init.
	InitSha256 string `json:"initSha256,omitempty"`
}

// recordPath of what was installed, in the root file system itself: two of one version differ by it.
const recordPath = "etc/image.json"

type record struct {
	Sha256 string `json:"sha256"`
}

// Install unpacks an image into an empty folder, and removes everything again where that fails.
//
// sum is the SHA-256 of the archive in hexadecimal; empty means that nobody said.
func Install(r io.Reader, dir, sum string) (err error) {
	if err := clear(dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = clear(dir)
		}
	}()
	hash := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(r, hash), 1<<16)
	zipped, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("image is not a gzip archive: %w", err)
	}
	archive := tar.NewReader(zipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("image is damaged: %w", err)
		}
		if err := unpack(archive, header, dir); err != nil {
			return err
		}
	}
	// What follows the archive counts for the checksum.
	if _, err := io.Copy(io.Discard, zipped); err != nil {
		return fmt.Errorf("image is damaged: %w", err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	got := hex.EncodeToString(hash.Sum(nil))
	if sum != "" && got != sum {
		return fmt.Errorf("checksum: got sha256 %s, expected %s", got, sum)
	}
	if _, err := Verify(dir); err != nil {
		return err
	}
	text, err := json.Marshal(record{got})
	if err != nil {
		return err
	}
	// An image may not speak for itself here.
	path := filepath.Join(dir, recordPath)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func unpack(archive io.Reader, header *tar.Header, dir string) error {
	name := filepath.Clean(header.Name)
	if name == "." {
		return nil
	}
	if !filepath.IsLocal(name) {
		return fmt.Errorf("image holds %q, which is outside of it", header.Name)
	}
	path := filepath.Join(dir, name)
	switch header.Typeflag {
	case tar.TypeDir:
		return os.MkdirAll(path, 0o755)
	case tar.TypeReg:
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, os.FileMode(header.Mode)&0o777)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, archive)
		var writing *os.PathError
		if err != nil && !errors.As(err, &writing) {
			err = fmt.Errorf("image is damaged: %w", err)
		}
		return errors.Join(err, file.Close())
	default:
		return fmt.Errorf("image holds %q of a type that no root file system of ours has", header.Name)
	}
}

// Verify compares a root file system with its own manifest and returns what it says of itself.
func Verify(dir string) (Release, error) {
	var manifest map[string]string
	if err := readJSON(filepath.Join(dir, "etc/manifest.json"), &manifest); err != nil {
		return Release{}, fmt.Errorf("no root file system: %w", err)
	}
	for name, want := range manifest {
		if !filepath.IsLocal(name) {
			return Release{}, fmt.Errorf("manifest names %q, which is outside", name)
		}
		got, err := Sum(filepath.Join(dir, name))
		if err != nil {
			return Release{}, fmt.Errorf("%s is missing or can't be read: %w", name, err)
		}
		if got != want {
			return Release{}, fmt.Errorf("%s is corrupt: got sha256 %.12s…, expected %.12s…", name, got, want)
		}
	}
	return ReadRelease(dir)
}

// CheckInit says whether the root file system has an init that can be executed.
func CheckInit(dir string) error {
	path := filepath.Join(dir, "sbin/init")
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("no /sbin/init in the new root")
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("/sbin/init of the new root is not executable (mode %v)", info.Mode())
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	start := make([]byte, 4)
	if _, err := io.ReadFull(file, start); err != nil || string(start) != "\x7fELF" {
		return fmt.Errorf("/sbin/init of the new root is no program (not ELF)")
	}
	return nil
}

// ReadRelease of a root file system.
func ReadRelease(dir string) (Release, error) {
	var release Release
	if err := readJSON(filepath.Join(dir, "etc/release.json"), &release); err != nil {
		return release, err
	}
	var installed record
	var manifest map[string]string
	_ = readJSON(filepath.Join(dir, recordPath), &installed)
	_ = readJSON(filepath.Join(dir, "etc/manifest.json"), &manifest)
	release.Sha256, release.InitSha256 = installed.Sha256, manifest["sbin/init"]
	return release, nil
}

// Sum is the SHA-256 of a file, hexadecimal.
func Sum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", strings.TrimPrefix(path, "/"), err)
	}
	return nil
}

func clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

package daemons

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"element/bus"
	"element/image"
)

// secondDevice is where a device that was plugged in is found.
const secondDevice = "/dev/disk"

// largestImage that is taken from wherever it comes, bytes.
const largestImage = 1 << 30

// silence is how long a remote store may take until it begins to answer.
const silence = 10 * time.Second

// install an image on the partition that is not in service: from standard input, a second device or a remote store (INI-9).
func (s *session) install(partition, how, where, sum string) error {
	if len(sum) != 64 {
		return fmt.Errorf("sha256: got %q, expected 64 hexadecimal digits", sum)
	}
	status, _, err := status()
	if err != nil {
		return err
	}
	if partition != "a" && partition != "b" {
		return fmt.Errorf("no partition %q; there are a and b", partition)
	}
	if partition == status.Partition {
		return fmt.Errorf("partition %s is in service", partition)
	}
	if last := status.Switch; last != nil && last.State == "running" {
		return errors.New("a switch of roots is going on")
	}
	from, err := s.source(how, where)
	if err != nil {
		return err
	}
	defer from.Close()
	dir := s.daemon.platform.Path("/dev/part/" + partition)
	if err := image.Install(io.LimitReader(from, largestImage), dir, sum); err != nil {
		return err
	}
	release, err := image.ReadRelease(dir)
	if err == nil {
		_, err = fmt.Fprintf(s.channel, "installed %s on partition %s\n", release.Version, partition)
	}
	return err
}

func (s *session) source(how, where string) (io.ReadCloser, error) {
	switch {
	case how == "size":
		bytes, err := strconv.ParseInt(where, 10, 64)
		if err != nil || bytes <= 0 {
			return nil, fmt.Errorf("size: got %q, expected a number of bytes", where)
		}
		return io.NopCloser(io.LimitReader(s.channel, bytes)), nil
	case strings.HasPrefix(where, "https://"):
		return s.fetch(where)
	case strings.Contains(where, "://") || !filepath.IsLocal(where):
		return nil, fmt.Errorf("from: got %q, expected a file on the second device or an https URL", where)
	default:
		file, err := os.Open(s.daemon.platform.Path(secondDevice + "/" + where))
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("no %s on the second device", where)
		}
		return file, err
	}
}

// fetch from a remote store, over the management network. The token comes on standard input, so that no log of commands has it.
func (s *session) fetch(url string) (io.ReadCloser, error) {
	given, err := io.ReadAll(io.LimitReader(s.channel, 4096))
	if err != nil {
		return nil, err
	}
	config := s.daemon.current()
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM([]byte(config.StoreCA)) {
		return nil, errors.New("the configuration names no authority of remote stores (storeCa)")
	}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if token := strings.TrimSpace(string(given)); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{
		Transport: &http.Transport{
			DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
				return s.daemon.dialOut(address)
			},
			TLSClientConfig:       &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
			ResponseHeaderTimeout: silence,
			TLSHandshakeTimeout:   silence,
			DisableKeepAlives:     true,
		},
		// Nobody is shown the token but the store that was named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("remote store: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("remote store: %s answered %s", url, answer.Status)
	}
	return answer.Body, nil
}

// dialOut has the machine connect: the management network is none of the tree's own.
func (d *daemon) dialOut(address string) (net.Conn, error) {
	conn, err := bus.DialWith(d.platform.Path(bus.Path), bus.RoleFetch, address)
	if err != nil {
		return nil, err
	}
	defer conn.Net.Close()
	file, err := handedIn(conn)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return net.FileConn(file)
}

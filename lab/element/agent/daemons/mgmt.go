package daemons

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"element/bus"
)

// hostKeyPath outlives both roots: the element stays the same one to those who manage it.
const hostKeyPath = "/config/ssh_host_ed25519_key"

// mgmtd is the element's management over SSH. It ends with the tree it is in, and every session with it.
func mgmtd(d *daemon) error {
	server, err := d.sshConfig()
	if err != nil {
		return err
	}
	listener, err := d.managementPort()
	if err != nil {
		return err
	}
	counter, err := openCounter(false)
	if err != nil {
		return err
	}
	d.ready()
	for {
		c, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			conn, channels, requests, err := ssh.NewServerConn(c, server)
			if err != nil {
				return
			}
			defer conn.Close()
			go ssh.DiscardRequests(requests)
			for channel := range channels {
				go (&session{daemon: d, counter: counter}).serve(channel)
			}
		}()
	}
}

// managementPort is a port of the machine, outside the tree's own network: the machine hands the listening socket in, and
// it is closed when this process ends.
func (d *daemon) managementPort() (net.Listener, error) {
	conn, err := d.dial(bus.RoleMgmt)
	if err != nil {
		return nil, err
	}
	defer conn.Net.Close()
	file, err := handedIn(conn)
	if err != nil {
		return nil, fmt.Errorf("management port: %w", err)
	}
	defer file.Close()
	return net.FileListener(file)
}

// handedIn is the socket that the machine gives, or why it gives none.
func handedIn(conn *bus.Conn) (*os.File, error) {
	said, oob := make([]byte, 512), make([]byte, unix.CmsgSpace(4))
	n, rights, _, _, err := conn.Net.ReadMsgUnix(said, oob)
	if err != nil {
		return nil, err
	}
	if n > 1 {
		return nil, errors.New(string(said[1:n]))
	}
	messages, err := unix.ParseSocketControlMessage(oob[:rights])
	if err != nil || len(messages) != 1 {
		return nil, errors.New("the machine has none to give")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.New("the machine has none to give")
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "socket"), nil
}

func (d *daemon) sshConfig() (*ssh.ServerConfig, error) {
	if _, err := allowedKeys(d.config); err != nil {
		return nil, err
	}
	server := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-element",
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			config := d.current()
			allowed, err := allowedKeys(config)
			known := err == nil && slices.ContainsFunc(allowed, func(one []byte) bool { return bytes.Equal(one, key.Marshal()) })
			if !known || meta.User() != config.User {
				return nil, errors.New("not allowed")
			}
			return nil, nil
		},
	}
	signer, err := d.hostKey()
	if err != nil {
		return nil, err
	}
	server.AddHostKey(signer)
	return server, nil
}

func allowedKeys(config Config) ([][]byte, error) {
	var allowed [][]byte
	for _, line := range config.AuthorizedKeys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("authorizedKeys: %w", err)
		}
		allowed = append(allowed, key.Marshal())
	}
	return allowed, nil
}

// hostKey is made once in an element's life.
func (d *daemon) hostKey() (ssh.Signer, error) {
	path := d.platform.Path(hostKeyPath)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			return nil, err
		}
		text = pem.EncodeToMemory(block)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	return ssh.ParsePrivateKey(text)
}

type session struct {
	daemon  *daemon
	counter *uint64
	channel ssh.Channel
}

func (s *session) serve(incoming ssh.NewChannel) {
	if incoming.ChannelType() != "session" {
		_ = incoming.Reject(ssh.UnknownChannelType, "sessions only")
		return
	}
	channel, requests, err := incoming.Accept()
	if err != nil {
		return
	}
	s.channel = channel
	defer channel.Close()
	for request := range requests {
		switch request.Type {
		case "exec":
			var payload struct{ Command string }
			ok := ssh.Unmarshal(request.Payload, &payload) == nil
			_ = request.Reply(ok, nil)
			if ok {
				go ssh.DiscardRequests(requests)
				done := s.execute(strings.TrimSpace(payload.Command))
				channel.Close()
				done()
				return
			}
		default:
			_ = request.Reply(false, nil)
		}
	}
}

// execute one command and report how it ended; what it set off begins once done is called.
func (s *session) execute(line string) (done func()) {
	done, err := s.run(strings.Fields(line))
	status := uint32(0)
	if err != nil {
		fmt.Fprintf(s.channel.Stderr(), "error: %v\n", err)
		status = 1
	}
	_, _ = s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
	return done
}

func (s *session) handled() uint64 { return atomic.LoadUint64(s.counter) }

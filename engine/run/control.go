package run

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Verb is what a command asks for.
type Verb string

// The verbs of the control socket.
const (
	// Set changes options in the live run; see Command.Values.
	Set Verb = "set"
	// Save writes a checkpoint at the next optimizer step.
	Save Verb = "save"
	// Pause holds the run after the current optimizer step; Resume lets it go on.
	Pause  Verb = "pause"
	Resume Verb = "resume"
	// Stop ends the run after the current optimizer step without saving;
	// StopAndSave writes a checkpoint first.
	Stop        Verb = "stop"
	StopAndSave Verb = "stop_and_save"
	// Kill ends the process at once.
	Kill Verb = "kill"
	// Query only asks for the status.
	Query Verb = "status"
)

// Command is one line to the control socket.
type Command struct {
	Verb Verb `json:"command"`
	// Values of a set: per_device_train_batch_size, gradient_accumulation_steps,
	// learning_rate_scale.
	Values map[string]string `json:"values,omitempty"`
	// Force sets them although the forecast says that memory will not do.
	Force bool `json:"force,omitempty"`
}

// Reply is the one line that answers a command. It comes when the command has
// been taken, which is before it takes effect at the next optimizer step.
type Reply struct {
	OK      bool    `json:"ok"`
	Message string  `json:"message,omitempty"` // what will happen, or why not
	Status  *Status `json:"status,omitempty"`
	// MemoryForecast is the peak that a set leads to, in bytes; 0 when it changes none.
	MemoryForecast uint64 `json:"memory_forecast_bytes,omitempty"`
}

// maxSocketPath is the longest path that a Unix socket address holds on every
// system we know (Linux 107, macOS 103 bytes).
const maxSocketPath = 100

// Server answers commands at a run's control socket.
type Server struct {
	listener net.Listener
	path     string      // control.sock in the run folder
	short    string      // folder of the real socket where path is too long, or ""
	mine     os.FileInfo // of path as it was made
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	closed   bool
}

// Listen makes the run's control socket and answers each command with handle,
// which must return soon. A socket that a dead process left is replaced.
func (r *Run) Listen(handle func(Command) Reply) (*Server, error) {
	s := &Server{path: r.Path(SocketFile), conns: map[net.Conn]struct{}{}}
	if err := removeSocket(s.path); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	address := s.path
	if len(address) > maxSocketPath {
		// The address of a socket is short by the system's rule, so it lives
		// in the temporary folder and the run folder has a link to it.
		dir, err := shortFolder()
		if err != nil {
			return nil, fmt.Errorf("control socket: %w", err)
		}
		s.short, address = dir, filepath.Join(dir, SocketFile)
		if err := os.Symlink(address, s.path); err != nil {
			return nil, fmt.Errorf("control socket: %w", errors.Join(err, os.RemoveAll(dir)))
		}
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", errors.Join(err, s.remove()))
	}
	listener.SetUnlinkOnClose(false) // remove does it, where it is still ours
	s.listener = listener
	if s.mine, err = os.Lstat(s.path); err != nil {
		return nil, fmt.Errorf("control socket: %w", errors.Join(err, listener.Close(), s.remove()))
	}
	s.wg.Add(1)
	go s.accept(handle)
	return s, nil
}

// shortFolder makes a folder whose sockets have an address that is short enough:
// the temporary folder's own name may be too long, or it may not be there.
func shortFolder() (string, error) {
	var failed error
	for _, parent := range []string{os.TempDir(), "/tmp"} {
		dir, err := os.MkdirTemp(parent, "sftui-run-")
		if err == nil && len(filepath.Join(dir, SocketFile)) <= maxSocketPath {
			return dir, nil
		}
		if err == nil {
			err = errors.Join(fmt.Errorf("%s is too long a name for the address of a socket", parent), os.Remove(dir))
		}
		failed = errors.Join(failed, err)
	}
	return "", failed
}

// removeSocket removes a stale socket, and the temporary folder of a linked one.
func removeSocket(path string) error {
	if target, err := os.Readlink(path); err == nil && filepath.Base(target) == SocketFile {
		// Both may be gone already after a reboot.
		if err := errors.Join(ignoreMissing(os.Remove(target)), ignoreMissing(os.Remove(filepath.Dir(target)))); err != nil {
			return err
		}
	}
	return ignoreMissing(os.Remove(path))
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// remove removes the socket, unless another run has one of that name by now.
func (s *Server) remove() error {
	there, err := os.Lstat(s.path)
	if err == nil && (s.mine == nil || os.SameFile(s.mine, there)) {
		err = os.Remove(s.path)
	}
	err = ignoreMissing(err)
	if s.short != "" {
		err = errors.Join(err, os.RemoveAll(s.short))
	}
	return err
}

func (s *Server) accept(handle func(Command) Reply) {
	defer s.wg.Done()
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(retryEvery) // too many open files, say: the run must stay within reach when that is over
			continue
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		if s.closed {
			s.dismiss(conn) //nolint:errcheck // the other side may have gone
		}
		s.mu.Unlock()
		s.wg.Add(1)
		go s.serve(conn, handle)
	}
}

// parting is how long a closing server waits for a client to take the answer that is on its way.
const parting = time.Second

// dismiss lets a connection end with the answer that is on its way; the caller holds mu.
func (s *Server) dismiss(conn net.Conn) error {
	now := time.Now()
	return errors.Join(conn.SetReadDeadline(now), conn.SetWriteDeadline(now.Add(parting)))
}

// serve answers the commands of one connection until it is closed.
func (s *Server) serve(conn net.Conn, handle func(Command) Reply) {
	defer s.wg.Done()
	defer func() {
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
		conn.Close() //nolint:errcheck // the other side may have gone
	}()
	in := bufio.NewScanner(conn)
	out := json.NewEncoder(conn)
	for in.Scan() {
		var c Command
		reply := Reply{Message: "a command is one JSON object on a line, such as {\"command\": \"status\"}"}
		if json.Unmarshal(in.Bytes(), &c) == nil && c.Verb != "" {
			reply = handle(c)
		}
		if out.Encode(reply) != nil {
			return
		}
	}
}

// Close stops listening, closes the connections and removes the socket.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		err = errors.Join(err, s.dismiss(c))
	}
	s.mu.Unlock()
	s.wg.Wait()
	return errors.Join(err, s.remove())
}

// ErrNotLive tells that no process answers at the run's control socket.
var ErrNotLive = errors.New("the run is not live")

// Send asks the run's process for something and waits for its reply. When no
// process answers the error wraps ErrNotLive. A refused command is not an
// error: Reply.OK is false and Reply.Message says why.
func (r *Run) Send(ctx context.Context, c Command) (Reply, error) {
	path := r.Path(SocketFile)
	if target, err := os.Readlink(path); err == nil {
		path = target
	}
	if len(path) > maxSocketPath {
		return Reply{}, fmt.Errorf("%w: it has no control socket", ErrNotLive)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		if ctx.Err() != nil {
			return Reply{}, ctx.Err()
		}
		return Reply{}, fmt.Errorf("%w: nothing answers at %s", ErrNotLive, r.Path(SocketFile))
	}
	defer conn.Close() //nolint:errcheck // one exchange, then done
	stop := context.AfterFunc(ctx, func() {
		conn.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // wakes the reader below
	})
	defer stop()
	if err := json.NewEncoder(conn).Encode(c); err != nil {
		if ctx.Err() != nil {
			return Reply{}, fmt.Errorf("the run did not listen: %w", ctx.Err())
		}
		return Reply{}, fmt.Errorf("%w: %w", ErrNotLive, err)
	}
	var reply Reply
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		if ctx.Err() != nil {
			return Reply{}, fmt.Errorf("the run did not answer: %w", ctx.Err())
		}
		return Reply{}, fmt.Errorf("%w: it closed the line: %w", ErrNotLive, err)
	}
	return reply, nil
}

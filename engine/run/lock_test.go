//go:build unix

package run

import (
	"encoding/json"
	"net"
	"os"
	"testing"
	"time"
)

func TestLockHoldsOne(t *testing.T) {
	r := newRun(t)
	first, taken, err := r.Lock()
	if err != nil || taken || first == nil {
		t.Fatalf("lock %v, taken %v (%v)", first, taken, err)
	}
	if again, taken, err := r.Lock(); err != nil || !taken || again != nil {
		t.Errorf("a second lock %v, taken %v (%v)", again, taken, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, taken, err := r.Lock()
	if err != nil || taken {
		t.Fatalf("after it was given free: taken %v (%v)", taken, err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// A client that asks and asks and never reads must not keep the process from ending.
func TestCloseDoesNotWaitForADeafClient(t *testing.T) {
	r := newRun(t)
	s, err := r.Listen(func(Command) Reply { return Reply{OK: true, Status: &Status{Message: "a reply"}} })
	if err != nil {
		t.Fatal(err)
	}
	address := r.Path(SocketFile)
	if target, err := os.Readlink(address); err == nil { // where the temporary folder has a long name
		address = target
	}
	conn, err := net.Dial("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // one test
	if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	out := json.NewEncoder(conn)
	for out.Encode(Command{Verb: Query}) == nil { // until both directions are full
	}
	done := make(chan error, 1)
	go func() { done <- s.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the server waits for it")
	}
}

package setup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

// Time-outs: an unreachable source must cost seconds, not minutes, since there is another one to try.
const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 15 * time.Second
	stallTimeout   = 60 * time.Second
)

// fetcher talks HTTP with time-outs that suit downloads of any length.
type fetcher struct{ client *http.Client }

func newFetcher() fetcher {
	return fetcher{&http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:   answerTimeout,
		ResponseHeaderTimeout: answerTimeout,
	}}}
}

// get opens a URL, which must answer 200. The caller closes the body.
func (f fetcher) get(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%s answered %s", req.URL.Host, resp.Status)
	}
	return resp, nil
}

// download gets a URL into a file and checks its SHA-256 (hex). A file that does not match is removed.
func (f fetcher) download(ctx context.Context, url, wantSHA256, path, step string, report Reporter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := f.get(ctx, url)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end or given up
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	stall := time.AfterFunc(stallTimeout, func() { cancel(fmt.Errorf("no data for %s", stallTimeout)) })
	defer stall.Stop()
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, hash), &watched{resp.Body, func(done int64) {
		stall.Reset(stallTimeout)
		report.at(step, done, max(resp.ContentLength, 0))
	}, 0})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = sameSum(hex.EncodeToString(hash.Sum(nil)), wantSHA256)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func sameSum(got, want string) error {
	if got != want {
		return fmt.Errorf("SHA-256 is %s but must be %s, so it is not used", got, want)
	}
	return nil
}

// watched tells how much has been read.
type watched struct {
	io.Reader
	tell func(done int64)
	done int64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.done += int64(n)
	w.tell(w.done)
	return n, err
}

// fileSHA256 returns the hex SHA-256 of a file.
func fileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// unreachable says in a few words what was wrong with a connection: which host, and whether it is unknown, silent or refusing.
// Other errors stay as they are.
func unreachable(err error) error {
	var request *url.Error
	if !errors.As(err, &request) || errors.Is(err, context.Canceled) {
		return err
	}
	host := request.URL
	if u, parseErr := url.Parse(request.URL); parseErr == nil {
		host = u.Host
	}
	var lookup *net.DNSError
	var errno syscall.Errno
	switch {
	case request.Timeout():
		return fmt.Errorf("%s did not answer in time", host)
	case errors.As(err, &lookup):
		return fmt.Errorf("%s cannot be found: no network, or it is blocked", host)
	case errors.As(err, &errno):
		return fmt.Errorf("%s cannot be reached: %w", host, errno)
	}
	return err
}

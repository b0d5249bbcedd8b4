package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gomlx/go-huggingface/hub"
)

// hubRef is a data set on the hub.
type hubRef struct {
	id, config, revision string
}

func (r hubRef) String() string {
	s := r.id
	if r.config != "" {
		s += ":" + r.config
	}
	if r.revision != "main" {
		s += "@" + r.revision
	}
	return s
}

var hubID = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?$`)

// parseHubID reads [owner/]name[:config][@revision]; ok is false when spec
// cannot be one. Options fill in what spec leaves out. Names without an owner
// are the hub's oldest (imdb, squad), which it knows by their owners too.
func parseHubID(spec string, o OpenOptions) (ref hubRef, ok bool) {
	rest, revision, _ := strings.Cut(spec, "@")
	id, config, _ := strings.Cut(rest, ":")
	ref = hubRef{id: id, config: config, revision: revision}
	if ref.config == "" {
		ref.config = o.Config
	}
	if ref.revision == "" {
		ref.revision = o.Revision
	}
	if ref.revision == "" {
		ref.revision = "main"
	}
	ok = hubID.MatchString(id) && opener(id) == nil // with a data extension it is a mistyped path
	return ref, ok
}

// openHub opens a data set of the hub. Its files are kept in the cache that
// Python's hub client uses, and are taken from there without asking when that
// is wanted (Offline, HF_HUB_OFFLINE) or when the hub cannot be reached.
func openHub(ctx context.Context, ref hubRef, o OpenOptions) (Source, error) {
	cache := hubCacheDir(o)
	offline := o.Offline || truthy(os.Getenv("HF_HUB_OFFLINE")) || truthy(os.Getenv("HF_DATASETS_OFFLINE"))
	var (
		paths []string
		err   error
	)
	if !offline {
		paths, err = downloadSplit(ctx, ref, cache, o)
		var gone *unreachableError
		if err != nil && !errors.As(err, &gone) {
			return nil, err
		}
	}
	if offline || err != nil {
		cached, cacheErr := cachedSplit(ref, cache, o)
		switch {
		case cacheErr == nil:
			paths = cached
		case offline:
			return nil, fmt.Errorf("%w, and the hub is not asked in offline mode; unset HF_HUB_OFFLINE once to download it", cacheErr)
		default:
			return nil, fmt.Errorf("%w; it is not in the cache either: check the network, or give a local file", err)
		}
	}
	name := o.Name
	if name == "" {
		name = ref.String()
	}
	shown := make([]string, len(paths))
	for i, p := range paths {
		shown[i] = ref.id + "/" + relativeToSnapshot(p)
	}
	return openFiles(ctx, name, paths, shown, o)
}

// relativeToSnapshot is the file's path within its repository.
func relativeToSnapshot(p string) string {
	p = filepath.ToSlash(p)
	if _, rest, ok := strings.Cut(p, "/snapshots/"); ok {
		if _, rel, ok := strings.Cut(rest, "/"); ok {
			return rel
		}
	}
	return filepath.Base(p)
}

func truthy(s string) bool {
	switch strings.ToUpper(s) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// hubCacheDir follows the variables of Python's hub client.
func hubCacheDir(o OpenOptions) string {
	if o.CacheDir != "" {
		return o.CacheDir
	}
	for _, name := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"} {
		if dir := os.Getenv(name); dir != "" {
			return expandHome(dir)
		}
	}
	if home := os.Getenv("HF_HOME"); home != "" {
		return filepath.Join(expandHome(home), "hub")
	}
	return hub.DefaultCacheDir()
}

// hubToken is the person's hub token, "" when there is none.
func hubToken() string {
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
		if token := strings.TrimSpace(os.Getenv(name)); token != "" {
			return token
		}
	}
	file := os.Getenv("HF_TOKEN_PATH")
	if file == "" {
		home := os.Getenv("HF_HOME")
		if home == "" {
			home = filepath.Dir(hub.DefaultCacheDir())
		}
		file = filepath.Join(expandHome(home), "token")
	}
	data, err := os.ReadFile(expandHome(file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// unreachableError says that the hub did not answer, as opposed to its having
// answered no.
type unreachableError struct {
	ref hubRef
	err error
}

func (e *unreachableError) Error() string {
	var broken *brokenError
	if errors.As(e.err, &broken) {
		return fmt.Sprintf("%s cannot be fetched: %v", e.ref, e.err)
	}
	return fmt.Sprintf("%s cannot be fetched: the hub does not answer (%v)", e.ref, e.err)
}

func (e *unreachableError) Unwrap() error { return e.err }

var badStatus = regexp.MustCompile(`\b(?:bad status code |status |message: ")(\d{3})`)

// hubError puts an error of the hub client into one sentence.
func hubError(ref hubRef, err error) error {
	m := badStatus.FindStringSubmatch(err.Error())
	if m == nil {
		var request *url.Error
		if errors.As(err, &request) { // the client wraps it in several sentences
			err = request.Err
		}
		return &unreachableError{ref, err}
	}
	switch m[1] {
	case "401", "403":
		return fmt.Errorf("the hub refuses %s: it is private or gated, or does not exist; accept its terms on its page and set HF_TOKEN", ref)
	case "404":
		return fmt.Errorf("the hub has no data set %s (or no such revision); check the name", ref)
	}
	return &unreachableError{ref, fmt.Errorf("status %s", m[1])}
}

// downloadSplit asks the hub for the files of one split and returns where they
// lie in the cache.
func downloadSplit(ctx context.Context, ref hubRef, cache string, o OpenOptions) ([]string, error) {
	repo := hub.New(ref.id).WithType(hub.RepoTypeDataset).WithRevision(url.PathEscape(ref.revision)).
		WithCacheDir(cache).WithAuth(hubToken()).WithProgressBar(false)
	repo.Verbosity = 0
	repo.MaxParallelDownload = 4
	if o.HubEndpoint != "" {
		repo = repo.WithEndpoint(strings.TrimSuffix(o.HubEndpoint, "/"))
	}
	if err := infoWithContext(ctx, repo); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, hubError(ref, err)
	}
	info := repo.Info()
	var names []string
	sizes := map[string]int64{}
	hasReadme := false
	for _, f := range info.Siblings {
		names = append(names, f.Name)
		sizes[f.Name] = max(f.Size, lfsSize(f))
		hasReadme = hasReadme || f.Name == "README.md"
	}
	var readme []byte
	if hasReadme {
		if p, err := repo.DownloadFileCtx(ctx, "README.md"); err == nil {
			readme, _ = os.ReadFile(p)
		}
	}
	files, err := splitFiles(ref.id, names, readme, ref.config, o.Split)
	if err != nil {
		return nil, err
	}
	paths, err := downloadFiles(ctx, repo, files, sizes, o.Progress)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, hubError(ref, err)
	}
	noteRevision(repo, ref.revision, info.CommitHash)
	return paths, nil
}

// infoWithContext fetches the repository's file list; the client's call itself
// cannot be cancelled, so it is left behind when ctx ends.
func infoWithContext(ctx context.Context, repo *hub.Repo) error {
	done := make(chan error, 1)
	go func() { done <- repo.DownloadInfo(true) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func lfsSize(f *hub.FileInfo) int64 {
	if f.LFS == nil {
		return 0
	}
	return f.LFS.Size
}

// downloadFiles fetches one file after the other and reports the bytes done.
func downloadFiles(ctx context.Context, repo *hub.Repo, files []string, sizes map[string]int64, report func(done, total int64)) ([]string, error) {
	var total, done int64
	for _, f := range files {
		total += sizes[f]
	}
	paths := make([]string, len(files))
	for i, f := range files {
		p, err := downloadWhole(ctx, repo, f, sizes[f])
		if err != nil {
			return nil, err
		}
		paths[i] = p
		if done += sizes[f]; report != nil {
			report(done, total)
		}
	}
	return paths, nil
}

// downloadTries is how often a file is asked for whose connection breaks.
const downloadTries = 3

// downloadWhole fetches one file and looks whether all of it came (size bytes, 0
// where the hub does not say): the client takes a connection that broke for the
// end of the file.
func downloadWhole(ctx context.Context, repo *hub.Repo, file string, size int64) (string, error) {
	for try := 1; ; try++ {
		p, err := repo.DownloadFileCtx(ctx, file)
		if err != nil {
			return "", err
		}
		info, err := os.Stat(p)
		if err == nil && (size == 0 || info.Size() == size) {
			return p, nil
		}
		if err == nil {
			if blob, linkErr := filepath.EvalSymlinks(p); linkErr == nil {
				err = errors.Join(os.Remove(blob), os.RemoveAll(p)) // it would be taken for the file
			}
			if err != nil {
				return "", err
			}
		}
		if try == downloadTries {
			return "", &brokenError{file}
		}
	}
}

// brokenError is a file of which only a part came, each time it was asked for.
type brokenError struct{ file string }

func (e *brokenError) Error() string {
	return fmt.Sprintf("the connection broke %d times before all of %s came", downloadTries, e.file)
}

// noteRevision writes refs/REVISION as Python's client does, so that both find
// the snapshot offline.
func noteRevision(repo *hub.Repo, revision, commit string) {
	dir, err := repo.CacheDir()
	if err != nil || commit == "" || revision == commit {
		return
	}
	file := filepath.Join(dir, "refs", filepath.FromSlash(revision))
	if os.MkdirAll(filepath.Dir(file), 0o755) == nil {
		_ = os.WriteFile(file, []byte(commit), 0o644) // a cache entry: its absence only costs a request
	}
}

// cachedSplit finds the files of one split in the hub cache.
func cachedSplit(ref hubRef, cache string, o OpenOptions) ([]string, error) {
	repo := filepath.Join(cache, "datasets--"+strings.ReplaceAll(ref.id, "/", "--"))
	missing := fmt.Errorf("%s is not in the hub cache %s", ref, cache)
	if strings.Contains(ref.revision, "..") {
		return nil, missing
	}
	commit := ref.revision
	if data, err := os.ReadFile(filepath.Join(repo, "refs", filepath.FromSlash(ref.revision))); err == nil {
		commit = strings.TrimSpace(string(data))
	}
	snapshot := filepath.Join(repo, "snapshots", commit)
	var names []string
	err := filepath.WalkDir(snapshot, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if _, err := os.Stat(p); err != nil { // a link whose blob is gone
			return nil //nolint:nilerr // it is as if the file were not there
		}
		rel, err := filepath.Rel(snapshot, p)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil || len(names) == 0 {
		return nil, missing
	}
	readme, _ := os.ReadFile(filepath.Join(snapshot, "README.md"))
	files, err := splitFiles(ref.id+" (as cached)", names, readme, ref.config, o.Split)
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		files[i] = filepath.Join(snapshot, filepath.FromSlash(f))
	}
	return files, nil
}

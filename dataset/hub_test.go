package dataset

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fakeHub speaks the part of the hub's API that data sets need: the file list
// of a revision, and files by commit, large ones through a redirect.
type fakeHub struct {
	repos map[string]map[string]string // id -> path -> content
	token string                       // needed when not empty

	breaking atomic.Int64 // connections that end within a file from now on

	mu       sync.Mutex
	requests []string
	auth     []string
}

const (
	mainCommit = "1111111111111111111111111111111111111111"
	oldCommit  = "2222222222222222222222222222222222222222"
)

func (h *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.requests = append(h.requests, r.Method+" "+r.URL.Path)
	h.auth = append(h.auth, r.Header.Get("Authorization"))
	h.mu.Unlock()
	if h.token != "" && r.Header.Get("Authorization") != "Bearer "+h.token {
		http.Error(w, `{"error": "Access to dataset is restricted."}`, http.StatusUnauthorized)
		return
	}
	for _, prefix := range []string{"/api/datasets/old", "/datasets/old"} { // a name that the hub knows by its owner now
		if rest, ok := strings.CutPrefix(r.URL.Path, prefix+"/"); ok {
			http.Redirect(w, r, strings.TrimSuffix(prefix, "old")+"own/configs/"+rest, http.StatusTemporaryRedirect)
			return
		}
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/api/datasets/"); ok {
		id, revision, _ := strings.Cut(rest, "/revision/")
		h.info(w, id, revision)
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/datasets/"); ok {
		id, file, _ := strings.Cut(rest, "/resolve/")
		commit, name, _ := strings.Cut(file, "/")
		h.file(w, r, id, commit, name)
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/lfs/"); ok {
		id, name, _ := strings.Cut(rest, "//")
		w.Header().Set("ETag", `"`+etag(name)+`"`)
		_, _ = w.Write([]byte(h.repos[id][name]))
		return
	}
	http.NotFound(w, r)
}

func etag(name string) string { return "etag-" + strings.ReplaceAll(name, "/", "-") }

func (h *fakeHub) info(w http.ResponseWriter, id, revision string) {
	files, ok := h.repos[id]
	commit := map[string]string{"main": mainCommit, mainCommit: mainCommit, "v1": oldCommit}[revision]
	if !ok || commit == "" {
		http.Error(w, `{"error": "Repository not found"}`, http.StatusNotFound)
		return
	}
	type sibling struct {
		Name string `json:"rfilename"`
		Size int    `json:"size"`
	}
	info := struct {
		ID       string    `json:"id"`
		SHA      string    `json:"sha"`
		Siblings []sibling `json:"siblings"`
	}{ID: id, SHA: commit}
	for _, name := range sortedKeys(files) {
		info.Siblings = append(info.Siblings, sibling{name, len(files[name])})
	}
	_ = json.NewEncoder(w).Encode(info)
}

func (h *fakeHub) file(w http.ResponseWriter, r *http.Request, id, commit, name string) {
	content, ok := h.repos[id][name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	if strings.HasSuffix(name, ".parquet") {
		w.Header().Set("X-Linked-Etag", `"`+etag(name)+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
		w.Header().Set("Location", "/lfs/"+id+"//"+name)
		w.WriteHeader(http.StatusFound)
		return
	}
	w.Header().Set("ETag", `"`+etag(name)+`"`)
	if r.Method == http.MethodGet && strings.HasSuffix(name, ".jsonl") && h.breaking.Add(-1) >= 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write([]byte(content[:len(content)/2]))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write([]byte(content))
}

// TestHubBrokenConnection asks again for a file of which only a part came, and
// says so when it never comes whole.
func TestHubBrokenConnection(t *testing.T) {
	h, o := startHub(t)
	h.breaking.Store(1)
	src, err := Open(t.Context(), "own/configs", o)
	if err != nil {
		t.Fatal(err)
	}
	if src.Len() != 2 {
		t.Errorf("%d rows", src.Len())
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	h.breaking.Store(100)
	if _, err = Open(t.Context(), "own/configs:extended", o); err == nil || !strings.Contains(err.Error(), "own/configs:extended cannot be fetched: the connection broke 3 times before all of extra/1.jsonl came") {
		t.Errorf("got %v", err)
	}
}

func (h *fakeHub) seen() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.requests)
}

const configsReadme = `---
license: apache-2.0
configs:
- config_name: default
  default: true
  data_files:
  - split: train
    path: data/train-*
- config_name: extended
  data_files:
  - split: train
    path:
    - "extra/*.jsonl"
- config_name: listed
  data_files: "data/test.jsonl"
- config_name: folder
  data_dir: dir
---
# A data set
`

func startHub(t *testing.T) (*fakeHub, OpenOptions) {
	t.Helper()
	parquet, err := os.ReadFile("testdata/sources/json.parquet")
	if err != nil {
		t.Fatal(err)
	}
	h := &fakeHub{repos: map[string]map[string]string{
		"own/configs": {
			"README.md": configsReadme, ".gitattributes": "x", "data/train-00000-of-00002.jsonl": `{"a": 1}`, "data/train-00001-of-00002.jsonl": `{"a": 2}`,
			"data/test.jsonl": `{"a": 9}`, "extra/1.jsonl": `{"e": 1}`, "dir/train.jsonl": `{"d": 1}`, "dir/test.jsonl": `{"d": 2}`,
		},
		"own/plain":  {"data/train-00000-of-00001.parquet": string(parquet), "data/eval_split-00000-of-00001.parquet": string(parquet)},
		"own/nodata": {"README.md": "# nothing", "image.png": "x"},
	}}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT"} {
		t.Setenv(name, "")
	}
	t.Setenv("HF_HOME", t.TempDir())
	return h, OpenOptions{HubEndpoint: server.URL, CacheDir: t.TempDir()}
}

func TestHubConfigurationsAndSplits(t *testing.T) {
	_, o := startHub(t)
	tests := []struct {
		spec, split, config string
		want                string // rows, or part of the error
	}{
		{"own/configs", "", "", `{"a": 1} {"a": 2}`},
		{"own/configs:extended", "", "", `{"e": 1}`},
		{"own/configs", "train", "extended", `{"e": 1}`},
		{"own/configs:listed", "train", "", `{"a": 9}`},
		{"own/configs:folder@main", "test", "", `{"d": 2}`},
		{"own/configs@" + mainCommit, "", "", `{"a": 1} {"a": 2}`},
		{"own/configs@v1", "", "", `{"a": 1} {"a": 2}`},
		{"own/plain", "eval_split", "", `{"m": [{"role": "u", "content": "x"}], "t": {"a": 1, "b": [1, 2.5]}} {"m": [{"role": "u", "content": "x", "k": null}], "t": null}`},
		{"own/configs:nope", "", "", `no configuration "nope"; it has "default", "extended", "listed", "folder"`},
		{"own/configs", "test", "", `no split "test"; it has "train"`},
		{"old", "", "", `{"a": 1} {"a": 2}`},
		{"old:folder", "train", "", `{"d": 1}`},
		{"nobody", "", "", "there is no file or folder nobody here; on the hub: the hub has no data set nobody"},
		{"own/configs", "train[1:]", "", `{"a": 2}`},
		{"own/configs:folder", "test+train[:100%]", "", `{"d": 2} {"d": 1}`},
		{"own/configs:folder", "test+nope", "", `no split "nope"; it has "test", "train"`},
		{"own/configs@gone", "", "", "no such revision"},
		{"own/none", "", "", "the hub has no data set own/none"},
		{"own/nodata", "", "", "no data file"},
	}
	for _, tt := range tests {
		t.Run(tt.spec+" "+tt.split, func(t *testing.T) {
			o := o
			o.Split, o.Config = tt.split, tt.config
			src, err := Open(t.Context(), tt.spec, o)
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v; want %q", err, tt.want)
				}
				return
			}
			defer func() { _ = src.Close() }()
			if got := strings.Join(rowsOf(t, src), " "); got != tt.want {
				t.Errorf("%s; want %s", got, tt.want)
			}
		})
	}
}

// A downloaded data set lies where Python's client would put it, and is read
// from there without the network.
func TestHubCacheLayoutAndOffline(t *testing.T) {
	h, o := startHub(t)
	if src, err := Open(t.Context(), "own/plain", o); err != nil {
		t.Fatal(err)
	} else {
		_ = src.Close()
	}
	repo := filepath.Join(o.CacheDir, "datasets--own--plain")
	if ref, err := os.ReadFile(filepath.Join(repo, "refs", "main")); err != nil || string(ref) != mainCommit {
		t.Errorf("refs/main: %q %v", ref, err)
	}
	file := filepath.Join(repo, "snapshots", mainCommit, "data", "train-00000-of-00001.parquet")
	if target, err := os.Readlink(file); err != nil || !strings.HasPrefix(target, "../../../blobs/") {
		t.Errorf("%s links to %q (%v)", file, target, err)
	}
	before := h.seen()
	offline := o
	offline.Offline = true
	src, err := Open(t.Context(), "own/plain", offline)
	if err != nil {
		t.Fatal(err)
	}
	if src.Len() != 2 || h.seen() != before || !strings.HasPrefix(src.Location(1), "own/plain/data/train-00000-of-00001.parquet row 1") {
		t.Errorf("%d rows, %d requests, %s", src.Len(), h.seen()-before, src.Location(1))
	}
	_ = src.Close()
	t.Setenv("HF_HUB_OFFLINE", "1")
	if _, err := Open(t.Context(), "own/configs", o); err == nil || !strings.Contains(err.Error(), "offline mode") || h.seen() != before {
		t.Errorf("offline and not cached: %v", err)
	}
}

// What is in the cache is used when the hub does not answer.
func TestHubUnreachable(t *testing.T) {
	_, o := startHub(t)
	if src, err := Open(t.Context(), "own/plain", o); err != nil {
		t.Fatal(err)
	} else {
		_ = src.Close()
	}
	o.HubEndpoint = "http://127.0.0.1:1"
	src, err := Open(t.Context(), "own/plain", o)
	if err != nil {
		t.Fatal(err)
	}
	_ = src.Close()
	if _, err := Open(t.Context(), "own/configs", o); err == nil || !strings.Contains(err.Error(), "does not answer") || len(err.Error()) > 300 {
		t.Errorf("%v", err)
	}
}

func TestHubToken(t *testing.T) {
	h, o := startHub(t)
	h.token = "secret"
	if _, err := Open(t.Context(), "own/plain", o); err == nil || !strings.Contains(err.Error(), "HF_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
	home := t.TempDir()
	t.Setenv("HF_HOME", home)
	if err := os.WriteFile(filepath.Join(home, "token"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := Open(t.Context(), "own/plain", o)
	if err != nil {
		t.Fatal(err)
	}
	_ = src.Close()
	t.Setenv("HF_TOKEN", "other")
	o.CacheDir = t.TempDir()
	if _, err := Open(t.Context(), "own/plain", o); err == nil {
		t.Error("HF_TOKEN does not win over the token file")
	}
}

func TestParseHubID(t *testing.T) {
	for spec, want := range map[string]string{
		"own/name": "own/name  main", "own/name:cfg": "own/name cfg main", "own/name@v1": "own/name  v1", "own/name:c.f@refs/pr/1": "own/name c.f refs/pr/1",
		"own/name.jsonl": "", "data/train.parquet": "", "name": "name  main", "name:cfg@v1": "name cfg v1", "name.csv": "", "a/b/c": "", "../x": "", "own/na me": "", "": "",
	} {
		ref, ok := parseHubID(spec, OpenOptions{})
		got := ""
		if ok {
			got = ref.id + " " + ref.config + " " + ref.revision
		}
		if got != want {
			t.Errorf("%q: %q, want %q", spec, got, want)
		}
	}
}

func TestNamedSplits(t *testing.T) {
	tests := map[string]string{
		"data/train-00000-of-00001.parquet data/my.split-00000-of-00001.parquet": "my.split=1 train=1",
		"train/a.jsonl train/b.jsonl validation/a.jsonl other/x.jsonl":           "train=2 validation=1",
		"a-train.jsonl b_test.jsonl dev.jsonl":                                   "test=1 train=1 validation=1",
		"training.csv eval.csv":                                                  "test=1 train=1",
		"trainer.jsonl contest.jsonl":                                            "train=2",
		"part1.jsonl sub/part2.jsonl":                                            "train=2",
	}
	for files, want := range tests {
		var got []string
		splits := namedSplits(strings.Fields(files))
		for _, name := range sortedKeys(splits) {
			got = append(got, fmt.Sprintf("%s=%d", name, len(splits[name])))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", files, got, want)
		}
	}
}

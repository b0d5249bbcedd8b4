package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gomlx/go-huggingface/hub"
)

// hubClient reads models from a Hugging Face hub through the cache that Python's tools use as well.
type hubClient struct {
	endpoint string
	cache    string // the "hub" folder with models--owner--name in it
	token    string
	offline  bool
}

// hubFromEnvironment follows the variables of huggingface_hub: HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN,
// HF_TOKEN_PATH, HF_HUB_OFFLINE.
func hubFromEnvironment() hubClient {
	home := os.Getenv("HF_HOME")
	if home == "" {
		home = filepath.Dir(hub.DefaultCacheDir())
	}
	h := hubClient{endpoint: "https://huggingface.co", cache: filepath.Join(home, "hub"), token: os.Getenv("HF_TOKEN")}
	if endpoint := os.Getenv("HF_ENDPOINT"); endpoint != "" {
		h.endpoint = strings.TrimSuffix(endpoint, "/")
	}
	if cache := os.Getenv("HF_HUB_CACHE"); cache != "" {
		h.cache = cache
	}
	if h.token == "" {
		path := os.Getenv("HF_TOKEN_PATH")
		if path == "" {
			path = filepath.Join(home, "token")
		}
		text, _ := os.ReadFile(path)
		h.token = strings.TrimSpace(string(text))
	}
	switch strings.ToUpper(os.Getenv("HF_HUB_OFFLINE")) {
	case "1", "ON", "YES", "TRUE":
		h.offline = true
	}
	return h
}

// errNoSuchModel tells a wrong name from a hub that cannot be reached.
var errNoSuchModel = errors.New("the hub has no such model, or it is private or gated and HF_TOKEN does not open it")

// fetch returns the folder of a model's files at a revision. When the hub cannot be reached, or HF_HUB_OFFLINE is
// set, an earlier download serves.
func (h hubClient) fetch(ctx context.Context, id, revision, step string, report Reporter) (dir string, err error) {
	if revision == "" {
		revision = "main"
	}
	if !h.offline {
		err = h.probe(ctx, id, revision)
		if err == nil {
			return h.download(ctx, id, revision, step, report)
		}
		if errors.Is(err, errNoSuchModel) || ctx.Err() != nil {
			return "", err
		}
	}
	if dir := h.cached(id, revision); dir != "" {
		report.note(step, "using the copy downloaded earlier, since the hub cannot be asked")
		return dir, nil
	}
	if h.offline {
		return "", errors.New("HF_HUB_OFFLINE is set and the model was not downloaded before")
	}
	return "", fmt.Errorf("the hub cannot be asked: %w", err)
}

// probe asks for the model with short time-outs: the library's own downloads have none.
func (h hubClient) probe(ctx context.Context, id, revision string) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout+answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.endpoint+"/api/models/"+id+"/revision/"+revision, nil)
	if err != nil {
		return err
	}
	if h.token != "" {
		req.Header.Set("Authorization", "Bearer "+h.token)
	}
	resp, err := newFetcher().client.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only the status matters
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden:
		return errNoSuchModel
	}
	return fmt.Errorf("%s answered %s", h.endpoint, resp.Status)
}

func (h hubClient) download(ctx context.Context, id, revision, step string, report Reporter) (string, error) {
	repo := hub.New(id).WithEndpoint(h.endpoint).WithCacheDir(h.cache).WithRevision(revision).WithAuth(h.token).WithProgressBar(false)
	repo.Verbosity = 0
	if err := repo.DownloadInfo(true); err != nil { // what an earlier download was told may be out of date
		return "", fmt.Errorf("ask the hub for the files of %s: %w", id, err)
	}
	all := repo.Info().Siblings
	files, total := wantedFiles(all)
	if len(files) == 0 {
		return "", fmt.Errorf("%s has no safetensors weights on the hub", id)
	}
	blobs, err := repo.CacheDir()
	if err != nil {
		return "", err
	}
	defer followFolder(filepath.Join(blobs, "blobs"), total, step, report)()
	var dir string
	for _, file := range files { // one at a time: the library's counters are not safe for several
		path, err := repo.DownloadFileCtx(ctx, file.Name)
		if err != nil {
			return "", fmt.Errorf("download %s: %w", id, err)
		}
		if err := checkBlob(path, file); err != nil {
			return "", err
		}
		if !strings.Contains(file.Name, "/") {
			dir = filepath.Dir(path)
		}
	}
	return dir, nil
}

// wantedFiles picks what a model folder needs out of a repository: configuration, tokenizer, templates and safetensors of the
// top folder, nothing in other formats. total is in bytes. nil means that there are no weights.
func wantedFiles(all []*hub.FileInfo) (wanted []*hub.FileInfo, total int64) {
	weightsFound, named := false, false
	for _, f := range all {
		named = named || isModelWeights(f.Name)
	}
	for _, f := range all {
		weightsFile := strings.HasSuffix(f.Name, ".safetensors")
		switch {
		case !inPlace(f.Name):
			continue
		case weightsFile && named && !isModelWeights(f.Name):
			continue // the same weights under a vendor's own name
		case !weightsFile && !strings.HasSuffix(f.Name, ".json") && !strings.HasSuffix(f.Name, ".jinja") && f.Name != "merges.txt":
			continue
		}
		weightsFound = weightsFound || weightsFile
		wanted = append(wanted, f)
		total += f.Size
	}
	if !weightsFound {
		return nil, 0
	}
	return wanted, total
}

// inPlace says whether a file lies in the top folder or is one of the named chat templates.
func inPlace(name string) bool {
	folder, file, nested := strings.Cut(name, "/")
	return !nested || folder == "additional_chat_templates" && !strings.Contains(file, "/") && strings.HasSuffix(file, ".jinja")
}

func isModelWeights(name string) bool {
	return strings.HasPrefix(name, "model") && strings.HasSuffix(name, ".safetensors")
}

// followFolder reports how far a download is from what has arrived in its folder. stop ends the reports.
func followFolder(dir string, total int64, step string, report Reporter) (stop func()) {
	before := folderSize(dir)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(300 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				report.at(step, folderSize(dir)-before, total)
			}
		}
	}()
	return func() { close(done); <-stopped }
}

func folderSize(dir string) (size int64) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
	}
	return size
}

// checkBlob compares a large file with the SHA-256 that the hub states. A file that differs is removed with its link,
// so that the next try gets it anew.
func checkBlob(path string, file *hub.FileInfo) error {
	if file.LFS == nil || file.LFS.SHA256 == "" {
		return nil
	}
	blob, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	checked := blob + ".sha256-checked" // a large file is read once, not at every start
	if _, err := os.Stat(checked); err == nil {
		return nil
	}
	got, err := fileSHA256(blob)
	if err != nil {
		return err
	}
	if err := sameSum(got, file.LFS.SHA256); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", file.Name, err), os.Remove(path), os.Remove(blob))
	}
	return os.WriteFile(checked, nil, 0o644)
}

// cached finds a complete snapshot of an earlier download, by Python's tools (refs/REVISION) or by go-huggingface
// (info/REVISION), "" when there is none.
func (h hubClient) cached(id, revision string) string {
	dir := filepath.Join(h.cache, "models--"+strings.ReplaceAll(id, "/", "--"))
	commits := []string{revision}
	if ref, err := os.ReadFile(filepath.Join(dir, "refs", revision)); err == nil {
		commits = append(commits, strings.TrimSpace(string(ref)))
	}
	if text, err := os.ReadFile(filepath.Join(dir, "info", revision)); err == nil {
		var info hub.RepoInfo
		if json.Unmarshal(text, &info) == nil {
			commits = append(commits, info.CommitHash)
		}
	}
	for _, commit := range commits {
		snapshot := filepath.Join(dir, "snapshots", commit)
		if commit != "" && checkFolder(snapshot) == nil {
			return snapshot
		}
	}
	return ""
}

// hubID is owner/name, or the bare name of one of the hub's oldest models.
var hubID = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)?$`)

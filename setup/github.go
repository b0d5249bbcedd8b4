package setup

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/go-xla/installer"
)

// githubAPI is where releases are described.
const githubAPI = "https://api.github.com"

// releaseAsset is one archive of a GitHub release.
type releaseAsset struct {
	repo, tag, file string
	api             string // githubAPI, or a test's
}

// unpack downloads the archive, checks it against the digest that the release states, and moves the first file whose
// name match accepts to target. A release without digests is not used: nothing unchecked gets in.
func (a releaseAsset) unpack(ctx context.Context, f fetcher, match func(name string) bool, target, step string, report Reporter) error {
	url, sum, err := a.find(ctx, f)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(target), "unpack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // its parent is temporary as well
	archive := filepath.Join(dir, "archive.tar.gz")
	if err := f.download(ctx, url, sum, archive, step, report); err != nil {
		return err
	}
	files, err := installer.Untar(archive, filepath.Join(dir, "files"))
	if err != nil {
		return fmt.Errorf("unpack %s: %w", a.file, err)
	}
	for _, file := range files {
		if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() && match(filepath.Base(file)) {
			return os.Rename(file, target)
		}
	}
	return fmt.Errorf("%s holds no such file as expected: %v", a.file, files)
}

// find asks for the asset's address and SHA-256.
func (a releaseAsset) find(ctx context.Context, f fetcher) (url, sum string, err error) {
	resp, err := f.get(ctx, fmt.Sprintf("%s/repos/%s/releases/tags/%s", a.api, a.repo, a.tag))
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close() //nolint:errcheck // a small answer, read at once
	var release struct {
		Assets []struct {
			Name   string `json:"name"`
			URL    string `json:"browser_download_url"`
			Digest string `json:"digest"`
		} `json:"assets"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 8<<20)).Decode(&release); err != nil {
		return "", "", fmt.Errorf("release %s of %s: %w", a.tag, a.repo, err)
	}
	for _, asset := range release.Assets {
		if asset.Name != a.file {
			continue
		}
		sum, ok := strings.CutPrefix(asset.Digest, "sha256:")
		if !ok {
			return "", "", fmt.Errorf("release %s of %s states no SHA-256 for %s", a.tag, a.repo, a.file)
		}
		return asset.URL, sum, nil
	}
	return "", "", fmt.Errorf("release %s of %s has no %s", a.tag, a.repo, a.file)
}

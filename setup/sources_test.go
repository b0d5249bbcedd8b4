package setup

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/gomlx/go-xla/installer"
)

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// serve answers paths with fixed bodies.
func serve(t *testing.T, files map[string][]byte) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestDownloadChecksTheSum(t *testing.T) {
	body := bytes.Repeat([]byte("weights "), 10_000)
	server := serve(t, map[string][]byte{"/f": body})
	path := filepath.Join(t.TempDir(), "f")
	var last Progress
	report := func(p Progress) { last = p }
	if err := newFetcher().download(t.Context(), server.URL+"/f", sum(body), path, "step", report); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if last.Done != int64(len(body)) || last.Step != "step" {
		t.Errorf("last progress %+v", last)
	}
	err := newFetcher().download(t.Context(), server.URL+"/f", sum([]byte("other")), path, "step", nil)
	if err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file with the wrong sum stayed")
	}
	if err := newFetcher().download(t.Context(), server.URL+"/missing", "", path, "step", nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v", err)
	}
}

func zipped(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write(data)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWheelIsFoundByNameAndChecked(t *testing.T) {
	plugin := []byte("\x7fELF plugin")
	archive := zipped(t, "package/plugin.so", plugin)
	server := serve(t, map[string][]byte{"/w.whl": archive})
	ask := func(_ context.Context, name string) (*installer.PipPackageInfo, error) {
		if name != "package" {
			return nil, errors.New("no package " + name)
		}
		info := &installer.PipPackageInfo{Releases: map[string][]installer.PipReleaseInfo{"1.0": {
			{Filename: "package-1.0-macosx.whl", URL: server.URL + "/missing"},
			{Filename: "package-1.0-manylinux_x86_64.whl", URL: server.URL + "/w.whl"},
		}}}
		return info, nil
	}
	w := wheel{"package", "1.0", regexp.MustCompile(`manylinux.*\.whl$`), sum(archive)}
	target := filepath.Join(t.TempDir(), "plugin.so")
	relative := func(ctx context.Context, name string) (*installer.PipPackageInfo, error) {
		info, err := ask(ctx, name) // as a mirror answers
		info.Info.ProjectURL = server.URL + "/project/package/"
		info.Releases["1.0"][1].URL = "../../w.whl"
		return info, err
	}
	if err := w.extract(t.Context(), relative, newFetcher(), "package/plugin.so", target, "step", nil); err != nil {
		t.Errorf("a relative address: %v", err)
	}
	if err := w.extract(t.Context(), ask, newFetcher(), "package/plugin.so", target, "step", nil); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); err != nil || !bytes.Equal(got, plugin) {
		t.Errorf("%q, %v", got, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(target)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	folder := t.TempDir()
	if err := w.extractDir(t.Context(), relative, newFetcher(), "package", folder, "step", nil); err != nil {
		t.Errorf("a whole folder: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(folder, "plugin.so")); err != nil || !bytes.Equal(got, plugin) {
		t.Errorf("a whole folder: %q, %v", got, err)
	}
	for _, bad := range []wheel{
		{"other", "1.0", w.platform, w.sha256}, {"package", "2.0", w.platform, w.sha256},
		{"package", "1.0", regexp.MustCompile("win"), w.sha256}, {"package", "1.0", w.platform, sum(plugin)},
	} {
		if err := bad.extract(t.Context(), ask, newFetcher(), "package/plugin.so", target, "step", nil); err == nil {
			t.Errorf("%+v was extracted", bad)
		}
	}
}

func tarred(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for name, data := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// releases serves one GitHub release with one asset.
func releases(t *testing.T, repo, tag, file, digest string, archive []byte) string {
	t.Helper()
	files := map[string][]byte{"/asset": archive}
	server := serve(t, files)
	description, err := json.Marshal(map[string]any{"assets": []map[string]string{
		{"name": "SHA256SUMS", "browser_download_url": server.URL + "/missing"},
		{"name": file, "browser_download_url": server.URL + "/asset", "digest": digest},
	}})
	if err != nil {
		t.Fatal(err)
	}
	files["/repos/"+repo+"/releases/tags/"+tag] = description
	return server.URL
}

func TestOfficialPluginAndTokenizers(t *testing.T) {
	plugin := tarred(t, map[string][]byte{"pjrt_c_api_cpu_" + cpuReleaseVersion + "_plugin.so": []byte("plugin"), "LICENSE": []byte("text")})
	file := "pjrt_cpu_" + runtime.GOOS + "_" + runtime.GOARCH + ".tar.gz"
	dir := t.TempDir()
	api := releases(t, cpuReleaseRepo, cpuReleaseVersion, file, "sha256:"+sum(plugin), plugin)
	if err := officialCPUPlugin(t.Context(), newFetcher(), api, dir, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, pluginFile)); err != nil || string(got) != "plugin" {
		t.Errorf("%q, %v", got, err)
	}
	for name, digest := range map[string]string{"no digest": "", "another digest": "sha256:" + sum(nil)} {
		api := releases(t, cpuReleaseRepo, cpuReleaseVersion, file, digest, plugin)
		if err := officialCPUPlugin(t.Context(), newFetcher(), api, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "SHA-256") {
			t.Errorf("%s: error %v", name, err)
		}
	}

	platform := runtime.GOOS + "-" + runtime.GOARCH
	library := tarred(t, map[string][]byte{tokenizersFile: []byte("!<arch>")})
	api = releases(t, "daulet/tokenizers", "v"+TokenizersVersion, "libtokenizers."+platform+".tar.gz", "sha256:"+sum(library), library)
	if err := officialTokenizers(t.Context(), newFetcher(), api, dir, nil); err != nil && platform != "darwin-amd64" {
		t.Error(err)
	}
}

func TestPluginPrefersTheEnvironment(t *testing.T) {
	freshCache(t)
	dir := t.TempDir()
	for _, name := range []string{pluginFile, "pjrt_c_api_cuda_plugin.so"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "/nowhere:"+dir)
	t.Setenv("SFTUI_PJRT_CUDA", "")
	for kind, want := range map[string]string{CPU: pluginFile, CUDA: "pjrt_c_api_cuda_plugin.so"} {
		if got, err := Plugin(t.Context(), kind, nil); err != nil || got != filepath.Join(dir, want) {
			t.Errorf("%s: %q, %v", kind, got, err)
		}
	}
	t.Setenv("SFTUI_PJRT_CUDA", filepath.Join(dir, "gone.so"))
	if _, err := Plugin(t.Context(), CUDA, nil); err == nil || !strings.Contains(err.Error(), "SFTUI_PJRT_CUDA") {
		t.Errorf("error %v", err)
	}
	if _, err := Plugin(t.Context(), "tpu", nil); err == nil || !strings.Contains(err.Error(), `"tpu"`) {
		t.Errorf("error %v", err)
	}
}

func TestCachedPluginNeedsNoNetwork(t *testing.T) {
	cache := freshCache(t)
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	for _, version := range []string{strings.TrimPrefix(cpuReleaseVersion, "v"), cpuPluginWheel.version} {
		dir := filepath.Join(cache, "native", "pjrt-cpu-"+version)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, pluginFile), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Plugin(t.Context(), CPU, nil); err != nil || got != filepath.Join(dir, pluginFile) {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestPrepareCratesPinsEverything(t *testing.T) {
	module, build := t.TempDir(), filepath.Join(t.TempDir(), "build")
	for name, text := range map[string]string{
		"Cargo.toml": "[workspace]\n", "LICENSE": "MIT", "crates/tokenizers/src/lib.rs": "",
		"crates/tokenizers/Cargo.toml": "[dependencies]\nlibc = \"0.2\"\ntiktoken-rs = { git = \"https://example.org/x\" }\nserde = \"1\"\n",
		"Cargo.lock":                   "[[package]]\nname = \"a\"\nsource = \"registry+https://registry.example/index\"\n",
	} {
		path := filepath.Join(module, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o400)); err != nil {
			t.Fatal(err)
		}
	}
	if err := prepareCrates(module, build); err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile(filepath.Join(build, "crates/tokenizers/Cargo.toml"))
	if err != nil || !strings.Contains(string(manifest), "\ntiktoken-rs = \"0.7\"\n") || strings.Contains(string(manifest), "git") {
		t.Errorf("manifest %q, %v", manifest, err)
	}
	lock, err := os.ReadFile(filepath.Join(build, "Cargo.lock"))
	if err != nil || strings.Contains(string(lock), "@registry") || !strings.Contains(string(lock), "registry+https://registry.example/index") {
		t.Errorf("lock %.200q, %v", lock, err)
	}
	if packages, sums := strings.Count(string(lock), "[[package]]"), strings.Count(string(lock), "checksum = "); sums < packages-2 {
		t.Errorf("only %d of %d crates have a checksum (the two of the module need none)", sums, packages)
	}
}

func TestVersionsAgreeWithGoMod(t *testing.T) {
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := tokenizersModule + " v" + TokenizersVersion; !strings.Contains(string(text), want) {
		t.Errorf("go.mod does not ask for %s", want)
	}
}

// TestCUDAParts checks that every wheel is pinned, and that the plugin's search path leads to the libraries' folders.
func TestCUDAParts(t *testing.T) {
	names := map[string]bool{}
	for _, w := range append(nvidiaWheels(), cudaPluginWheel) {
		if len(w.sha256) != 64 || w.version == "" || names[w.name] {
			t.Errorf("%+v is not pinned, or named twice", w)
		}
		names[w.name] = true
		if !w.platform.MatchString("a-1.0-py3-none-manylinux_2_27_x86_64.whl") || w.platform.MatchString("a-1.0-py3-none-manylinux_2_27_aarch64.whl") {
			t.Errorf("%s has the wrong platform", w.name)
		}
	}
	if !strings.Contains(cudaPart.dir, cudaPluginWheel.version) || filepath.Dir(cudaPart.files[0]) != "nvidia" {
		t.Errorf("the plugin lies in %s/%s", cudaPart.dir, cudaPart.files[0])
	}
}

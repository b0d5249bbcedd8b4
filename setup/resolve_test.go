package setup

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// emptySafetensors is a valid file with one tensor.
func emptySafetensors() []byte {
	header := `{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), 7)
}

const testCommit = "0123456789abcdef0123456789abcdef01234567"

// fakeHub serves one model as huggingface.co would: the API's description, and files with their etags.
type fakeHub struct {
	files    map[string][]byte
	badSum   bool
	requests atomic.Int32
}

func (h *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.requests.Add(1)
	switch name, isFile := strings.CutPrefix(r.URL.Path, "/owner/model/resolve/"+testCommit+"/"); {
	case strings.HasPrefix(r.URL.Path, "/api/models/owner/model/revision/"):
		h.describe(w)
	case isFile && h.files[name] != nil && strings.HasSuffix(name, ".safetensors") && r.URL.Query().Get("signed") == "":
		// Large files lie on another host, behind an address that is valid for a while.
		w.Header().Set("X-Linked-Etag", `"`+sum(h.files[name])+`"`)
		http.Redirect(w, r, "http://"+strings.Replace(r.Host, "127.0.0.1", "localhost", 1)+r.URL.Path+"?signed=yes", http.StatusFound)
	case isFile && h.files[name] != nil:
		etag := sum(h.files[name])
		if !strings.HasSuffix(name, ".safetensors") {
			s := sha1.Sum(h.files[name])
			etag = hex.EncodeToString(s[:])
		}
		w.Header().Set("ETag", `"`+etag+`"`)
		_, _ = w.Write(h.files[name])
	default:
		http.NotFound(w, r)
	}
}

func (h *fakeHub) describe(w http.ResponseWriter) {
	var siblings []map[string]any
	for name, data := range h.files {
		file := map[string]any{"rfilename": name, "size": len(data)}
		if strings.HasSuffix(name, ".safetensors") {
			s := sum(data)
			if h.badSum {
				s = sum(nil)
			}
			file["lfs"] = map[string]any{"sha256": s, "size": len(data)}
		}
		siblings = append(siblings, file)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"id": "owner/model", "sha": testCommit, "siblings": siblings})
}

func startHub(t *testing.T) (*fakeHub, *httptest.Server) {
	t.Helper()
	freshCache(t)
	h := &fakeHub{files: map[string][]byte{
		"config.json": []byte(`{}`), "tokenizer.json": []byte(`{"a":1}`), "tokenizer_config.json": []byte(`{"b":1}`), "chat_template.jinja": []byte("t"),
		"model.safetensors": emptySafetensors(), "consolidated.safetensors": emptySafetensors(), "README.md": []byte("r"), "onnx/model.onnx": []byte("o"),
		"additional_chat_templates/tool_use.jinja": []byte("u"), "additional_chat_templates/more/a.jinja": []byte("v"), "onnx/config.json": []byte(`{}`),
	}}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	for key, value := range map[string]string{
		"HF_ENDPOINT": server.URL, "HF_HOME": t.TempDir(), "HF_HUB_CACHE": "", "HF_TOKEN": "", "HF_TOKEN_PATH": "/nowhere", "HF_HUB_OFFLINE": "",
	} {
		t.Setenv(key, value)
	}
	return h, server
}

func TestResolveHubModel(t *testing.T) {
	hub, server := startHub(t)
	dir, err := ResolveModel(t.Context(), "owner/model", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range hub.files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		wanted := name != "README.md" && !strings.HasPrefix(name, "onnx/") && !strings.Contains(name, "/more/") && name != "consolidated.safetensors"
		if wanted && (err != nil || string(got) != string(want)) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if !wanted && err == nil {
			t.Errorf("%s was downloaded for nothing", name)
		}
	}

	server.Close()
	offline, err := ResolveModel(t.Context(), "owner/model", "main", nil)
	if err != nil || offline != dir {
		t.Errorf("without the hub: %q, %v", offline, err)
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	if offline, err = ResolveModel(t.Context(), "owner/model", "", nil); err != nil || offline != dir {
		t.Errorf("with HF_HUB_OFFLINE: %q, %v", offline, err)
	}
	if offline, err = ResolveModel(t.Context(), "owner/model", testCommit, nil); err != nil || offline != dir {
		t.Errorf("by commit: %q, %v", offline, err)
	}
	if _, err = ResolveModel(t.Context(), "owner/other", "", nil); err == nil || !strings.Contains(err.Error(), "HF_HUB_OFFLINE") {
		t.Errorf("error %v", err)
	}
}

func TestResolveHubErrors(t *testing.T) {
	hub, server := startHub(t)
	if _, err := ResolveModel(t.Context(), "owner/other", "", nil); !errors.Is(err, errNoSuchModel) || !strings.Contains(err.Error(), `"owner/other"`) {
		t.Errorf("error %v", err)
	}
	hub.badSum = true
	if _, err := ResolveModel(t.Context(), "owner/model", "", nil); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("a damaged download gave %v", err)
	}
	hub.badSum = false
	if _, err := ResolveModel(t.Context(), "owner/model", "", nil); err != nil {
		t.Errorf("the next try: %v", err)
	}
	delete(hub.files, "model.safetensors")
	delete(hub.files, "consolidated.safetensors")
	if _, err := ResolveModel(t.Context(), "owner/model", "", nil); err == nil || !strings.Contains(err.Error(), "no safetensors") {
		t.Errorf("error %v", err)
	}
	server.Close()
	if _, err := ResolveModel(t.Context(), "owner/third", "", nil); err == nil || !strings.Contains(err.Error(), "cannot be reached: connection refused") {
		t.Errorf("error %v", err)
	}
}

func TestResolveFolders(t *testing.T) {
	freshCache(t)
	for name, test := range map[string]struct {
		files []string
		want  string // "" is success
	}{
		"complete":       {[]string{"config.json", "tokenizer.json", "model.safetensors"}, ""},
		"shards":         {[]string{"config.json", "tokenizer.json", "model-00001-of-00002.safetensors"}, ""},
		"empty":          {nil, "no config.json"},
		"adapter":        {[]string{"adapter_config.json", "adapter_model.safetensors"}, "PEFT adapter"},
		"no tokenizer":   {[]string{"config.json", "model.safetensors"}, "no tokenizer.json"},
		"slow tokenizer": {[]string{"config.json", "model.safetensors", "tokenizer.model"}, "slow tokenizer"},
		"pickle":         {[]string{"config.json", "tokenizer.json", "pytorch_model.bin"}, "pickle"},
		"no weights":     {[]string{"config.json", "tokenizer.json"}, "no safetensors"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, file := range test.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte("{}"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := ResolveModel(t.Context(), dir, "", nil)
			if test.want == "" && (err != nil || got != dir) {
				t.Errorf("%q, %v", got, err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	for _, name := range []string{"./missing", "/missing/folder", "~/missing-folder", "missing.gguf", "a/b/c", "what is this"} {
		if _, err := ResolveModel(t.Context(), name, "", nil); err == nil || !strings.Contains(err.Error(), "neither a folder") {
			t.Errorf("%s: %v", name, err)
		}
	}
	file := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ResolveModel(t.Context(), file, "", nil); err == nil || !strings.Contains(err.Error(), "not a GGUF file") {
		t.Errorf("error %v", err)
	}
}

func TestDefaultModelByNameNeedsNoNetworkOnceThere(t *testing.T) {
	cache := freshCache(t)
	dir := filepath.Join(cache, "models", DefaultModelName)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range modelFiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"", DefaultModelName, DefaultModelHubID} {
		if got, err := ResolveModel(t.Context(), name, "", nil); err != nil || got != dir {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}

// TestGGUFIsConvertedOnceForItsContent uses a model of one layer and eight tokens.
func TestGGUFIsConvertedOnceForItsContent(t *testing.T) {
	cache := freshCache(t)
	first, err := ResolveModel(t.Context(), "testdata/little.gguf", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkFolder(first); err != nil || !strings.HasPrefix(first, filepath.Join(cache, "models", "gguf-")) {
		t.Errorf("%s: %v", first, err)
	}
	data, err := os.ReadFile("testdata/little.gguf")
	if err != nil {
		t.Fatal(err)
	}
	renamed := filepath.Join(t.TempDir(), "other name")
	if err := os.WriteFile(renamed, data, 0o600); err != nil {
		t.Fatal(err)
	}
	converted := false
	again, err := ResolveModel(t.Context(), renamed, "", func(p Progress) { converted = converted || strings.Contains(p.Note, "converting") })
	if err != nil || again != first || converted {
		t.Errorf("%q, converted again: %v, %v", again, converted, err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(renamed, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if other, err := ResolveModel(t.Context(), renamed, "", nil); err != nil || other == first {
		t.Errorf("other weights gave %q, %v", other, err)
	}
	if err := os.WriteFile(renamed, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ResolveModel(t.Context(), renamed, "", nil); err == nil {
		t.Error("half a file was accepted")
	}
	whole := filepath.Join(t.TempDir(), "cut.gguf")
	if err := os.WriteFile(whole, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ResolveModel(t.Context(), whole, "", nil); err == nil || !strings.Contains(err.Error(), "truncated") || !strings.Contains(err.Error(), whole) {
		t.Errorf("error %v", err)
	}
}

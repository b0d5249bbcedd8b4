package dataset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// openers maps a file's extension to how it is read.
var openers = map[string]func(ctx context.Context, in *input) (Source, error){
	".jsonl":   openJSON,
	".ndjson":  openJSON,
	".json":    openJSON,
	".csv":     openCSV,
	".tsv":     openTSV,
	".txt":     openText,
	".text":    openText,
	".parquet": func(_ context.Context, in *input) (Source, error) { return asSource(openParquet(in)) },
}

// asSource keeps a nil of a concrete type from becoming a non-nil Source.
func asSource[T Source](s T, err error) (Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Open opens the data set that spec names: a file, a folder, a glob, a hub id
// of the form [owner/]name[:config][@revision], or sftui:sample. What exists on disk wins over
// a hub id of the same name.
func Open(ctx context.Context, spec string, o OpenOptions) (Source, error) {
	if spec == "" {
		return nil, fmt.Errorf("no data set is named; give a file, a folder or a hub id (owner/name)")
	}
	parts, plain, err := parseSplit(o.Split)
	if err != nil {
		return nil, err
	}
	if !plain {
		return openSplits(ctx, spec, parts, o)
	}
	if name, ok := embeddedName(spec, o.Split); ok {
		return openEmbedded(ctx, name, o)
	}
	path := expandHome(spec)
	st, err := os.Stat(path)
	switch {
	case err == nil && st.IsDir():
		return openFolder(ctx, path, o)
	case err == nil:
		if o.Split != "" && o.Split != "train" {
			return nil, fmt.Errorf("%s is one file, so it has the split \"train\" only, not %q; give the file that holds the other rows", spec, o.Split)
		}
		return openFile(ctx, path, o)
	case strings.ContainsAny(spec, "*?["):
		return openGlob(ctx, path, o)
	}
	ref, ok := parseHubID(spec, o)
	if !ok {
		return nil, cannotOpen(spec, err)
	}
	src, err := openHub(ctx, ref, o)
	if err != nil && !strings.Contains(ref.id, "/") { // as likely a mistyped path as one of the hub's old names
		return nil, fmt.Errorf("there is no file or folder %s here; on the hub: %w", spec, err)
	}
	return src, err
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

func openFile(ctx context.Context, path string, o OpenOptions) (Source, error) {
	name := path
	if o.Name != "" {
		name = o.Name
	}
	st, err := os.Stat(path)
	switch {
	case err == nil && !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file; give a data file, a folder or a hub id", name)
	case err == nil && st.Size() == 0 && opener(path) != nil:
		return nil, fmt.Errorf("%s is empty; give a file with at least one row", name)
	}
	if opener(path) == nil {
		return nil, fmt.Errorf("%s has an extension that is not read; give a %s file (also with .gz or .zst)", name, strings.Join(extensions(), ", "))
	}
	in, err := openInput(path, name, o)
	if err != nil {
		return nil, err
	}
	src, err := opener(path)(ctx, in)
	if err != nil {
		in.discard()
		return nil, err
	}
	return src, nil
}

// opener is the reader for path by its extension, compression left off; nil
// when there is none.
func opener(path string) func(context.Context, *input) (Source, error) {
	lower := strings.ToLower(path)
	for _, packed := range []string{".gz", ".zst", ".zstd"} {
		lower = strings.TrimSuffix(lower, packed)
	}
	return openers[filepath.Ext(lower)]
}

func extensions() []string {
	out := make([]string, 0, len(openers))
	for ext := range openers {
		out = append(out, ext)
	}
	sort.Strings(out)
	return out
}

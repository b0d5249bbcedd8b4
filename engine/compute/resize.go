package compute

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"sftui/engine/model"
	"sftui/engine/weights"
)

// Resize says what becomes of a model folder when its vocabulary changes.
type Resize struct {
	From, To string // model folders; To is there and empty
	Rows     int    // of embedding and head from then on
	EOS      Token  // the end token from then on; an empty Text keeps the model's
	Seed     int64
	// Added is what tokenizer_config.json says of added tokens from then on, where it says anything.
	Added json.RawMessage
}

// resizedFile holds the tensors that differ from the source's; resizedFrom is
// the key of its metadata with the type that they had there.
const (
	resizedFile = "resized.safetensors"
	resizedFrom = "resized_from"
)

// Write writes config.json, generation_config.json, the tokenizer's configuration
// and the weights of the resized model into To, but not tokenizer.json. Tensors
// that stay are not copied: To has links to From's files.
//
// New rows are drawn as transformers' resize_token_embeddings draws them: from a
// normal distribution around the mean of the old rows, with 1e-9 of their
// covariance. The random stream is not torch's, so their last digits differ.
func (r Resize) Write() error {
	source, err := weights.OpenSafetensors(r.From)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // opened for reading only
	files, err := weights.Shards(r.From)
	if err != nil {
		return err
	}
	placed := map[string]string{}
	for i, file := range files {
		link := fmt.Sprintf("source-%05d.safetensors", i+1)
		if err := linkFile(file.Path, filepath.Join(r.To, link)); err != nil {
			return fmt.Errorf("resize the model: %w", err)
		}
		for _, name := range file.Tensors {
			placed[name] = link
		}
	}
	var names []string
	for _, name := range []string{sourceName(source, model.EmbedName), model.HeadName} {
		if info, found := source.Info(name); found && info.Shape[0] != r.Rows {
			names = append(names, name)
			placed[name] = resizedFile
		}
	}
	if len(names) > 0 {
		info, _ := source.Info(names[0])
		meta := map[string]string{"format": "pt", resizedFrom: info.DType}
		if err := weights.WriteSafetensorsFile(filepath.Join(r.To, resizedFile), r.tensors(source, names), meta); err != nil {
			return fmt.Errorf("resize the model: %w", err)
		}
	}
	index, err := json.MarshalIndent(map[string]any{"metadata": map[string]any{}, "weight_map": placed}, "", "  ")
	if err != nil {
		return err
	}
	if err := weights.WriteFile(filepath.Join(r.To, weights.IndexFile), index); err != nil {
		return err
	}
	return r.writeConfigs()
}

// linkFile makes to mean the file from, or a copy of it where there are no links.
func linkFile(from, to string) error {
	abs, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	if os.Symlink(abs, to) == nil {
		return nil
	}
	return os.Link(abs, to)
}

// tensors yields the resized tensors, in float32: the new rows lie closer
// together than 16 bits can tell.
func (r Resize) tensors(source *weights.Checkpoint, names []string) iter.Seq2[weights.Tensor, func() ([]byte, error)] {
	return func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		tied := false // of a pair that is one, both halves get the same rows
		if len(names) == 2 {
			tied, _ = equalTensors(source, names[0], names[1]) // what cannot be read fails below
		}
		for i, name := range names {
			if tied {
				i = 0
			}
			info, _ := source.Info(name)
			width := info.Shape[1]
			t := weights.Tensor{Name: name, DType: weights.F32, Shape: []int{r.Rows, width}}
			ok := yield(t, func() ([]byte, error) {
				old, err := source.Float32(name)
				if err != nil {
					return nil, err
				}
				random := rand.New(rand.NewPCG(uint64(r.Seed), 0x726573697a65+uint64(i)))
				return weights.EncodeFloat32(resizeRows(old, width, r.Rows, random), weights.F32)
			})
			if !ok {
				return
			}
		}
	}
}

// resizeRows cuts old [n, width] to its first rows, or adds rows to it.
func resizeRows(old []float32, width, rows int, random *rand.Rand) []float32 {
	n := len(old) / width
	if rows <= n {
		return old[:rows*width]
	}
	mean := meanRow(old, width)
	out := make([]float32, rows*width)
	copy(out, old)
	// A covariance of no more rows than columns is singular, and transformers then takes the mean alone.
	spread := 0.0
	if n > width {
		spread = math.Sqrt(1e-9 / float64(n))
	}
	drawn := make([]float64, width)
	for row := n; row < rows; row++ {
		clear(drawn)
		if spread > 0 {
			// Σ zᵢ·(eᵢ−mean)/√n has the covariance of the rows, without a decomposition of it.
			for i := range n {
				z := random.NormFloat64() * spread
				for j, v := range old[i*width : (i+1)*width] {
					drawn[j] += z * (float64(v) - mean[j])
				}
			}
		}
		for j := range drawn {
			out[row*width+j] = float32(mean[j] + drawn[j])
		}
	}
	return out
}

// meanRow is the mean of the rows of values [n, width].
func meanRow(values []float32, width int) []float64 {
	mean := make([]float64, width)
	for i, v := range values {
		mean[i%width] += float64(v)
	}
	for j := range mean {
		mean[j] /= float64(len(values) / width)
	}
	return mean
}

// writeConfigs writes what names the size and the tokens.
func (r Resize) writeConfigs() error {
	tokens := SpecialTokens{EOS: r.EOS, Chosen: true, Cloned: true}
	config, err := tokens.modelConfig(r.From)
	if err != nil {
		return err
	}
	whole := &object{filepath.Join(r.From, configFile), config}
	text, err := whole.text()
	if err != nil {
		return err
	}
	size := []field{{"vocab_size", r.Rows}}
	data, err := text.with(size)
	if err == nil && text != whole {
		data, err = whole.with([]field{{textConfig, json.RawMessage(data)}})
	}
	if err != nil {
		return err
	}
	if err := weights.WriteFile(filepath.Join(r.To, configFile), data); err != nil {
		return err
	}
	if err := tokens.write(r.From, r.To, false); err != nil {
		return err
	}
	o, err := readObject(filepath.Join(r.To, tokenizerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	const key = "added_tokens_decoder"
	if start, _, err := o.span(key); err != nil || start < 0 {
		return err
	}
	return o.write(o.name, []field{{key, r.Added}})
}

package weights

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// exportedModel is what of a model folder's config.json, generation_config.json and weights goes into a GGUF file.
type exportedModel struct {
	modelConfig

	dir     string
	name    string // general.architecture
	family  ggufArchitecture
	context int // positions that llama.cpp computes as transformers does
	stored  *Checkpoint
}

// ExportGGUF writes the model of a Hugging Face folder as one GGUF file for llama.cpp and Ollama: weights, tokenizer
// and chat template. dtype is "float32", "bfloat16", "float16" or "" for the type of the folder's embeddings; vectors
// (norms, biases) are always float32, as llama.cpp wants them. Architectures and tokenizers that the format would not
// hold truthfully are refused by name.
func ExportGGUF(dir, path, dtype string) error {
	m, err := openExported(dir)
	if err != nil {
		return err
	}
	err = m.export(path, dtype)
	return errors.Join(err, m.stored.Close())
}

func openExported(dir string) (*exportedModel, error) {
	m := &exportedModel{dir: dir}
	if err := m.readConfig(); err != nil {
		return nil, err
	}
	var err error
	m.stored, err = OpenSafetensors(dir)
	if err != nil {
		return nil, err
	}
	if _, has := m.stored.Info("lm_head.weight"); !has {
		m.TieWordEmbeddings = true
	}
	return m, nil
}

func (m *exportedModel) export(path, dtype string) error {
	dtype, err := m.wantedType(dtype)
	if err != nil {
		return err
	}
	w := &ggufWriter{}
	m.describe(w, dtype)
	if err := m.addTokenizer(w); err != nil {
		return err
	}
	if err := m.addRope(w); err != nil {
		return fmt.Errorf("%s: config.json: %w", m.dir, err)
	}
	if err := m.addWeights(w, dtype); err != nil {
		return fmt.Errorf("%s: %w", m.dir, err)
	}
	return w.write(path)
}

func (m *exportedModel) wantedType(dtype string) (string, error) {
	if dtype != "" {
		if t := DTypeOf(dtype); t != "" {
			return t, nil
		}
		return "", fmt.Errorf("cannot export as %q: float32, bfloat16 and float16 are possible", dtype)
	}
	info, ok := m.stored.Info("model.embed_tokens.weight")
	if !ok {
		return "", fmt.Errorf("%s: the weights lack model.embed_tokens.weight", m.dir)
	}
	if _, ok := ggufTypes[info.DType]; !ok {
		return "", fmt.Errorf("%s: weights of type %s are not written as GGUF; choose --dtype bfloat16", m.dir, info.DType)
	}
	return info.DType, nil
}

// describe writes the sizes of the model.
func (m *exportedModel) describe(w *ggufWriter, dtype string) {
	w.set("general.architecture", m.name)
	w.set("general.name", filepath.Base(m.dir))
	w.set("general.file_type", map[string]uint32{F32: 0, F16: 1, BF16: 32}[dtype])
	for _, size := range []struct {
		key   string
		value int
	}{
		{"block_count", m.NumHiddenLayers}, {"context_length", m.context}, {"embedding_length", m.HiddenSize},
		{"feed_forward_length", m.IntermediateSize}, {"attention.head_count", m.NumAttentionHeads},
		{"attention.head_count_kv", m.NumKeyValueHeads}, {"attention.key_length", m.HeadDim}, {"attention.value_length", m.HeadDim},
		{"rope.dimension_count", m.HeadDim}, {"vocab_size", m.VocabSize},
	} {
		w.set(m.name+"."+size.key, uint32(size.value))
	}
	w.set(m.name+".attention.layer_norm_rms_epsilon", float32(m.RMSNormEps))
	w.set(m.name+".rope.freq_base", float32(m.RopeTheta))
}

// addWeights lists every tensor under llama.cpp's name; none of the folder's may be left over.
func (m *exportedModel) addWeights(w *ggufWriter, dtype string) error {
	plan := []planned{{source: "token_embd.weight", target: "model.embed_tokens.weight"}, {source: "output_norm.weight", target: "model.norm.weight"}}
	if !m.TieWordEmbeddings {
		plan = append(plan, planned{source: "output.weight", target: "lm_head.weight"})
	}
	for layer := range m.NumHiddenLayers {
		plan = append(plan, planLayer(m.family, &m.modelConfig, layer)...)
	}
	placed := map[string]bool{"lm_head.weight": true} // a tied model may carry a copy
	for _, p := range plan {
		info, ok := m.stored.Info(p.target)
		if !ok {
			return fmt.Errorf("the weights lack %s", p.target)
		}
		if want := m.shape(p.target); !slices.Equal(info.Shape, want) {
			return fmt.Errorf("%s has the shape %v where config.json asks for %v", p.target, info.Shape, want)
		}
		placed[p.target] = true
		t := Tensor{Name: p.source, DType: dtype, Shape: info.Shape}
		if len(t.Shape) == 1 {
			t.DType = F32
		}
		w.tensor(t, func() ([]byte, error) { return m.encode(p, t) })
	}
	for _, name := range m.stored.Names() {
		if !placed[name] {
			return fmt.Errorf("the weight %s has no place in a GGUF file of %s", name, m.family.className)
		}
	}
	return nil
}

func (m *exportedModel) encode(p planned, t Tensor) ([]byte, error) {
	values, err := m.stored.Float32(p.target)
	if err != nil {
		return nil, err
	}
	if p.heads > 0 {
		values = pairRows(values, t.Shape[0], p.heads)
	}
	return EncodeFloat32(values, t.DType)
}

// pairRows is the inverse of [unpairRows]: transformers' two halves of a head become llama.cpp's neighbouring pairs.
func pairRows(values []float32, rows, heads int) []float32 {
	out := make([]float32, len(values))
	eachRow(len(values), rows, heads, func(paired, halved, width int) {
		copy(out[paired:paired+width], values[halved:halved+width])
	})
	return out
}

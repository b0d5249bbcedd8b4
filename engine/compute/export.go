package compute

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sftui/engine/model"
	"sftui/engine/weights"
)

// companions are the files of a model folder, beside config and weights, that an export takes along. They stay as they
// are but for the special tokens that ExportOptions names.
var companions = []string{
	"generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
	"vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
}

// namedTemplates is the folder in which transformers keeps chat templates beside the default one.
const namedTemplates = "additional_chat_templates"

// Export writes a folder that transformers loads: the whole model, or with LoRA (and without Merge) an adapter that
// PEFT loads. dir is created; files in it of the same names are replaced.
func (s *Session) Export(dir string, o ExportOptions) error {
	defer s.spare()()
	dtype := weights.DTypeOf(o.DType)
	for _, name := range []string{o.DType, o.PairDType} {
		if name != "" && weights.DTypeOf(name) == "" {
			return fmt.Errorf("cannot export as %q: float32, bfloat16 and float16 are possible", name)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := s.copyCompanions(dir, o); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if s.cfg.LoRA != nil && !o.Merge {
		return s.exportAdapter(dir, dtype, o)
	}
	return s.exportModel(dir, dtype, o)
}

func (s *Session) copyCompanions(dir string, o ExportOptions) error {
	names := slices.Clone(companions)
	more, err := filepath.Glob(filepath.Join(s.cfg.ModelDir, namedTemplates, "*.jinja"))
	if err == nil && len(more) > 0 {
		err = os.MkdirAll(filepath.Join(dir, namedTemplates), 0o755)
	}
	if err != nil {
		return err
	}
	for _, path := range more {
		names = append(names, filepath.Join(namedTemplates, filepath.Base(path)))
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(s.cfg.ModelDir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = weights.WriteFile(filepath.Join(dir, name), data)
		}
		if err != nil {
			return err
		}
	}
	if o.Tokens != nil {
		if err := o.Tokens.write(s.cfg.ModelDir, dir, s.cfg.LoRA != nil && !o.Merge); err != nil {
			return err
		}
	}
	if o.ChatTemplate == "" {
		return nil
	}
	// chat_template.jinja takes precedence over one in tokenizer_config.json.
	return weights.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte(o.ChatTemplate))
}

// exportModel writes config and weights.
func (s *Session) exportModel(dir, dtype string, o ExportOptions) error {
	types, err := s.sourceTypes()
	if err != nil {
		return err
	}
	config, err := os.ReadFile(filepath.Join(s.cfg.ModelDir, configFile))
	if err == nil && o.Tokens != nil {
		config, err = o.Tokens.modelConfig(s.cfg.ModelDir)
	}
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	written := dtype
	if written == "" {
		written = types[model.EmbedName]
	}
	if err := weights.WriteFile(filepath.Join(dir, configFile), s.setTied(setConfigDType(config, weights.TorchName(written)))); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	shard := o.MaxShardBytes
	if shard <= 0 {
		shard = weights.DefaultShardBytes
	}
	tensors := s.exported(func(name string) string {
		if dtype != "" {
			return dtype
		}
		if t := types[name]; weights.TorchName(t) != "" {
			return t
		}
		return weights.F32
	})
	if err := weights.WriteSafetensors(dir, tensors, shard, map[string]string{"format": "pt"}); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// sourceTypes are the element types of the folder the model came from.
func (s *Session) sourceTypes() (map[string]string, error) {
	source, err := weights.OpenSafetensors(s.cfg.ModelDir)
	if err != nil {
		return nil, fmt.Errorf("export: read the source's types: %w", err)
	}
	defer source.Close() //nolint:errcheck // opened for reading only
	types := map[string]string{}
	for _, w := range s.all {
		info, _ := source.Info(w.source)
		types[w.name] = info.DType
	}
	if was := source.Metadata()[resizedFrom]; was != "" {
		types[model.EmbedName], types[model.HeadName] = was, was // a resized tensor is written in the type it came from
	}
	if types[model.HeadName] == "" {
		types[model.HeadName] = types[model.EmbedName] // where the source ties them
	}
	return types, nil
}

var configDType = regexp.MustCompile(`("(?:torch_)?dtype"\s*:\s*)"[a-z0-9]*"`)

// setConfigDType sets dtype or torch_dtype, whichever config.json has, and leaves the rest as it stands.
func setConfigDType(config []byte, name string) []byte {
	if name == "" {
		return config
	}
	return configDType.ReplaceAll(config, []byte(`${1}"`+name+`"`))
}

var (
	tiedKey    = regexp.MustCompile(`("tie_word_embeddings"\s*:\s*)(?:true|false)`)
	firstBrace = regexp.MustCompile(`^\s*\{`)
)

// setTied makes config.json say that embedding and head differ where its source ties them and they have parted.
func (s *Session) setTied(config []byte) []byte {
	if s.model.Tied || !s.declaredTied {
		return config
	}
	if tiedKey.Match(config) {
		return tiedKey.ReplaceAll(config, []byte("${1}false"))
	}
	return firstBrace.ReplaceAll(config, []byte("{\n  \"tie_word_embeddings\": false,"))
}

// exported yields the model's weights, adapters folded in.
func (s *Session) exported(dtype func(name string) string) iter.Seq2[weights.Tensor, func() ([]byte, error)] {
	return func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		pairs := s.adaptersByWeight()
		for _, w := range s.all {
			t := weights.Tensor{Name: w.name, DType: dtype(w.name), Shape: w.shape}
			if !yield(t, func() ([]byte, error) { return s.encodeMerged(w, pairs[w.name], t.DType) }) {
				return
			}
		}
	}
}

func (s *Session) adaptersByWeight() map[string]*adapter {
	pairs := map[string]*adapter{}
	for i, l := range s.layers {
		for _, a := range l.adapters {
			pairs[model.LayerPrefix(i)+a.linear+".weight"] = a
		}
	}
	return pairs
}

// encodeMerged reads a weight and adds scale·B·A where it is adapted.
func (s *Session) encodeMerged(w *weight, a *adapter, dtype string) ([]byte, error) {
	values, err := s.values(w)
	if err != nil {
		return nil, err
	}
	if a != nil {
		low, err := download(a.a.value, a.a.elements())
		if err != nil {
			return nil, err
		}
		high, err := download(a.b.value, a.b.elements())
		if err != nil {
			return nil, err
		}
		mergeAdapter(values, low, high, a.a.shape[0], w.shape[1], float32(s.cfg.LoRA.scale()))
	}
	return weights.EncodeFloat32(values, dtype)
}

// mergeAdapter adds scale·b·a to w [out, in]; a is [r, in], b [out, r].
func mergeAdapter(w, a, b []float32, r, in int, scale float32) {
	delta := make([]float32, in)
	for row := range len(w) / in {
		clear(delta)
		for k := range r {
			factor := b[row*r+k]
			for j, v := range a[k*in : (k+1)*in] {
				delta[j] += factor * v
			}
		}
		for j, v := range delta {
			w[row*in+j] += scale * v
		}
	}
}

// exportAdapter writes adapter_config.json and adapter_model.safetensors as PEFT does: what was trained whole in the
// model's type, the pairs in float32 whatever that is.
func (s *Session) exportAdapter(dir, dtype string, o ExportOptions) error {
	types, err := s.sourceTypes()
	if err != nil {
		return err
	}
	typeOf := func(w *weight) string {
		isPair := w.source == ""
		switch whole := types[w.name]; {
		case isPair && o.PairDType != "":
			return weights.DTypeOf(o.PairDType)
		case isPair:
			return weights.F32
		case dtype != "":
			return dtype
		case weights.TorchName(whole) != "":
			return whole
		}
		return weights.F32
	}
	config, err := json.MarshalIndent(s.adapterConfig(o), "", "  ")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := weights.WriteFile(filepath.Join(dir, "adapter_config.json"), append(config, '\n')); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	tensors := func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		for _, w := range s.trained() {
			t := weights.Tensor{Name: peftPrefix + w.name, DType: typeOf(w), Shape: w.shape}
			if !yield(t, func() ([]byte, error) { return encode(w.value, w.elements(), t.DType) }) {
				return
			}
		}
	}
	if err := weights.WriteSafetensorsFile(filepath.Join(dir, adapterFile), tensors, map[string]string{"format": "pt"}); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// adapted names the adapted layers: by the last part of the name where that says which, else whole.
func (s *Session) adapted() []string {
	var short, whole []string
	for i, l := range s.layers {
		for _, a := range l.adapters {
			short = append(short, a.linear[strings.LastIndex(a.linear, ".")+1:])
			whole = append(whole, model.LayerPrefix(i)+a.linear)
		}
	}
	slices.Sort(short)
	short = slices.Compact(short)
	named := LoRAConfig{TargetModules: append(slices.Clone(short), short[0])}
	for i := range s.layers {
		for _, p := range s.model.Block {
			full := model.LayerPrefix(i) + strings.TrimSuffix(p.Name, ".weight")
			if p.Linear && named.Adapts(full) && !slices.Contains(whole, full) {
				return whole
			}
		}
	}
	return short
}

func (s *Session) adapterConfig(o ExportOptions) map[string]any {
	c := s.cfg.LoRA
	base := o.BaseModel
	if base == "" {
		base = s.cfg.ModelDir
	}
	var saved any
	if len(c.ModulesToSave) > 0 {
		saved = c.ModulesToSave
	}
	return map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "inference_mode": true,
		"r": c.R, "lora_alpha": c.Alpha, "lora_dropout": c.Dropout, "use_rslora": c.UseRSLoRA, "bias": "none",
		"target_modules": s.adapted(), "modules_to_save": saved,
		"fan_in_fan_out": false, "init_lora_weights": true, "use_dora": false,
	}
}

package weights

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ggufArchitectures maps general.architecture to how such a file becomes a transformers model.
var ggufArchitectures = map[string]ggufArchitecture{
	"llama":  {className: "LlamaForCausalLM", interleaved: true},
	"qwen2":  {className: "Qwen2ForCausalLM", qkvBias: true},
	"qwen3":  {className: "Qwen3ForCausalLM", headNorm: true},
	"gemma3": {className: "Gemma3ForCausalLM", headNorm: true, gemma: true},
}

// ggufArchitecture has what differs between the supported families.
type ggufArchitecture struct {
	className   string
	interleaved bool // llama.cpp stores the rows of Q and K in pairs for its rope; transformers stores halves
	qkvBias     bool
	headNorm    bool // RMS norm over each head of Q and K
	gemma       bool // norms behind attention and MLP too, all stored with the 1 that transformers adds
}

// ConvertGGUF writes the model of a GGUF file as a Hugging Face folder: config.json, model.safetensors (sharded when
// large), tokenizer.json, tokenizer_config.json, chat_template.jinja and generation_config.json, all from the file's
// own metadata. dtype is "float32", "bfloat16", "float16", or "auto": the smallest of these that holds every value
// exactly (float32 for anything quantized). outDir is created; an interrupted conversion leaves it incomplete, so give
// a fresh folder and rename it afterwards.
func ConvertGGUF(path, outDir string, dtype string) error {
	g, err := OpenGGUF(path)
	if err != nil {
		return err
	}
	err = g.convert(outDir, dtype)
	return errors.Join(err, g.Close())
}

func (g *GGUF) convert(outDir, dtype string) error {
	arch := g.String("general.architecture")
	family, ok := ggufArchitectures[arch]
	if !ok {
		return fmt.Errorf("%s: architecture %q is not supported as GGUF; supported are %s", g.path, arch, supportedArchitectures())
	}
	stored, err := g.storedType(dtype)
	if err != nil {
		return err
	}
	config, err := g.config(arch, family, stored)
	if err != nil {
		return fmt.Errorf("%s: %w", g.path, err)
	}
	tokenizer, err := g.tokenizer()
	if err != nil {
		return fmt.Errorf("%s: %w", g.path, err)
	}
	plan, err := g.plan(family, config)
	if err != nil {
		return fmt.Errorf("%s: %w", g.path, err)
	}
	if err := os.MkdirAll(outDir, 0o755); err != nil {
		return fmt.Errorf("convert %s: %w", g.path, err)
	}
	if err := WriteSafetensors(outDir, g.converted(plan, stored), DefaultShardBytes, nil); err != nil {
		return fmt.Errorf("convert %s: %w", g.path, err)
	}
	return g.writeTexts(outDir, config, tokenizer)
}

func supportedArchitectures() string {
	var names []string
	for name := range ggufArchitectures {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// storedType resolves the wanted dtype to a safetensors type.
func (g *GGUF) storedType(dtype string) (string, error) {
	if dtype != "auto" && dtype != "" {
		if stored := DTypeOf(dtype); stored != "" {
			return stored, nil
		}
		return "", fmt.Errorf("cannot convert to %q; use float32, bfloat16, float16 or auto", dtype)
	}
	fits := map[string]bool{BF16: true, F16: true}
	for _, name := range g.names {
		t := g.tensors[name]
		if name == ropeFactors {
			continue // becomes a setting in config.json
		}
		if !t.quant.exact() || t.quant.name == F64 {
			return F32, nil
		}
		if err := g.narrow(name, t.quant.name, fits); err != nil {
			return "", err
		}
		if !fits[BF16] && !fits[F16] {
			return F32, nil
		}
	}
	if fits[BF16] {
		return BF16, nil
	}
	return F16, nil
}

// narrow strikes out the 16-bit types that do not hold a tensor exactly.
func (g *GGUF) narrow(name, own string, fits map[string]bool) error {
	if own == BF16 && !fits[F16] || own == F16 && !fits[BF16] {
		return nil
	}
	values, err := g.Float32(name)
	if err != nil {
		return err
	}
	for _, v := range values {
		if v != v {
			continue
		}
		fits[BF16] = fits[BF16] && BFloat16ToFloat32(Float32ToBFloat16(v)) == v
		fits[F16] = fits[F16] && Float16ToFloat32(Float32ToFloat16(v)) == v
	}
	return nil
}

// planned is one tensor of the new model.
type planned struct {
	source string
	target string
	heads  int     // rows are stored in pairs within this many heads; 0 when they are in order
	around float32 // what is stored is the weight plus this
}

// plan lists every tensor of the model and checks that the file has exactly those, with the shapes that the
// configuration promises.
func (g *GGUF) plan(family ggufArchitecture, c *modelConfig) ([]planned, error) {
	plan := []planned{{source: "token_embd.weight", target: "model.embed_tokens.weight"}}
	if !c.TieWordEmbeddings {
		plan = append(plan, planned{source: "output.weight", target: "lm_head.weight"})
	}
	plan = append(plan, planned{source: "output_norm.weight", target: "model.norm.weight"})
	for layer := range c.NumHiddenLayers {
		plan = append(plan, planLayer(family, c, layer)...)
	}
	if family.gemma {
		aroundOne(plan)
	}
	wanted := map[string]bool{ropeFactors: true}
	for _, p := range plan {
		wanted[p.source] = true
		t, ok := g.tensors[p.source]
		if !ok {
			return nil, fmt.Errorf("tensor %q is missing", p.source)
		}
		if want := c.shape(p.target); !slices.Equal(t.Shape, want) {
			return nil, fmt.Errorf("tensor %q has shape %v where the metadata asks for %v", p.source, t.Shape, want)
		}
	}
	for _, name := range g.names {
		if !wanted[name] {
			return nil, fmt.Errorf("tensor %q has no place in a %s", name, family.className)
		}
	}
	return plan, nil
}

func planLayer(family ggufArchitecture, c *modelConfig, layer int) []planned {
	from, to := fmt.Sprintf("blk.%d.", layer), fmt.Sprintf("model.layers.%d.", layer)
	var plan []planned
	add := func(source, target string, heads int) {
		plan = append(plan, planned{source: from + source, target: to + target, heads: heads})
	}
	queryHeads, keyHeads := 0, 0
	if family.interleaved {
		queryHeads, keyHeads = c.NumAttentionHeads, c.NumKeyValueHeads
	}
	add("attn_norm.weight", "input_layernorm.weight", 0)
	add("attn_q.weight", "self_attn.q_proj.weight", queryHeads)
	add("attn_k.weight", "self_attn.k_proj.weight", keyHeads)
	add("attn_v.weight", "self_attn.v_proj.weight", 0)
	add("attn_output.weight", "self_attn.o_proj.weight", 0)
	if family.qkvBias || c.AttentionBias {
		add("attn_q.bias", "self_attn.q_proj.bias", queryHeads)
		add("attn_k.bias", "self_attn.k_proj.bias", keyHeads)
		add("attn_v.bias", "self_attn.v_proj.bias", 0)
	}
	if c.AttentionBias {
		add("attn_output.bias", "self_attn.o_proj.bias", 0)
	}
	if family.headNorm {
		add("attn_q_norm.weight", "self_attn.q_norm.weight", 0)
		add("attn_k_norm.weight", "self_attn.k_norm.weight", 0)
	}
	if family.gemma {
		add("post_attention_norm.weight", "post_attention_layernorm.weight", 0)
		add("ffn_norm.weight", "pre_feedforward_layernorm.weight", 0)
		add("post_ffw_norm.weight", "post_feedforward_layernorm.weight", 0)
	} else {
		add("ffn_norm.weight", "post_attention_layernorm.weight", 0)
	}
	for _, part := range []string{"gate", "up", "down"} {
		add("ffn_"+part+".weight", "mlp."+part+"_proj.weight", 0)
		if c.MLPBias {
			add("ffn_"+part+".bias", "mlp."+part+"_proj.bias", 0)
		}
	}
	return plan
}

// converted yields the tensors under their new names; each is dequantized when it is written.
func (g *GGUF) converted(plan []planned, dtype string) iter.Seq2[Tensor, func() ([]byte, error)] {
	return func(yield func(Tensor, func() ([]byte, error)) bool) {
		for _, p := range plan {
			shape := g.tensors[p.source].Shape
			data := func() ([]byte, error) {
				values, err := g.Float32(p.source)
				if err != nil {
					return nil, err
				}
				if p.heads > 0 {
					values = unpairRows(values, shape[0], p.heads)
				}
				if p.around != 0 {
					for i := range values {
						values[i] -= p.around
					}
				}
				return EncodeFloat32(values, dtype)
			}
			if !yield(Tensor{Name: p.target, DType: dtype, Shape: shape}, data) {
				return
			}
		}
	}
}

// unpairRows undoes llama.cpp's row order for rope on neighbouring pairs.
func unpairRows(values []float32, rows, heads int) []float32 {
	out := make([]float32, len(values))
	eachRow(len(values), rows, heads, func(paired, halved, width int) {
		copy(out[halved:halved+width], values[paired:paired+width])
	})
	return out
}

// eachRow calls move with where every row of width values begins in both orders: within each head of n rows, row 2i+h
// of llama.cpp's is row h·n/2+i of transformers' layout, whose rope pairs the two halves.
func eachRow(values, rows, heads int, move func(paired, halved, width int)) {
	width, perHead := values/rows, rows/heads
	for head := range heads {
		for r := range perHead {
			move((head*perHead+r)*width, (head*perHead+r%2*(perHead/2)+r/2)*width, width)
		}
	}
}

func (g *GGUF) writeTexts(outDir string, c *modelConfig, tokenizer *ggufTokenizer) error {
	files := map[string]any{
		"config.json":            c,
		"generation_config.json": tokenizer.generationConfig(),
		"tokenizer_config.json":  tokenizer.config(c.MaxPositionEmbeddings),
		"tokenizer.json":         tokenizer.file(),
	}
	for name, value := range files {
		text, err := marshal(value)
		if err == nil {
			err = WriteFile(filepath.Join(outDir, name), text)
		}
		if err != nil {
			return fmt.Errorf("convert %s: %s: %w", g.path, name, err)
		}
	}
	if template := g.String("tokenizer.chat_template"); template != "" {
		return WriteFile(filepath.Join(outDir, "chat_template.jinja"), []byte(template))
	}
	return nil
}

// marshal writes JSON without the HTML escapes that would make tokens like <|im_end|> unreadable.
func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(value)
	return out.Bytes(), err
}

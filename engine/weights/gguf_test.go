package weights

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestGGUFMetadata(t *testing.T) {
	want := map[string]any{
		"u8": uint64(200), "i8": int64(-3), "u16": uint64(60000), "i16": int64(-300), "u32": uint64(1 << 31), "i32": int64(-70000),
		"f32": float32(1e-5), "f64": 0.1, "u64": uint64(1 << 63), "i64": int64(-1 << 40), "yes": true, "text": "naïve",
		"words": []string{"a", "", "c d"}, "ints": []int64{-1, 2}, "floats": []float32{0.5}, "shorts": []uint64{7}, "flags": []bool{true, false},
		"nested": []any{[]float64{1, 2}, []float64{}},
	}
	b := &ggufBuilder{}
	for key, value := range map[string]any{
		"u8": uint8(200), "i8": int8(-3), "u16": uint16(60000), "i16": int16(-300), "u32": uint32(1 << 31), "i32": int32(-70000),
		"f32": float32(1e-5), "f64": 0.1, "u64": uint64(1 << 63), "i64": int64(-1 << 40), "yes": true, "text": "naïve",
		"words": []string{"a", "", "c d"}, "ints": []int32{-1, 2}, "floats": []float32{0.5}, "shorts": []uint16{7}, "flags": []bool{true, false},
		"nested": [][]float64{{1, 2}, {}},
	} {
		b.meta(key, value)
	}
	g, err := OpenGGUF(b.write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close() //nolint:errcheck // read-only
	if len(g.Keys()) != len(want) {
		t.Errorf("keys %v", g.Keys())
	}
	for key, value := range want {
		if got, _ := g.Value(key); !reflect.DeepEqual(got, value) {
			t.Errorf("%s = %#v, want %#v", key, got, value)
		}
	}
	if f, _ := g.Float("f32"); f != 1e-5 {
		t.Errorf("float32 1e-5 became %v", f)
	}
	if _, ok := g.Int("u64"); ok {
		t.Error("2^63 fits no int")
	}
}

// loadConverted converts the builder's file and returns the folder.
func loadConverted(t *testing.T, b *ggufBuilder, dtype string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if err := ConvertGGUF(b.write(t), dir, dtype); err != nil {
		t.Fatal(err)
	}
	return dir
}

func readJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var value map[string]any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestConvertUndoesTheRowOrderOfLlama(t *testing.T) {
	// With four elements a head llama.cpp stores transformers' rows 0 1 2 3 as 0 2 1 3.
	dir := loadConverted(t, littleGGUF("llama"), "float32")
	c, err := OpenSafetensors(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // read-only
	got, err := c.Float32("model.layers.0.self_attn.q_proj.weight")
	if err != nil {
		t.Fatal(err)
	}
	stored := ramp(len(got))
	for to, from := range []int{0, 2, 1, 3, 4, 6, 5, 7} {
		if !slices.Equal(got[to*littleHidden:(to+1)*littleHidden], stored[from*littleHidden:(from+1)*littleHidden]) {
			t.Errorf("row %d is %v", to, got[to*littleHidden:(to+1)*littleHidden])
		}
	}
	value, err := c.Float32("model.layers.0.self_attn.v_proj.weight")
	if err != nil || !slices.Equal(value, ramp(len(value))) {
		t.Errorf("v_proj must keep its order: %v %v", value, err)
	}
}

func TestConvertKeepsTheRowOrderOfQwen(t *testing.T) {
	for _, arch := range []string{"qwen2", "qwen3"} {
		dir := loadConverted(t, littleGGUF(arch), "float32")
		c, err := OpenSafetensors(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"q_proj.weight", "k_proj.weight"} {
			got, err := c.Float32("model.layers.0.self_attn." + name)
			if err != nil || !slices.Equal(got, ramp(len(got))) {
				t.Errorf("%s %s: %v %v", arch, name, got, err)
			}
		}
		extra := map[string]string{"qwen2": "q_proj.bias", "qwen3": "k_norm.weight"}[arch]
		if _, ok := c.Info("model.layers.0.self_attn." + extra); !ok {
			t.Errorf("%s lost %s", arch, extra)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestConvertedTexts(t *testing.T) {
	dir := loadConverted(t, littleGGUF("llama"), "auto")
	config := readJSON(t, filepath.Join(dir, "config.json"))
	for key, want := range map[string]any{
		"model_type": "llama", "hidden_size": 6.0, "num_attention_heads": 2.0, "num_key_value_heads": 1.0, "head_dim": 4.0, "vocab_size": 8.0,
		"rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": true, "rope_scaling": nil, "torch_dtype": "bfloat16", "eos_token_id": 1.0,
	} {
		if config[key] != want {
			t.Errorf("config.json: %s is %v, want %v", key, config[key], want)
		}
	}
	tokenizer := readJSON(t, filepath.Join(dir, "tokenizer.json"))
	model := tokenizer["model"].(map[string]any)
	vocab := model["vocab"].(map[string]any)
	if len(vocab) != 7 || vocab["ab"] != 4.0 {
		t.Errorf("vocab %v", vocab)
	}
	if !reflect.DeepEqual(model["merges"], []any{[]any{"a", "b"}}) {
		t.Errorf("merges %v", model["merges"])
	}
	added := tokenizer["added_tokens"].([]any)
	if len(added) != 3 || added[2].(map[string]any)["content"] != "<x>" || added[2].(map[string]any)["special"] != false {
		t.Errorf("added tokens %v", added)
	}
	if tokenizer["post_processor"] != nil {
		t.Errorf("smollm adds nothing, but there is %v", tokenizer["post_processor"])
	}
	template, err := os.ReadFile(filepath.Join(dir, "chat_template.jinja"))
	if err != nil || string(template) != "{{ messages }}" {
		t.Errorf("template %q, %v", template, err)
	}
	if token := readJSON(t, filepath.Join(dir, "tokenizer_config.json"))["eos_token"]; token != "</s>" {
		t.Errorf("eos_token %v", token)
	}
}

// TestConvertedTokenizerIsTheOriginal compares the tokenizer that was built from the default model's GGUF with the one its
// authors published, which the reference models use.
func TestConvertedTokenizerIsTheOriginal(t *testing.T) {
	reference := os.Getenv("SFTUI_REFERENCE")
	if reference == "" {
		t.Skip("SFTUI_REFERENCE is not set")
	}
	home, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "sftui", "models", "SmolLM2-135M-Instruct")
	if !exists(filepath.Join(dir, "tokenizer.json")) {
		t.Skip("the default model is not set up")
	}
	got := readJSON(t, filepath.Join(dir, "tokenizer.json"))
	want := readJSON(t, filepath.Join(reference, "models", "tiny-llama", "tokenizer.json"))
	for _, key := range []string{"added_tokens", "normalizer", "post_processor"} {
		if !reflect.DeepEqual(got[key], want[key]) {
			t.Errorf("%s differs: %v", key, got[key])
		}
	}
	if got["pre_tokenizer"].(map[string]any)["type"] != want["pre_tokenizer"].(map[string]any)["type"] {
		t.Errorf("pre_tokenizer %v, want %v", got["pre_tokenizer"], want["pre_tokenizer"])
	}
	for _, key := range []string{"type", "vocab", "merges", "ignore_merges", "byte_fallback"} {
		if !reflect.DeepEqual(got["model"].(map[string]any)[key], want["model"].(map[string]any)[key]) {
			t.Errorf("model.%s differs", key)
		}
	}
}

func TestPostProcessorAddsWhatTheFileAsksFor(t *testing.T) {
	b := littleGGUF("llama")
	b.meta("tokenizer.ggml.add_bos_token", true)
	b.meta("tokenizer.ggml.add_eos_token", true)
	dir := loadConverted(t, b, "float32")
	processor := readJSON(t, filepath.Join(dir, "tokenizer.json"))["post_processor"].(map[string]any)
	var order []string
	for _, piece := range processor["single"].([]any) {
		for kind, value := range piece.(map[string]any) {
			order = append(order, kind+" "+value.(map[string]any)["id"].(string))
		}
	}
	if want := []string{"SpecialToken <s>", "Sequence A", "SpecialToken </s>"}; !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
}

func TestAutoKeepsEveryValue(t *testing.T) {
	third := littleGGUF("llama")
	third.tensors[1].bytes, _ = EncodeFloat32([]float32{1, 1, 1, 1, 1, 1.0 / 3}, F32)
	half := littleGGUF("llama")
	half.tensors[1].bytes, _ = EncodeFloat32([]float32{1, 1, 1, 1, 1, 1.0009765625}, F32)
	for name, test := range map[string]struct {
		b    *ggufBuilder
		want string
	}{"small numbers": {littleGGUF("llama"), BF16}, "a third": {third, F32}, "needs half's mantissa": {half, F16}} {
		c, err := OpenSafetensors(loadConverted(t, test.b, "auto"))
		if err != nil {
			t.Fatal(err)
		}
		if info, _ := c.Info("model.norm.weight"); info.DType != test.want {
			t.Errorf("%s: stored as %s, want %s", name, info.DType, test.want)
		}
		_ = c.Close()
	}
	if err := ConvertGGUF(littleGGUF("llama").write(t), t.TempDir(), "int8"); err == nil {
		t.Error("int8 was accepted")
	}
}

// TestLlama3ScalingIsFoundFromItsFactors starts from transformers' inverse frequencies for rope_theta 500000, factor 8 and an
// original length of 512 with heads of 16 elements. llama.cpp stores plain / scaled.
func TestLlama3ScalingIsFoundFromItsFactors(t *testing.T) {
	scaled := []float64{1.0, 0.193922758102417, 0.02734413370490074, 0.0009115831344388425, 0.00017677668074611574,
		3.428102354519069e-05, 6.647869668086059e-06, 1.289173155782919e-06}
	stored := make([]float32, len(scaled))
	for i, f := range scaled {
		stored[i] = float32(math.Pow(500000, -float64(2*i)/16) / f)
	}
	b := &ggufBuilder{}
	b.float32s(ropeFactors, stored, len(stored))
	g, err := OpenGGUF(b.write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close() //nolint:errcheck // read-only
	c := &modelConfig{modelSizes: modelSizes{HeadDim: 16}, RopeTheta: 500000}
	got, err := g.llama3Scaling(c)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got["factor"].(float64)-8) > 1e-5 || got["original_max_position_embeddings"] != 512 {
		t.Errorf("scaling %v", got)
	}
	c.RopeTheta = 10000
	if _, err := g.llama3Scaling(c); err == nil {
		t.Error("factors of another rope_theta were accepted")
	}
}

// TestYarnOfItsOwn: settings of yarn that llama.cpp computes and nothing here would are refused by their key.
func TestYarnOfItsOwn(t *testing.T) {
	for key, value := range map[string]float32{"yarn_beta_fast": 16, "attn_factor": 0.5, "yarn_ext_factor": -1, "yarn_beta_slow": 1} {
		b := littleGGUF("qwen2")
		b.meta("qwen2.rope.scaling.type", "yarn")
		b.meta("qwen2.rope.scaling.factor", float32(4))
		b.meta("qwen2.rope.scaling.original_context_length", uint32(32))
		b.meta("qwen2.rope.scaling."+key, value)
		err := ConvertGGUF(b.write(t), filepath.Join(t.TempDir(), "model"), "auto")
		plain := value == -1 || value == 1
		if plain && err != nil || !plain && (err == nil || !strings.Contains(err.Error(), key)) {
			t.Errorf("%s %g: %v", key, value, err)
		}
	}
}

// TestScoredMerges compares with the merges that transformers derives from the same scored vocabulary.
func TestScoredMerges(t *testing.T) {
	text, err := os.ReadFile("testdata/scored_merges.json")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Tokens []string
		Scores []float32
		Merges [][2]string
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	vocab := map[string]int{}
	for id, token := range c.Tokens {
		vocab[token] = id
	}
	if got := scoredMerges(c.Tokens, vocab, c.Scores); !slices.Equal(got, c.Merges) {
		t.Errorf("merges\n%v, want\n%v", got, c.Merges)
	}
}

func TestSentencePieceTokenizer(t *testing.T) {
	b := littleGGUF("llama")
	b.set("tokenizer.ggml.model", "llama")
	b.set("tokenizer.ggml.tokens", []string{"<unk>", "<s>", "</s>", "▁", "a", "▁a", "<0x41>", "b"})
	b.set("tokenizer.ggml.token_type", []int32{2, 3, 3, 1, 1, 1, 6, 1})
	b.set("tokenizer.ggml.bos_token_id", uint32(1))
	b.set("tokenizer.ggml.eos_token_id", uint32(2))
	b.meta("tokenizer.ggml.scores", []float32{0, 0, 0, -3, -2, -1, 0, -4})
	tokenizer := readJSON(t, filepath.Join(loadConverted(t, b, "float32"), "tokenizer.json"))
	model := tokenizer["model"].(map[string]any)
	if model["byte_fallback"] != true || model["unk_token"] != "<unk>" || !reflect.DeepEqual(model["merges"], []any{[]any{"▁", "a"}}) {
		t.Errorf("model %v", model)
	}
	if tokenizer["post_processor"] == nil {
		t.Error("a SentencePiece model of this kind puts bos in front unless the file says otherwise")
	}
}

func TestConvertErrors(t *testing.T) {
	for name, test := range map[string]struct {
		change func(b *ggufBuilder)
		want   string
	}{
		"architecture":      {func(b *ggufBuilder) { b.set("general.architecture", "mamba") }, `"mamba" is not supported as GGUF; supported are gemma3, llama, qwen2, qwen3`},
		"experts":           {func(b *ggufBuilder) { b.meta("llama.expert_count", uint32(8)) }, "mixture of 8 experts"},
		"no layers":         {func(b *ggufBuilder) { b.set("llama.block_count", uint32(0)) }, "llama.block_count"},
		"too many layers":   {func(b *ggufBuilder) { b.set("llama.block_count", uint32(1000)) }, "only 11 tensors"},
		"missing layer":     {func(b *ggufBuilder) { b.set("llama.block_count", uint32(2)) }, `"blk.1.attn_norm.weight" is missing`},
		"wrong width":       {func(b *ggufBuilder) { b.set("llama.feed_forward_length", uint32(7)) }, `has shape [5 6] where the metadata asks for [7 6]`},
		"zero heads":        {func(b *ggufBuilder) { b.set("llama.attention.head_count", uint32(0)) }, "head_count"},
		"unknown tensor":    {func(b *ggufBuilder) { b.float32s("blk.0.extra", ramp(2), 2) }, `"blk.0.extra" has no place`},
		"no pre":            {func(b *ggufBuilder) { b.set("tokenizer.ggml.pre", "") }, "tokenizer.ggml.pre"},
		"unknown pre":       {func(b *ggufBuilder) { b.set("tokenizer.ggml.pre", "klingon") }, `"klingon"`},
		"unknown tokenizer": {func(b *ggufBuilder) { b.set("tokenizer.ggml.model", "bert") }, `"bert" is not supported`},
		"bad merge":         {func(b *ggufBuilder) { b.set("tokenizer.ggml.merges", []string{"ab"}) }, "is not a pair"},
		"merge of nothing":  {func(b *ggufBuilder) { b.set("tokenizer.ggml.merges", []string{"a q"}) }, `"q", which is not in the vocabulary`},
		"duplicate token": {func(b *ggufBuilder) {
			b.set("tokenizer.ggml.tokens", []string{"a", "a", "b", "c", "ab", "d", "e", "f"})
		}, "twice"},
		"types":        {func(b *ggufBuilder) { b.set("tokenizer.ggml.token_type", []int32{1}) }, "1 token types"},
		"eos outside":  {func(b *ggufBuilder) { b.set("tokenizer.ggml.eos_token_id", uint32(99)) }, "eos token id 99"},
		"rope scaling": {func(b *ggufBuilder) { b.meta("llama.rope.scaling.type", "longrope") }, `"longrope"`},
	} {
		t.Run(name, func(t *testing.T) {
			b := littleGGUF("llama")
			test.change(b)
			err := ConvertGGUF(b.write(t), t.TempDir(), "auto")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestDamagedGGUF(t *testing.T) {
	whole := littleGGUF("llama").build()
	for _, length := range []int{0, 3, 7, 20, 60, 400, len(whole) / 2, len(whole) - 1} {
		if _, err := parseGGUF(whole[:length]); err == nil {
			t.Errorf("a file cut at %d of %d bytes was accepted", length, len(whole))
		}
	}
	for name, want := range map[string]string{"GGML\x03\x00\x00\x00": "not a GGUF", "GGUF\x01\x00\x00\x00" + strings.Repeat("\x00", 16): "version 1"} {
		if _, err := parseGGUF([]byte(name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func FuzzGGUF(f *testing.F) {
	f.Add(littleGGUF("llama").build())
	nested := &ggufBuilder{}
	nested.meta("nested", [][]float64{{1}})
	nested.meta("general.alignment", uint32(64))
	f.Add(nested.build())
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := parseGGUF(data)
		if err != nil {
			return
		}
		for _, name := range g.Names() {
			tensor := g.tensors[name]
			if need := tensor.Elements() / tensor.quant.block * tensor.quant.bytes; len(tensor.raw) != need {
				t.Errorf("%s has %d bytes, needs %d", name, len(tensor.raw), need)
			}
			if tensor.Elements() < 1<<16 {
				_, _ = g.Float32(name)
			}
		}
		if family, ok := ggufArchitectures[g.String("general.architecture")]; ok {
			if config, err := g.config(g.String("general.architecture"), family, F32); err == nil {
				_, _ = g.plan(family, config)
			}
			if tokenizer, err := g.tokenizer(); err == nil {
				if _, err := marshal(tokenizer.file()); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
